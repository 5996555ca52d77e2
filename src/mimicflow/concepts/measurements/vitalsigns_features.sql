-- One row per reading, numbered by time (source 1 is triage), values checked against vital_ranges.csv.
-- Where the first bedside reading only repeats the triage row, the triage row is dropped. The empty
-- reading of arrival stays only where there is no other.
WITH readings AS (
    SELECT
        stay_id, origin, charttime,
        {
            'temperature': plausible(in_fahrenheit(temperature), 'temperature', option('ranges')),
            'heartrate': plausible(heartrate, 'heartrate', option('ranges')),
            'resprate': plausible(resprate, 'resprate', option('ranges')),
            'o2sat': plausible(o2sat, 'o2sat', option('ranges')),
            'sbp': plausible(sbp, 'sbp', option('ranges')),
            'dbp': plausible(dbp, 'dbp', option('ranges')),
            'pain': pain_score(pain)
        }                                                            AS reading,
        CAST(pain_asleep(pain) AS TINYINT)                           AS sleeping,
        CAST(pain_unable(pain) AS TINYINT)                           AS uta
    FROM known_events
    QUALIFY origin <> 'arrival' OR count(*) OVER (PARTITION BY stay_id) = 1
),
followed AS (
    SELECT *, lead(reading) OVER in_time AS next_reading
    FROM readings
    WINDOW in_time AS (PARTITION BY stay_id ORDER BY origin, charttime, reading, sleeping, uta)
)
SELECT
    stay_id,
    row_number() OVER (
        PARTITION BY stay_id ORDER BY origin, charttime, reading, sleeping, uta
    ) AS source,
    charttime,
    unnest(reading),
    sleeping,
    uta,
    CAST(reading.pain <> -1 AS TINYINT)                 AS real_pain,
    CAST(reading.temperature IS NOT NULL AS TINYINT)    AS real_temperature,
    CAST(reading.heartrate IS NOT NULL AS TINYINT)      AS real_heartrate,
    CAST(reading.resprate IS NOT NULL AS TINYINT)       AS real_resprate,
    CAST(reading.o2sat IS NOT NULL AS TINYINT)          AS real_o2sat,
    CAST(reading.sbp IS NOT NULL AS TINYINT)            AS real_sbp,
    CAST(reading.dbp IS NOT NULL AS TINYINT)            AS real_dbp
FROM followed
WHERE NOT (origin = 'triage' AND reading IS NOT DISTINCT FROM next_reading)
