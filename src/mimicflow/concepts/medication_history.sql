-- Drugs ordered in hospital during the year before arrival (inpatient orders, not home medication).
-- Grain: prescription with a known drug class. Window: 365 days before arrival, arrival excluded.
-- Source: prescriptions.
SELECT
    spine.stay_id,
    prescriptions.starttime AS event_time,
    prescriptions.starttime AS available_time,
    drug.etccode
FROM prescriptions
JOIN spine
    ON prescriptions.subject_id = spine.subject_id
    AND prescriptions.starttime >= spine.intime - INTERVAL 365 DAY
    AND prescriptions.starttime < spine.intime
JOIN etc_of_gsn('prescriptions') AS drug ON prescriptions.gsn = drug.gsn
