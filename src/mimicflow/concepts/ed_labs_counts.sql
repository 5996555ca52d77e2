-- Results that carry no number.
SELECT
    'results of ' || lab || CASE
        WHEN below_limit THEN ' below the detection limit'
        ELSE ' without a number'
    END AS what,
    count(*) AS n
FROM known_events
WHERE below_limit OR value IS NULL
GROUP BY lab, below_limit
ORDER BY what
