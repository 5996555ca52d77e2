-- What a reader should know of the earlier stays.
SELECT 'stays whose end lies before their beginning' AS what, count(*) AS n
FROM edstays
WHERE is_reversed(intime, outtime)
UNION ALL
SELECT 'stays of the own admission that ended before arrival, left out', coalesce(sum(n_own), 0)
FROM events
WHERE look = 'intime'
