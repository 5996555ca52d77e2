-- Vital signs of the stay as they were written down: at triage, then at the bedside.
-- Grain: reading. Window: the stay's own rows, no lower bound. The triage row bears no time: arrival.
-- Units: degF, /min, /min, %, mmHg, mmHg, pain as text. Source: triage, vitalsign.
SELECT
    triage.stay_id, 'triage' AS origin, CAST(NULL AS TIMESTAMP) AS charttime,
    spine.intime AS event_time, spine.intime AS available_time,
    temperature, heartrate, resprate, o2sat, sbp, dbp, pain
FROM triage
JOIN spine USING (stay_id)
UNION ALL
SELECT
    vitalsign.stay_id, 'vitalsign' AS origin, charttime,
    charttime AS event_time, charttime AS available_time,
    temperature, heartrate, resprate, o2sat, sbp, dbp, pain
FROM vitalsign
JOIN spine USING (stay_id)
