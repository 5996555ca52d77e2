-- One row per stay: number of different home medications.
SELECT spine.stay_id, count(DISTINCT event.drug) AS n_home_meds
FROM spine
LEFT JOIN known_events AS event USING (stay_id)
GROUP BY spine.stay_id
