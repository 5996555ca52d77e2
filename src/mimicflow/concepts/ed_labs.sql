-- Laboratory results of the stay, in the units of labs.csv.
-- Grain: result. Window: arrival to prediction time (the latter applied by point_in_time, not here).
-- available_time is storetime: a result is not known while the tube is in the laboratory
-- (availability: charttime counts it from the drawing of the blood). Source: labevents.
SELECT
    spine.stay_id,
    lab_items.lab,
    labevents.charttime                                      AS event_time,
    CASE option('availability')
        WHEN 'charttime' THEN labevents.charttime
        ELSE greatest(labevents.charttime, labevents.storetime)
    END                                                      AS available_time,
    result_value(labevents.value, labevents.valuenum)        AS value,
    below_limit(labevents.value, labevents.valuenum)         AS below_limit,
    nothing_written(labevents.value, labevents.valuenum)     AS nothing_written,
    clean_text(labevents.flag) = 'abnormal'                  AS abnormal
FROM labevents
JOIN lab_items
    ON labevents.itemid = lab_items.itemid
    AND 'yes' = CASE option('lab_items') WHEN 'published' THEN lab_items.published ELSE lab_items.ours END
JOIN spine
    ON labevents.subject_id = spine.subject_id
    AND labevents.charttime >= spine.intime
