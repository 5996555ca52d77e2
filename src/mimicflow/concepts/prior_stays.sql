-- The patient's other stays in the emergency department that ended before this one began
-- (prior_stays_before: or before the prediction).
-- Grain: stay, earlier stay. Window: all history. Known once it has ended. Source: edstays.
SELECT
    spine.stay_id,
    earlier.outtime                AS event_time,
    earlier.outtime                AS available_time,
    earlier.stay_id                AS earlier_stay_id,
    key_text(earlier.disposition)  AS disposition,
    earlier.outtime < spine.intime AS before_arrival
FROM spine
JOIN edstays AS earlier
    ON spine.subject_id = earlier.subject_id
    AND spine.stay_id <> earlier.stay_id
    AND earlier.outtime < CASE option('prior_stays_before')
        WHEN 'intime' THEN spine.intime
        ELSE spine.prediction_time
    END
