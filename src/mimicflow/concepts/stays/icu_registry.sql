-- The ICU stays as a registry of the arrest system lists them.
-- Grain: ICU stay. Unit: age in whole years when the stay began. Window: the stay.
-- Source: icustays, patients; careunits.csv says of which kind a unit is, any other is 'other'.
SELECT
    icustays.subject_id                                                     AS patient_id,
    icustays.stay_id,
    patients.anchor_age + (year(icustays.intime) - patients.anchor_year)    AS age,
    key_text(patients.gender)                                                         AS sex,
    coalesce(careunits.icu, 'other')                                        AS icu,
    icustays.first_careunit                                                 AS careunit,
    icustays.intime,
    icustays.outtime
FROM icustays
LEFT JOIN patients USING (subject_id)
LEFT JOIN careunits ON key_text(careunits.careunit) = key_text(icustays.first_careunit)
ORDER BY patient_id, icustays.intime, icustays.stay_id
