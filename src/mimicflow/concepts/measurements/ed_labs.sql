-- Laboratory results of the stay, in the units of labs.csv.
-- Grain: result. Window: arrival to prediction time (the latter applied by point_in_time, not here).
-- available_time is storetime: a result is not known while the tube is in the laboratory, and never
-- where storetime is missing (missing_storetime: charttime takes it as known when drawn, plus the
-- delay of its group; availability: charttime does so with every result, without delay).
-- Units are converted by lab_units.csv (an empty one is the official one, one that it lacks makes the
-- result missing); then values outside lab_ranges.csv are missing. Source: labevents.
-- uses lab_items.sql
WITH results AS (
    SELECT
        spine.stay_id,
        lab_items.lab,
        lab_items.delay,
        lab_items.low,
        lab_items.high,
        labevents.charttime,
        labevents.storetime,
        result_number(labevents.value, labevents.valuenum)      AS number,
        beyond_limit(labevents.value, labevents.valuenum)       AS beyond_limit,
        nothing_written(labevents.value, labevents.valuenum)    AS nothing_written,
        unit_text(labevents.valueuom)                           AS unit,
        clean_text(labevents.flag) = 'abnormal'                 AS abnormal
    FROM labevents
    JOIN lab_items
        ON labevents.itemid = lab_items.itemid
        AND 'yes' = CASE option('lab_items') WHEN 'published' THEN lab_items.published ELSE lab_items.ours END
    JOIN spine
        ON labevents.subject_id = spine.subject_id
        AND labevents.charttime >= spine.intime
),
converted AS (
    SELECT
        results.*,
        number * CASE
            WHEN option('lab_units') = 'as_written' OR unit = '' THEN 1
            ELSE lab_units.factor
        END AS measured
    FROM results
    LEFT JOIN lab_units USING (lab, unit)
)
SELECT
    stay_id,
    lab,
    charttime                                                   AS event_time,
    CASE
        WHEN option('availability') = 'charttime' THEN charttime
        WHEN option('missing_storetime') = 'charttime' AND storetime IS NULL THEN charttime + delay
        ELSE greatest_or_null(charttime, storetime)
    END                                                         AS available_time,
    storetime IS NULL                                           AS without_storetime,
    coalesce(storetime < charttime, FALSE)                      AS stored_early,
    CASE
        WHEN number IS NULL AND option('lab_text') = 'zero' THEN 0.0
        WHEN option('lab_ranges') = 'none' OR measured BETWEEN low AND high THEN measured
    END                                                         AS value,
    number, measured, unit, beyond_limit, nothing_written, abnormal
FROM converted
