-- One row per stay: numeric and 0/1 features of the stay itself.
WITH known AS (
    SELECT stay_id, any_value(COLUMNS(* EXCLUDE (stay_id, event_time, available_time)))
    FROM known_events
    GROUP BY stay_id
)
SELECT
    spine.stay_id,
    spine.n_ecg,
    hours_between(spine.intime, spine.prediction_time)                           AS pre_los,
    event.acuity,
    event.age,
    CAST(event.gender IS NOT DISTINCT FROM 'M' AS TINYINT)                       AS "gender_M",
    CAST(event.arrival_transport IS NOT DISTINCT FROM 'AMBULANCE' AS TINYINT)    AS "arrival_transport_AMBULANCE",
    CAST(event.arrival_transport IS NOT DISTINCT FROM 'HELICOPTER' AS TINYINT)   AS "arrival_transport_HELICOPTER",
    CAST(event.arrival_transport IS NOT DISTINCT FROM 'WALK IN' AS TINYINT)      AS "arrival_transport_WALK IN",
    CAST(complains_of(event.chiefcomplaint, 'Chest Pain') AS TINYINT)            AS "Chest Pain",
    CAST(complains_of(event.chiefcomplaint, 'Dyspnea') AS TINYINT)               AS "Dyspnea",
    CAST(complains_of(event.chiefcomplaint, 'Presyncope') AS TINYINT)            AS "Presyncope",
    CAST(
        complains_of(
            CASE option('syncope_flag')
                WHEN 'any' THEN event.chiefcomplaint
                ELSE replace(clean_text(event.chiefcomplaint), 'presyncope', '')
            END,
            'Syncope'
        ) AS TINYINT
    )                                                                            AS "Syncope",
    CAST(event.acuity IS NULL AS TINYINT)                                        AS missing_acuity
FROM spine
LEFT JOIN known AS event USING (stay_id)
