-- Results that are not the number that was written: left out, converted, or taken for a limit.
WITH counted AS (
    SELECT
        lab,
        unnest([
            CASE WHEN beyond_limit IS NOT NULL THEN beyond_limit || ' the limit of the method' END,
            CASE WHEN number IS NULL AND beyond_limit IS NULL THEN 'without a number' END,
            CASE WHEN stored_early THEN 'stored before they were drawn: known when drawn' END,
            CASE WHEN unit = '' THEN 'without a unit: taken as the official one' END,
            CASE WHEN number IS NOT NULL AND measured IS NULL THEN 'in the unknown unit ' || unit || ': missing' END,
            CASE WHEN measured <> number THEN 'converted from ' || unit END,
            CASE WHEN measured IS NOT NULL AND value IS NULL THEN 'outside the plausible range: missing' END
        ]) AS what
    FROM known_events
    UNION ALL
    SELECT
        lab,
        'without storetime: ' || CASE WHEN available_time IS NULL THEN 'never known' ELSE 'known from charttime' END
    FROM events
    JOIN (SELECT stay_id, prediction_time FROM spine) USING (stay_id)
    WHERE without_storetime AND option('availability') <> 'charttime' AND event_time <= prediction_time
)
SELECT 'results of ' || lab || ' ' || what AS what, count(*) AS n
FROM counted
WHERE what IS NOT NULL
GROUP BY ALL
UNION ALL
SELECT 'results drawn until the prediction', count(*)
FROM events
JOIN (SELECT stay_id, prediction_time FROM spine) USING (stay_id)
WHERE event_time <= prediction_time
ORDER BY what
