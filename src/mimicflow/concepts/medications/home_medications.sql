-- Drugs the patient takes at home, as reconciled during the stay (an option beside the published columns).
-- Grain: medrecon row. Window: the stay's own rows, from shortly before arrival (before_arrival_hours).
-- Source: medrecon.
SELECT
    medrecon.stay_id,
    medrecon.charttime                                             AS event_time,
    medrecon.charttime                                             AS available_time,
    before_arrival(medrecon.charttime, spine.intime)               AS left_out,
    coalesce(zero_padded(medrecon.gsn, 6), nullif(clean_text(medrecon.name), '')) AS drug
FROM medrecon
JOIN spine USING (stay_id)
