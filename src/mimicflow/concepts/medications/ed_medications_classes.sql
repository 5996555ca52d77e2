-- One row per stay: number of dispensed drugs, and which blocks of ETC ids they fall in.
-- etc3 and etc2 are blocks of 100 and 1000 ids, not drug classes: ETC ids have no hierarchy by place.
-- etcdesc, the class names themselves, becomes columns on request (etc_descriptions).
WITH dispensed AS (
    SELECT spine.stay_id, drugs.etccode, drugs.etcdescription
    FROM spine
    LEFT JOIN drugs USING (stay_id)
),
totals AS (
    SELECT
        stay_id,
        count(etccode) AS n_pyxis_total,
        coalesce(
            list_sort(list_distinct(list(etcdescription) FILTER (WHERE etcdescription IS NOT NULL))),
            []
        ) AS etcdesc
    FROM dispensed
    GROUP BY stay_id
),
blocks AS (
    SELECT
        stay_id,
        unnest(['etc3_' || left(etccode, 6) || '00', 'etc2_' || left(etccode, 5) || '000']) AS block
    FROM dispensed
)
SELECT *
FROM totals
JOIN (
    PIVOT blocks ON block IN ed_medication_flag
    USING CAST(count(*) > 0 AS TINYINT)
    GROUP BY stay_id
) USING (stay_id)
