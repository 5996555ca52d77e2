-- Drugs ordered in hospital during the year before arrival (inpatient orders, not home medication).
-- Grain: prescription. Window: 365 days before arrival, arrival excluded.
-- Orders of the stay's own admission, or of one that begins after arrival, are no history, also those
-- dated before arrival. Source: prescriptions, admissions.
SELECT
    spine.stay_id,
    prescriptions.starttime                                    AS event_time,
    prescriptions.starttime                                    AS available_time,
    coalesce(
        own_admission(prescriptions.hadm_id, spine.hadm_id),
        not_yet_admitted(admissions.admittime, spine.intime)
    )                                                          AS left_out,
    prescriptions.gsn
FROM prescriptions
JOIN spine
    ON prescriptions.subject_id = spine.subject_id
    AND prescriptions.starttime >= spine.intime - INTERVAL 365 DAY
    AND prescriptions.starttime < spine.intime
LEFT JOIN admissions ON prescriptions.hadm_id = admissions.hadm_id
