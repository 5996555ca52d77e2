-- One row per dispensed drug; its class depends on the split, hence comes later (ed_medications_classes).
SELECT stay_id, gsn FROM known_events
