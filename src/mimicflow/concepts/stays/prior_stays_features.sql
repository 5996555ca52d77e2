-- One row per stay: how the latest earlier stay ended (prior_stays_before: arrival or the
-- prediction), and how many had ended before arrival.
SELECT
    spine.stay_id,
    coalesce(at_arrival.n_earlier, 0)                                                   AS n_prior_stays,
    CAST(latest.stay_id IS NOT NULL AND latest.disposition IS NOT DISTINCT FROM 'HOME' AS TINYINT) AS previous_home,
    CAST(latest.stay_id IS NOT NULL AND latest.disposition IS DISTINCT FROM 'HOME' AS TINYINT)     AS previous_else,
    CAST(latest.stay_id IS NULL AS TINYINT)                                             AS first_stay
FROM spine
LEFT JOIN known_events AS at_arrival
    ON spine.stay_id = at_arrival.stay_id AND at_arrival.look = 'intime'
LEFT JOIN known_events AS latest
    ON spine.stay_id = latest.stay_id AND latest.look = option('prior_stays_before')
