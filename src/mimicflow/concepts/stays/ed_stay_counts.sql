-- Acuities that no triage gives.
SELECT 'acuities outside of 1 to 5: missing' AS what, count(*) AS n
FROM spine
WHERE NOT within_range(acuity, 'acuity')
HAVING count(*) > 0
