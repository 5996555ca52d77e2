-- Drugs taken from the dispensing cabinet during the stay.
-- Grain: pyxis row (one dispense gives a row per GSN).
-- Window: the stay's own rows, no lower bound; the upper bound is point_in_time's. Source: pyxis.
SELECT
    pyxis.stay_id,
    pyxis.charttime AS event_time,
    pyxis.charttime AS available_time,
    pyxis.gsn
FROM pyxis
JOIN spine USING (stay_id)
