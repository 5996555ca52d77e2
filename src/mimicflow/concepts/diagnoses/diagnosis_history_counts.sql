-- Coded diagnoses that set no feature.
SELECT 'ICD-' || icd_version || ' codes in no CCS or CCSR list' AS what, count(*) AS n
FROM known_events
WHERE bin IS NULL
GROUP BY icd_version
UNION ALL
SELECT 'rows in bin ' || bin || ', which has no column', count(*)
FROM known_events
WHERE 'pmh_' || bin NOT IN (SELECT name FROM static_features)
GROUP BY bin
UNION ALL
SELECT 'stays with coded diagnoses', count(DISTINCT stay_id) FROM known_events
UNION ALL
SELECT 'of these with some of an admission that ended within 30 days before the prediction', count(DISTINCT stay_id)
FROM known_events
JOIN spine USING (stay_id)
WHERE event_time > prediction_time - INTERVAL 30 DAY
UNION ALL
SELECT 'admissions whose end lies before their beginning', count(*)
FROM admissions
WHERE is_reversed(admittime, dischtime)
ORDER BY what
