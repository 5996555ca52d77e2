-- One row per stay: first and highest result, any abnormal flag, none readable, for nine groups.
WITH results AS (
    SELECT spine.stay_id, event.* EXCLUDE (stay_id)
    FROM spine
    LEFT JOIN known_events AS event USING (stay_id)
)
SELECT
    stay_id,
    CASE
        WHEN option('missing_labs') = 'zero' THEN coalesce(COLUMNS('_(first|peak)$'), 0.0)
        ELSE COLUMNS('_(first|peak)$')
    END,
    COLUMNS('_(abn|missing)$')
FROM (
    PIVOT results ON lab IN lab_group
    USING
        first(value ORDER BY value IS NULL OR nothing_written, event_time, available_time, value) AS first,
        max(value) AS peak,
        CAST(coalesce(bool_or(abnormal), false) AS TINYINT) AS abn,
        CAST(count(CASE WHEN NOT nothing_written THEN value END) = 0 AS TINYINT) AS missing
    GROUP BY stay_id
)
