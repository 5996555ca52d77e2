-- One row per stay: which listed bins were ever coded, how many of them, and how many coded rows.
WITH coded AS (
    SELECT
        spine.stay_id,
        'pmh_' || event.bin AS bin
    FROM spine
    LEFT JOIN known_events AS event USING (stay_id)
),
totals AS (
    SELECT
        stay_id,
        count(bin)                                                                       AS n_pmh_rows,
        count(DISTINCT bin) FILTER (WHERE bin IN (SELECT name FROM static_features)) AS n_distinct
    FROM coded
    GROUP BY stay_id
)
SELECT
    totals.stay_id,
    totals.n_pmh_rows,
    CASE option('n_pmh_bins') WHEN 'rows' THEN totals.n_pmh_rows ELSE totals.n_distinct END AS n_pmh_bins,
    bins.* EXCLUDE (stay_id)
FROM totals
JOIN (
    PIVOT coded ON bin IN pmh_bin
    USING CAST(count(*) > 0 AS TINYINT)
    GROUP BY stay_id
) AS bins USING (stay_id)
