-- The cohort: adult stays in the emergency department with a cardiac complaint and an ECG, and
-- the ECGs from which each is predicted. One table per step, counted in the attrition table.
-- Grain: stay and ECG until ecg_sequence, stay from candidates on. Source: MIMIC-IV-ED, MIMIC-IV-ECG.
-- Every choice ends its order in an id, so that equal times never leave it to chance.
-- uses complaints.sql
-- uses ranges.sql

CREATE TEMP TABLE ed_stays AS
SELECT * REPLACE (
    key_text(gender) AS gender,
    key_text(race) AS race,
    key_text(arrival_transport) AS arrival_transport,
    key_text(disposition) AS disposition
)
FROM edstays;

-- ECG carts have clocks of their own: nothing looks at a time that is not corrected.
CREATE TEMP VIEW ecgs AS
SELECT * REPLACE (
    ecg_time + to_minutes(CAST(option('ecg_clock_skew_minutes') AS BIGINT)) AS ecg_time
)
FROM machine_measurements;

-- An ECG may lie in two overlapping stays, or near two of them: it is given to the stay that truly
-- holds it, then to the later arrival.
CREATE TEMP TABLE ecgs_near_stays AS
SELECT
    ed_stays.*,
    ecgs.study_id,
    ecgs.ecg_time,
    ecgs.ecg_time BETWEEN ed_stays.intime AND ed_stays.outtime AS inside
FROM ed_stays
JOIN ecgs USING (subject_id)
WHERE NOT is_reversed(ed_stays.intime, ed_stays.outtime)
    AND ecgs.ecg_time
    BETWEEN ed_stays.intime - to_minutes(CAST(option('ecg_tolerance_minutes') AS BIGINT))
    AND ed_stays.outtime + to_minutes(CAST(option('ecg_tolerance_minutes') AS BIGINT));

CREATE TEMP TABLE ecg_in_stay AS
FROM ecgs_near_stays
QUALIFY option('shared_ecg') = 'every_stay' OR row_number() OVER (
    PARTITION BY study_id ORDER BY inside DESC, intime DESC, stay_id DESC
) = 1;

CREATE TEMP TABLE triaged AS
SELECT ecg_in_stay.*, triage.acuity, triage.chiefcomplaint
FROM ecg_in_stay
JOIN triage USING (stay_id);

CREATE TEMP TABLE complaining AS
FROM triaged
WHERE (SELECT bool_or(mentions(chiefcomplaint, term, match)) FROM complaint_terms());

CREATE TEMP TABLE with_patient AS
SELECT
    complaining.*,
    patients.anchor_age + (year(complaining.intime) - patients.anchor_year) AS age
FROM complaining
JOIN patients USING (subject_id)
WHERE within_range(age, 'age');

-- An ECG taken after the admission was decided predicts what is known (boarding).
CREATE TEMP TABLE before_admission AS
SELECT with_patient.*, admissions.admittime
FROM with_patient
LEFT JOIN admissions ON with_patient.hadm_id = admissions.hadm_id
WHERE option('after_admission') = 'keep'
    OR admissions.admittime IS NULL
    OR with_patient.ecg_time <= admissions.admittime;

CREATE TEMP TABLE with_record AS
SELECT before_admission.*, record_list.path
FROM before_admission
JOIN record_list USING (study_id);

-- An ECG whose waveform cannot be read leaves, or counts without it (row 44).
CREATE TEMP TABLE readable_ecgs AS
SELECT with_record.*, records.study_id IS NOT NULL AS readable
FROM with_record
LEFT JOIN records ON with_record.study_id = records.study_id
WHERE records.study_id IS NOT NULL OR option('unreadable_ecgs') = 'count';

-- Prediction is made at the last ECG, at most the max_ecgs-th, or at the k-th where there is one.
CREATE TEMP TABLE ecg_sequence AS
WITH numbered AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY stay_id ORDER BY ecg_time, study_id) AS position,
        count(*) OVER (PARTITION BY stay_id)                                 AS n_of_stay
    FROM readable_ecgs
),
placed AS (
    SELECT
        *,
        coalesce(
            try_cast(CAST(option('prediction_ecg') AS VARCHAR) AS BIGINT),
            least(n_of_stay, option('max_ecgs'))
        ) AS n_ecg_used
    FROM numbered
)
FROM placed
WHERE position <= n_ecg_used AND n_ecg_used <= n_of_stay
QUALIFY bool_or(readable) OVER (PARTITION BY stay_id);

