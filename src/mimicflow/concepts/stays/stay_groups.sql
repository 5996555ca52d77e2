-- The groups in which the patients are described and the scores are reported.
-- Grain: stay. Source: the cohort (edstays, patients) and admissions; the groups themselves are in
-- race_groups.csv, age_bands.csv and arrivals.csv. What is not known is 'Unknown', never left out.
--
-- Insurance is written down at hospital admissions only. It is taken from the patient's last one
-- that began before arrival: the admission that may follow from the stay exists only for those who
-- were admitted, so that to use it would be to use the outcome.
WITH earlier_admissions AS (
    SELECT
        spine.stay_id,
        arg_max(
            coalesce(nullif(trimmed(admissions.insurance), ''), 'Unknown'), (admissions.admittime, admissions.hadm_id)
        ) AS insurance
    FROM spine
    JOIN admissions
        ON admissions.subject_id = spine.subject_id
        AND admissions.admittime < spine.intime
        AND admissions.hadm_id IS DISTINCT FROM spine.hadm_id
    GROUP BY spine.stay_id
)
SELECT
    spine.stay_id,
    CASE key_text(spine.gender) WHEN 'F' THEN 'Female' WHEN 'M' THEN 'Male' ELSE 'Unknown' END AS sex,
    coalesce(age_bands.age_band, 'Unknown')                                          AS age_band,
    CASE WHEN key_text(spine.race) IS NULL THEN 'Unknown' ELSE coalesce(race_group, 'Other') END AS race,
    CASE
        WHEN key_text(spine.arrival_transport) IS NULL THEN 'Unknown'
        ELSE coalesce(arrivals.arrival, 'Other')
    END                                                                              AS arrival,
    coalesce(earlier_admissions.insurance, 'No earlier admission')                   AS insurance
FROM spine
LEFT JOIN race_groups ON key_text(spine.race) = race_groups.race
LEFT JOIN arrivals ON key_text(spine.arrival_transport) = arrivals.arrival_transport
LEFT JOIN age_bands
    ON spine.age >= age_bands.low AND spine.age <= coalesce(age_bands.high, spine.age)
LEFT JOIN earlier_admissions USING (stay_id)
ORDER BY spine.stay_id
