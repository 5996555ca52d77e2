-- The laboratory items that are read, with their ranges and units: labs.csv, lab_ranges.csv, lab_units.csv.

CREATE VIEW lab_items AS
    SELECT
        CAST(itemid AS BIGINT) AS itemid, "group" AS lab, published, ours,
        to_minutes(CAST(delay_minutes AS BIGINT)) AS delay,
        CAST(low AS DOUBLE) AS low, CAST(high AS DOUBLE) AS high
    FROM reference('labs.csv')
    JOIN reference('lab_ranges.csv') USING ("group");
CREATE VIEW lab_units AS
    SELECT "group" AS lab, unit, CAST(factor AS DOUBLE) AS factor FROM reference('lab_units.csv');

CREATE TYPE lab_group AS ENUM (SELECT DISTINCT lab FROM lab_items ORDER BY lab);
