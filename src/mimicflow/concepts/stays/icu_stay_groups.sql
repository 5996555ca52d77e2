-- The groups in which patients of intensive care are described and the scores are reported.
-- Grain: first ICU stay. Source: the mortality cohort (patients, the index admission); the groups
-- themselves are in race_groups.csv and age_bands.csv. What is not known is 'Unknown', never left out.
-- Race and insurance are those of the index admission, which the prediction ends: they are known.
SELECT
    spine.stay_id,
    CASE key_text(spine.gender) WHEN 'F' THEN 'Female' WHEN 'M' THEN 'Male' ELSE 'Unknown' END AS sex,
    coalesce(age_bands.age_band, 'Unknown')                                          AS age_band,
    CASE WHEN key_text(spine.race) IS NULL THEN 'Unknown' ELSE coalesce(race_group, 'Other') END AS race,
    coalesce(nullif(trimmed(spine.insurance), ''), 'Unknown')                                             AS insurance
FROM spine
LEFT JOIN race_groups ON key_text(spine.race) = race_groups.race
LEFT JOIN age_bands
    ON spine.age >= age_bands.low AND spine.age <= coalesce(age_bands.high, spine.age)
ORDER BY spine.stay_id
