-- The first ICU stay of every adult patient, and when the patient died.
-- One table per step, counted in the attrition table; the index date is the end of the ICU stay.
-- Grain: admission, then ICU stay, then patient. Source: patients, admissions, icustays of MIMIC-IV.
-- Every choice ends its order in an id, so that equal times never leave it to chance.
-- uses ranges.sql

-- Clocks of ward and ICU differ by hours (open demo: at most 2.1): how far an ICU stay may reach out of
-- its admission, on either side. What reaches further is a slip of half a day, or of the date.
CREATE TEMP MACRO icu_overhang() AS INTERVAL '6 hours';

CREATE TEMP TABLE all_admissions AS
SELECT
    admissions.* REPLACE (
        key_text(race) AS race, nullif(trimmed(insurance), '') AS insurance
    ),
    key_text(patients.gender) AS gender, patients.dod,
    coalesce(key_text(discharge_location) = 'DIED', FALSE) AS died_location,
    patients.anchor_age + (year(admissions.admittime) - patients.anchor_year) AS age
FROM admissions
JOIN patients USING (subject_id);

CREATE TEMP TABLE adult_admissions AS
FROM all_admissions
WHERE age >= option('min_age') AND within_range(age, 'age');

CREATE TEMP TABLE adult_icustays AS
SELECT
    adult_admissions.*,
    icustays.stay_id, icustays.intime, icustays.outtime
FROM icustays
JOIN adult_admissions USING (subject_id, hadm_id);

-- Overlapping stays, as readmissions are recorded at times: the one that began first.
CREATE TEMP TABLE first_icustay AS
SELECT
    *,
    bool_or(deathtime IS NOT NULL) OVER (PARTITION BY subject_id) AS any_icu_deathtime
FROM adult_icustays
QUALIFY row_number() OVER (PARTITION BY subject_id ORDER BY intime, stay_id) = 1;

CREATE TEMP TABLE with_icu_outtime AS
FROM first_icustay
WHERE outtime IS NOT NULL;

-- Deaths in hospital, by any sign; nobody died before the admission in which it happened.
CREATE TEMP TABLE deaths AS
SELECT
    subject_id, admittime,
    CAST(greatest(admittime, coalesce(deathtime, dischtime)) AS DATE) AS day_of_death
FROM all_admissions
WHERE deathtime IS NOT NULL OR hospital_expire_flag = 1 OR died_location;

-- label counts from the index date; a protocol may let another clock decide (mortality.cohort), and
-- which signs exclude a patient: times out of order (what ends before it begins, an ICU stay that
-- reaches far out of its admission), a deathtime of that admission and other signs of death in it, a deathtime
-- of a later ICU admission. died_at: when the patient died in that admission, at its end where no time is given.
CREATE TEMP TABLE stays AS
SELECT
    stay_id, subject_id, hadm_id, admittime, dischtime, intime, outtime, dod,
    age, gender, race, insurance,
    NOT coalesce(
        outtime < intime OR dischtime < admittime OR dischtime < intime OR outtime < admittime
        OR intime < admittime - icu_overhang() OR outtime > dischtime + icu_overhang(),
        FALSE
    )                                                           AS times_in_order,
    deathtime IS NOT NULL                                       AS died_in_admission,
    coalesce(hospital_expire_flag = 1, FALSE)                   AS expire_flag,
    died_location,
    coalesce(dod <= CAST(dischtime AS DATE), FALSE)             AS dod_by_discharge,
    any_icu_deathtime,
    coalesce(contains(key_text(discharge_location), 'HOSPICE'), FALSE) AS hospice,
    CASE
        WHEN died_in_admission OR expire_flag OR died_location THEN coalesce(deathtime, dischtime)
    END                                                         AS died_at,
    (
        SELECT min(day_of_death)
        FROM deaths
        WHERE deaths.subject_id = with_icu_outtime.subject_id
            AND deaths.admittime >= with_icu_outtime.dischtime
    )                                                           AS died_later,
    hours_between(intime, outtime) / 24 AS icu_los,
    (
        SELECT count(DISTINCT earlier.stay_id)
        FROM icustays AS earlier
        WHERE earlier.subject_id = with_icu_outtime.subject_id
            AND earlier.intime < with_icu_outtime.intime
    ) AS n_prior_icu,
    CAST(
        coalesce(date_diff('day', CAST(outtime AS DATE), dod) BETWEEN 1 AND option('horizon'), FALSE)
        -- A time says that a death came after the ICU stay, on the same day too.
        OR coalesce(
            died_in_admission AND died_at > outtime
            AND date_diff('day', outtime, died_at) <= option('horizon'),
            FALSE
        ) AS TINYINT
    )                                                           AS label
FROM with_icu_outtime;
