-- Vital signs of the stay as they were written down: at triage, then at the bedside.
-- Grain: reading; a stay's arrival is one of nothing, for stays predicted before triage is known.
-- Window: the stay's own rows, from shortly before arrival (before_arrival_hours). The triage row bears
-- no time: it is known at arrival, or triage_delay_minutes later.
-- Units: degF, /min, /min, %, mmHg, mmHg, pain as text. Source: triage, vitalsign.
-- uses ranges.sql
SELECT
    stay_id, 'arrival' AS origin, CAST(NULL AS TIMESTAMP) AS charttime,
    spine.intime AS event_time, spine.intime AS available_time, NULL AS left_out,
    NULL AS temperature, NULL AS heartrate, NULL AS resprate, NULL AS o2sat, NULL AS sbp, NULL AS dbp,
    NULL AS pain
FROM spine
SEMI JOIN triage USING (stay_id)
UNION ALL
SELECT
    triage.stay_id, 'triage', NULL,
    spine.intime, triage_time(spine.intime), NULL,
    temperature, heartrate, resprate, o2sat, sbp, dbp, pain
FROM triage
JOIN spine USING (stay_id)
UNION ALL
SELECT
    vitalsign.stay_id, 'vitalsign', charttime,
    charttime, charttime, before_arrival(charttime, spine.intime),
    temperature, heartrate, resprate, o2sat, sbp, dbp, pain
FROM vitalsign
JOIN spine USING (stay_id)
