-- What a reader should know of the visits.
SELECT 'visits in the sequences' AS what, count(*) AS n FROM known_events WHERE kind = 0
UNION ALL
SELECT 'visits without any code', count(*)
FROM known_events
WHERE kind = 0 AND (stay_id, hadm_id) NOT IN (SELECT (stay_id, hadm_id) FROM known_events WHERE kind > 0)
UNION ALL
SELECT 'visits not known at the prediction', count(*)
FROM events
WHERE kind = 0 AND (stay_id, hadm_id) NOT IN (SELECT (stay_id, hadm_id) FROM known_events)
UNION ALL
SELECT 'visits that end before they begin', count(*) FROM events WHERE kind = 0 AND is_reversed
UNION ALL
SELECT 'orders and procedures of known visits that are dated after the prediction: left out', count(*)
FROM events
JOIN (SELECT stay_id, prediction_time FROM spine) USING (stay_id)
WHERE kind > 0
    AND available_time > prediction_time
    AND (stay_id, hadm_id) IN (SELECT (stay_id, hadm_id) FROM known_events WHERE kind = 0)
UNION ALL
SELECT 'orders and procedures of known visits without a time of their own: known at discharge', count(*)
FROM known_events
WHERE is_undated
