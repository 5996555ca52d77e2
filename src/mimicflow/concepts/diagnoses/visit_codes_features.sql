-- One row per visit of the sequence, oldest first, with its codes: the latest visits by admission time.
WITH visits AS (
    SELECT
        *,
        count(*) OVER (PARTITION BY stay_id)                                            AS n_visits,
        row_number() OVER (PARTITION BY stay_id ORDER BY event_time DESC, hadm_id DESC) AS from_last
    FROM known_events
    WHERE kind = 0
),
codes AS (
    SELECT stay_id, hadm_id, kind, place, code
    FROM known_events
    WHERE kind > 0
    QUALIFY option('repeated_codes') = 'counted' OR row_number() OVER (
        PARTITION BY stay_id, hadm_id, code ORDER BY kind, place
    ) = 1
),
lists AS (
    SELECT stay_id, hadm_id, list(code ORDER BY kind, place NULLS LAST, code) AS codes
    FROM codes
    GROUP BY stay_id, hadm_id
)
SELECT
    visits.stay_id,
    CAST(least(n_visits, option('max_visits')) - from_last + 1 AS INTEGER)  AS position,
    CAST(n_visits AS INTEGER)                                               AS n_visits,
    visits.hadm_id,
    visits.event_time                                                       AS admittime,
    coalesce(lists.codes, CAST([] AS VARCHAR[]))                            AS codes
FROM visits
LEFT JOIN lists USING (stay_id, hadm_id)
WHERE from_last <= option('max_visits')
