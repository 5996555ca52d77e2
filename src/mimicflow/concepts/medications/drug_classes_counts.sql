-- Drugs that count in no feature, since no dictionary has their class.
SELECT 'drugs with a class' AS what, count(etccode) AS n FROM drugs
UNION ALL
SELECT 'drugs whose code the dictionary lacks', count(*)
FROM drugs
WHERE etccode IS NULL AND trimmed(gsn) <> ''
UNION ALL
SELECT 'different codes that the dictionary lacks', count(DISTINCT gsn)
FROM drugs
WHERE etccode IS NULL AND trimmed(gsn) <> ''
UNION ALL
SELECT 'drugs without a code', count(*) FROM drugs WHERE trimmed(gsn) = ''
