-- Orders before arrival: how often the clock alone would have taken the stay's own admission for history.
WITH early AS (
    SELECT spine.stay_id
    FROM prescriptions
    JOIN spine USING (hadm_id)
    WHERE prescriptions.starttime < spine.intime
)
SELECT 'stays with an own admission' AS what, count(hadm_id) AS n FROM spine
UNION ALL
SELECT 'of these have orders of it dated before arrival', count(DISTINCT stay_id) FROM early
UNION ALL
SELECT 'orders of the own admission dated before arrival', count(*) FROM early
