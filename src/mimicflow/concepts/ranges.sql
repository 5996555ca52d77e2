-- Which values of an age, an acuity or a vital sign are plausible, by vital_ranges.csv.

CREATE VIEW plausible_ranges AS
    SELECT vital AS quantity, CAST(low AS DOUBLE) AS low, CAST(high AS DOUBLE) AS high
    FROM reference('vital_ranges.csv');

CREATE MACRO within_range(measured, wanted) AS
    measured BETWEEN (SELECT low FROM plausible_ranges WHERE quantity = wanted)
             AND (SELECT high FROM plausible_ranges WHERE quantity = wanted);

CREATE MACRO plausible(measured, wanted, ranges) AS CASE
    WHEN ranges = 'none' OR within_range(measured, wanted) THEN measured
END;

CREATE MACRO in_fahrenheit(temperature) AS CASE
    WHEN option('ranges') <> 'none' AND within_range(temperature, 'temperature_celsius')
    THEN temperature * 1.8 + 32
    ELSE temperature
END;

CREATE MACRO pain_score(pain) AS coalesce(plausible(pain_number(pain), 'pain', option('ranges')), -1.0);
