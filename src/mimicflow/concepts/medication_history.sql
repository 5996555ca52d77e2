-- Drugs ordered in hospital during the year before arrival (inpatient orders, not home medication).
-- Grain: prescription. Window: 365 days before arrival, arrival excluded.
-- Orders of the stay's own admission are no history, also those dated before arrival.
-- Source: prescriptions.
SELECT
    spine.stay_id,
    prescriptions.starttime                                AS event_time,
    prescriptions.starttime                                AS available_time,
    own_admission(prescriptions.hadm_id, spine.hadm_id)    AS left_out,
    prescriptions.gsn
FROM prescriptions
JOIN spine
    ON prescriptions.subject_id = spine.subject_id
    AND prescriptions.starttime >= spine.intime - INTERVAL 365 DAY
    AND prescriptions.starttime < spine.intime
