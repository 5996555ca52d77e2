-- One row per stay: how the latest earlier stay ended, and how many ended before arrival.
WITH latest AS (
    SELECT
        spine.stay_id,
        count(event.stay_id) AS n_earlier,
        count(event.stay_id) FILTER (WHERE event.before_arrival) AS n_prior_stays,
        last(event.disposition ORDER BY event.event_time, event.earlier_stay_id) AS disposition
    FROM spine
    LEFT JOIN known_events AS event USING (stay_id)
    GROUP BY spine.stay_id
)
SELECT
    stay_id,
    n_prior_stays,
    CAST(n_earlier > 0 AND disposition IS NOT DISTINCT FROM 'HOME' AS TINYINT) AS previous_home,
    CAST(n_earlier > 0 AND disposition IS DISTINCT FROM 'HOME' AS TINYINT)     AS previous_else,
    CAST(n_earlier = 0 AS TINYINT)                                             AS first_stay
FROM latest
