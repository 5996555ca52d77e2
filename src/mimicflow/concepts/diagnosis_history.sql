-- Diagnoses of hospital admissions that ended before arrival, by CCS (ICD-9) or body system (ICD-10).
-- Grain: coded diagnosis (bin is NULL where the code is in no list). Window: all history.
-- available_time is discharge plus the lag of coding: codes are final only days later.
-- Source: diagnoses_icd, admissions; icd_bins from HCUP.
SELECT
    spine.stay_id,
    admissions.dischtime                                                                   AS event_time,
    admissions.dischtime + to_days(CAST(option('diagnosis_lag_days') AS INTEGER))          AS available_time,
    diagnoses_icd.icd_version,
    diagnoses_icd.icd_code,
    icd_bins.bin
FROM diagnoses_icd
JOIN admissions USING (hadm_id)
JOIN spine
    ON admissions.subject_id = spine.subject_id
    AND admissions.dischtime < spine.intime
LEFT JOIN icd_bins
    ON upper(trim(diagnoses_icd.icd_code)) = CASE option('icd_padding')
        WHEN 'five' THEN zero_padded(icd_bins.icd_code, 5)
        ELSE icd_bins.icd_code
    END
    AND (option('icd_lookup_key') = 'code' OR diagnoses_icd.icd_version = icd_bins.icd_version)
