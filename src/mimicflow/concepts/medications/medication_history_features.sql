-- One row per order; its class depends on the split, hence comes later (medication_history_classes).
SELECT stay_id, gsn FROM known_events
