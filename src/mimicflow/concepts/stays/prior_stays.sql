-- The patient's other stays in the emergency department that had ended before this one began, and
-- before its prediction: how many, and how the latest of them ended.
-- Grain: stay and look (at arrival, at the prediction). Window: all history; known since the latest
-- of them ended. Stays of the stay's own hospital admission are no history. Source: edstays.
--
-- All ends and looks of a patient are gone through once, in time; no stay is held against every other.
WITH ends AS (
    SELECT
        subject_id, stay_id, 'end' AS look,
        visit_of(stay_id, hadm_id)  AS visit,
        ended(intime, outtime)      AS moment,
        key_text(disposition)       AS disposition
    FROM edstays
    SEMI JOIN spine USING (subject_id)
    WHERE outtime IS NOT NULL
),
marks AS (
    SELECT
        subject_id, stay_id, look, visit, moment,
        {'visit': visit, 'moment': moment, 'disposition': disposition} AS finish
    FROM ends
    UNION ALL
    SELECT subject_id, stay_id, 'intime', visit_of(stay_id, hadm_id), intime, NULL
    FROM spine
    UNION ALL
    SELECT subject_id, stay_id, 'prediction_time', visit_of(stay_id, hadm_id), prediction_time, NULL
    FROM spine
),
-- In the same second the looks come first: what ends as the stay begins is not earlier.
seen AS (
    SELECT
        *,
        count(finish) OVER earlier                      AS n_ended,
        last_value(finish IGNORE NULLS) OVER earlier    AS latest
    FROM marks
    WINDOW earlier AS (
        PARTITION BY subject_id ORDER BY moment, finish IS NOT NULL, stay_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
),
-- Where the latest is of the own visit, the latest of another one is what that end itself had seen.
of_others AS (
    SELECT
        stay_id, look, n_ended,
        count(finish) OVER own                                                              AS n_own,
        last_value(CASE WHEN latest.visit <> visit THEN latest END IGNORE NULLS) OVER own   AS latest
    FROM seen
    WINDOW own AS (
        PARTITION BY subject_id, visit ORDER BY moment, finish IS NOT NULL, stay_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
)
SELECT
    stay_id,
    look,
    latest.moment       AS event_time,
    latest.moment       AS available_time,
    latest.disposition  AS disposition,
    n_ended - n_own     AS n_earlier,
    n_own
FROM of_others
WHERE look <> 'end'
