-- When each ICU stay first had a limit of treatment: no resuscitation, or comfort measures only.
-- Grain: ICU stay with one. Unit: limits_time is a naive time. Window: all that is charted of the stay.
-- Source: chartevents, the code status (code_status_items.csv; MIT-LCP's code_status.sql reads the first of them).
-- limits_of_treatment.csv has the texts that say so; no intubation alone is none, since the heart would be
-- resuscitated. A limit that is lifted later still counts: an arrest until then had not been listed.
SELECT chartevents.stay_id, min(chartevents.charttime) AS limits_time
FROM chartevents
SEMI JOIN code_status_items ON chartevents.itemid = CAST(code_status_items.itemid AS BIGINT)
SEMI JOIN limits_of_treatment ON contains(lower(chartevents.value), limits_of_treatment.text)
WHERE chartevents.stay_id IS NOT NULL
GROUP BY chartevents.stay_id
ORDER BY chartevents.stay_id
