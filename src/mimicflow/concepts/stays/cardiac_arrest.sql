-- Cardiac arrests of the ICU stays: with the time of resuscitation, or known by the day only.
-- Grain: arrest. Unit: cpr_time is a naive time. Window: all of the stay.
-- Source: procedureevents (the item "Cardiac Arrest" is charted with its time) and procedures_icd
-- (billed resuscitation, dated by day). The codes are in arrest_codes.csv. Timed arrests count. A
-- billed resuscitation makes every stay of that admission without a timed arrest one of unknown time:
-- it may have happened in any of them, or outside of the ICU.
WITH timed AS (
    SELECT DISTINCT stay_id, starttime AS cpr_time
    FROM procedureevents
    WHERE itemid IN (SELECT CAST(code AS BIGINT) FROM arrest_codes WHERE source = 'icu/procedureevents')
),
billed AS (
    SELECT DISTINCT procedures_icd.hadm_id
    FROM procedures_icd
    JOIN arrest_codes
        ON arrest_codes.source = 'hosp/procedures_icd'
        AND arrest_codes.code = procedure_text(procedures_icd.icd_code)
        AND CAST(arrest_codes.version AS BIGINT) = procedures_icd.icd_version
)
SELECT stay_id, cpr_time
FROM timed
UNION ALL
SELECT icustays.stay_id, CAST(NULL AS TIMESTAMP) AS cpr_time
FROM icustays
SEMI JOIN billed USING (hadm_id)
ANTI JOIN timed USING (stay_id)
ORDER BY stay_id, cpr_time
