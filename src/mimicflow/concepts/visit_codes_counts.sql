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
