-- The ICU stays as a registry of the arrest system lists them.
-- Grain: ICU stay. Unit: age in whole years when the stay began. Window: the stay.
-- Source: icustays, patients, admissions; careunits.csv says of which kind a unit is, any other is 'other'.
-- death_time is that of the admission, also after the stay; a death before the stay is a slip of the dates.
SELECT
    icustays.subject_id                                                     AS patient_id,
    icustays.stay_id,
    patients.anchor_age + (year(icustays.intime) - patients.anchor_year)    AS age,
    key_text(patients.gender)                                                         AS sex,
    coalesce(careunits.icu, 'other')                                        AS icu,
    icustays.first_careunit                                                 AS careunit,
    icustays.intime,
    icustays.outtime,
    CASE WHEN admissions.deathtime >= icustays.intime THEN admissions.deathtime END AS death_time,
    coalesce(admissions.deathtime < icustays.intime, FALSE)                 AS died_before
FROM icustays
LEFT JOIN patients USING (subject_id)
LEFT JOIN (SELECT hadm_id, min(deathtime) AS deathtime FROM admissions GROUP BY hadm_id) AS admissions USING (hadm_id)
LEFT JOIN careunits ON key_text(careunits.careunit) = key_text(icustays.first_careunit)
ORDER BY patient_id, icustays.intime, icustays.stay_id
