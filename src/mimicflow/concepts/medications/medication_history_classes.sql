-- One row per stay: orders of the past year, in all and by block of 1000 ETC ids.
WITH orders AS (
    SELECT
        spine.stay_id,
        drugs.etccode,
        'hxETC2_' || left(drugs.etccode, 5) || '000' AS block
    FROM spine
    LEFT JOIN drugs USING (stay_id)
),
totals AS (
    SELECT stay_id, count(etccode) AS n_chronic_meds FROM orders GROUP BY stay_id
)
SELECT *
FROM totals
JOIN (PIVOT orders ON block IN etc_block USING count(*) GROUP BY stay_id) USING (stay_id)
