-- Drugs taken from the dispensing cabinet during the stay.
-- Grain: pyxis row (one dispense gives a row per GSN).
-- Window: the stay's own rows, from shortly before arrival (before_arrival_hours); the upper bound is
-- point_in_time's. Source: pyxis.
SELECT
    pyxis.stay_id,
    pyxis.charttime                                 AS event_time,
    pyxis.charttime                                 AS available_time,
    before_arrival(pyxis.charttime, spine.intime)   AS left_out,
    pyxis.gsn
FROM pyxis
JOIN spine USING (stay_id)
