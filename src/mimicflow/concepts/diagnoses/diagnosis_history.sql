-- Diagnoses of hospital admissions that ended before arrival, by CCS (ICD-9) or body system (ICD-10).
-- Grain: coded diagnosis (bin is NULL where the code is in no list). Window: all history.
-- available_time is discharge plus the lag of coding: codes are final only days later.
-- Those of the stay's own admission are no history, whatever its times say.
-- A text that two codes of the lookup share has the bin of the first one listed, ICD-9 before ICD-10:
-- padding makes such texts, and so does a lookup without the version.
-- Source: diagnoses_icd, admissions; icd_bins from HCUP.
-- uses feature_columns.sql
WITH spelled AS (
    SELECT
        CASE option('icd_padding') WHEN 'five' THEN zero_padded(icd_code, 5) ELSE icd_code END AS icd_code,
        CASE option('icd_lookup_key') WHEN 'code' THEN NULL ELSE icd_version END               AS icd_version,
        bin,
        place
    FROM icd_bins
),
lookup AS (
    FROM spelled
    QUALIFY row_number() OVER (PARTITION BY icd_code, icd_version ORDER BY place) = 1
),
discharged AS (
    SELECT subject_id, hadm_id, ended(admittime, dischtime) AS discharge FROM admissions
)
SELECT
    spine.stay_id,
    discharged.discharge                                                             AS event_time,
    discharged.discharge + to_days(CAST(option('diagnosis_lag_days') AS INTEGER))    AS available_time,
    own_admission(discharged.hadm_id, spine.hadm_id)                                 AS left_out,
    diagnoses_icd.icd_version,
    diagnoses_icd.icd_code,
    lookup.bin
FROM diagnoses_icd
JOIN discharged USING (hadm_id)
JOIN spine
    ON discharged.subject_id = spine.subject_id
    AND discharged.discharge < spine.intime
LEFT JOIN lookup
    ON icd_text(diagnoses_icd.icd_code) = lookup.icd_code
    AND (lookup.icd_version IS NULL OR lookup.icd_version = diagnoses_icd.icd_version)
