-- The hospital visits of a patient and what was coded in them: diagnoses, procedures, drugs.
-- Grain: visit and coded item; a visit is there once more without a code, so that none gets lost.
-- Window: all visits. available_time is discharge: codes are billed when the visit is over; an order
-- or a procedure that is dated later still is known from then on (late_rows), one without a time of its
-- own at discharge, as a diagnosis (counted). That the patient is in
-- the index admission is known from its beginning, its codes are not.
-- code carries what it comes from, since ICD-9 and ICD-10 share names; place is its order in the visit.
-- Source: admissions, diagnoses_icd, procedures_icd, prescriptions.
WITH visits AS (
    SELECT
        spine.stay_id, spine.subject_id,
        admissions.hadm_id,
        admissions.admittime                                        AS event_time,
        admissions.hadm_id IS NOT DISTINCT FROM spine.hadm_id       AS is_index,
        is_reversed(admissions.admittime, admissions.dischtime)     AS is_reversed,
        CASE
            -- As published: codes of any time are taken.
            WHEN option('visits') = 'all' THEN spine.prediction_time
            WHEN is_index AND option('prediction_time') = 'icu_out' THEN NULL
            ELSE ended(admissions.admittime, admissions.dischtime)
        END                                                         AS available_time,
        spine.prediction_time
    FROM admissions
    JOIN spine USING (subject_id)
),
coded AS (
    SELECT
        subject_id, hadm_id,
        1 AS kind, CAST(seq_num AS DOUBLE) AS place,
        'ICD' || icd_version || ':' AS prefix, icd_text(icd_code) AS name,
        CAST(NULL AS TIMESTAMP) AS dated
    FROM diagnoses_icd
    UNION ALL
    SELECT
        subject_id, hadm_id, 2, CAST(seq_num AS DOUBLE), 'PROC' || icd_version || ':',
        procedure_text(icd_code),
        chartdate
    FROM procedures_icd
    UNION ALL
    SELECT subject_id, hadm_id, 3, epoch(starttime), 'DRUG:', nullif(clean_text(drug), ''), starttime
    FROM prescriptions
)
SELECT
    stay_id, hadm_id, event_time,
    CASE WHEN is_index THEN least(event_time, prediction_time) ELSE available_time END AS available_time,
    is_reversed,
    FALSE                                                           AS is_undated,
    0                                                               AS kind,
    NULL                                                            AS place,
    NULL                                                            AS code
FROM visits
UNION ALL
SELECT
    visits.stay_id, visits.hadm_id, visits.event_time,
    CASE
        WHEN option('visits') = 'known' AND option('late_rows') = 'exclude' AND coded.dated > visits.available_time
        THEN coded.dated
        ELSE visits.available_time
    END                                                             AS available_time,
    visits.is_reversed,
    coded.kind IN (2, 3) AND coded.dated IS NULL                    AS is_undated,
    coded.kind, coded.place,
    CASE option('code_names') WHEN 'bare' THEN '' ELSE coded.prefix END || coded.name
FROM visits
JOIN coded USING (subject_id, hadm_id)
WHERE coded.name IS NOT NULL