-- The clocks of ECG carts and hospital differ: a prediction never leaves the stay.
CREATE TEMP TABLE candidates AS
SELECT
    stay_id, subject_id, hadm_id, intime, outtime, admittime,
    greatest(intime, least(outtime, ecg_time))                                     AS prediction_time,
    CAST(disposition IS NOT DISTINCT FROM option('positive_class') AS TINYINT)     AS label,
    disposition,
    CASE option('count_ecgs') WHEN 'whole_stay' THEN n_of_stay ELSE n_ecg_used END AS n_ecg,
    n_ecg_used, study_id, ecg_time, readable,
    gender, race, arrival_transport, acuity, chiefcomplaint, age
FROM ecg_sequence
WHERE position = n_ecg_used
    AND (option('disposition_filter') = 'after_choice' OR disposition IN ('HOME', 'ADMITTED'));

-- One rule is on; the columns of the others are empty and do not sort.
CREATE TEMP TABLE chosen AS
WITH preferred AS (
    SELECT
        *,
        CASE option('stays_per_patient') WHEN 'most_ecgs' THEN n_ecg END      AS most_ecgs,
        CASE option('stays_per_patient') WHEN 'most_ecgs' THEN ecg_time END   AS latest,
        CASE option('stays_per_patient') WHEN 'first' THEN intime END         AS earliest,
        CASE option('stays_per_patient')
            WHEN 'random' THEN md5(option('seed') || '/' || stay_id)
        END                                                                   AS draw
    FROM candidates
)
FROM preferred
QUALIFY option('stays_per_patient') = 'all' OR row_number() OVER (
    PARTITION BY subject_id ORDER BY most_ecgs DESC, latest DESC, earliest, draw, stay_id
) = 1;

CREATE TEMP TABLE cohort AS
FROM chosen
WHERE disposition IN ('HOME', 'ADMITTED');

CREATE TEMP TABLE cohort_ecgs AS
SELECT
    ecg_sequence.stay_id, ecg_sequence.position, ecg_sequence.study_id, ecg_sequence.ecg_time,
    ecg_sequence.path, ecg_sequence.readable,
    greatest(0.0, hours_between(ecg_sequence.ecg_time, cohort.ecg_time)) AS hours_before
FROM ecg_sequence
JOIN cohort USING (stay_id);

-- However they end: what the choice of HOME and ADMITTED leaves out, and what comes after an admission.
CREATE TEMP TABLE predicted_stays AS
SELECT
    ecg_sequence.stay_id, ecg_sequence.subject_id, ecg_sequence.disposition,
    admissions.hadm_id IS NOT NULL AND (
        admissions.deathtime IS NOT NULL
        OR coalesce(admissions.hospital_expire_flag = 1, FALSE)
        OR coalesce(key_text(admissions.discharge_location) = 'DIED', FALSE)
    )                                                                       AS died_in_hospital,
    coalesce(contains(key_text(admissions.discharge_location), 'HOSPICE'), FALSE) AS hospice
FROM ecg_sequence
LEFT JOIN admissions ON ecg_sequence.hadm_id = admissions.hadm_id
WHERE position = n_ecg_used;

-- Counted beside the steps ----------------------------------------------------------------------

CREATE TEMP VIEW of_which_positive AS FROM cohort WHERE label = 1;
CREATE TEMP VIEW of_which_multi_ecg AS FROM cohort WHERE n_ecg_used >= 2;
CREATE TEMP VIEW of_which_predicted_after_admission AS FROM cohort WHERE ecg_time > admittime;
CREATE TEMP VIEW of_which_complaint_inside_word AS
FROM cohort
WHERE NOT (SELECT bool_or(as_word(chiefcomplaint, term)) FROM complaint_terms());
-- No delay of triage is known: these are predicted while it may still be under way.
CREATE TEMP VIEW of_which_predicted_at_triage AS
FROM cohort WHERE prediction_time <= intime + INTERVAL 15 MINUTE;
-- A departure before the arrival leaves no time in which an ECG could lie, nor a length of stay.
CREATE TEMP VIEW lost_reversed_times AS FROM ed_stays WHERE is_reversed(intime, outtime);
CREATE TEMP VIEW of_which_unreadable_prediction_ecg AS FROM cohort WHERE NOT readable;
CREATE TEMP VIEW lost_without_readable_ecg AS
FROM with_record
WHERE stay_id NOT IN (SELECT stay_id FROM readable_ecgs WHERE readable);
CREATE TEMP VIEW lost_shortness_of_breath AS
FROM triaged
WHERE (
        SELECT bool_or(mentions(chiefcomplaint, term, match))
        FROM complaints
        WHERE option = 'complaint_sob'
    )
    AND stay_id NOT IN (SELECT stay_id FROM complaining);
CREATE TEMP VIEW shared_ecgs AS
FROM ecgs_near_stays
QUALIFY count(*) OVER (PARTITION BY study_id) > 1;
