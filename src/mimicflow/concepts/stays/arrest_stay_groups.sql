-- The groups in which the scores of the arrest models are reported.
-- Grain: stay with a bedside ECG. Source: the arrest cohort (registry), age_bands.csv. What is not
-- known is 'Unknown', never left out. All of it is known when the monitor is connected. A monitor that
-- is spelled in several ways is one, by the first of them.
SELECT
    spine.stay_id,
    CASE upper(left(spine.sex, 1)) WHEN 'F' THEN 'Female' WHEN 'M' THEN 'Male' ELSE 'Unknown' END AS sex,
    coalesce(age_bands.age_band, 'Unknown')     AS age_band,
    coalesce(nullif(spine.icu, ''), 'Unknown')     AS icu,
    CASE WHEN key_text(spine.monitor) IS NULL THEN 'Unknown'
    ELSE min(spine.monitor) OVER (PARTITION BY key_text(spine.monitor)) END AS monitor
FROM spine
LEFT JOIN age_bands
    ON floor(spine.age) >= age_bands.low AND floor(spine.age) <= coalesce(age_bands.high, floor(spine.age))
ORDER BY spine.stay_id
