-- Vital signs that are not the number that was written: left out, or converted.
WITH written AS (
    SELECT unnest([
        {'vital': 'temperature', 'measured': in_fahrenheit(temperature)},
        {'vital': 'heartrate', 'measured': heartrate},
        {'vital': 'resprate', 'measured': resprate},
        {'vital': 'o2sat', 'measured': o2sat},
        {'vital': 'sbp', 'measured': sbp},
        {'vital': 'dbp', 'measured': dbp},
        {'vital': 'pain', 'measured': pain_number(pain)}
    ], recursive := true)
    FROM known_events
)
SELECT 'readings of ' || vital || ' outside the plausible range: missing' AS what, count(*) AS n
FROM written
WHERE measured IS NOT NULL AND plausible(measured, vital, option('ranges')) IS NULL
GROUP BY vital
UNION ALL
SELECT 'readings of temperature converted from Celsius', count(*)
FROM known_events
WHERE in_fahrenheit(temperature) <> temperature
HAVING count(*) > 0
ORDER BY what
