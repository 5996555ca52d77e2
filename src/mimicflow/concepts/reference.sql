-- The tables of reference/*.csv with their types, and the fixed lists of feature columns.

CREATE VIEW static_features AS
    SELECT name, kind, "group" AS family FROM reference_static_features;
CREATE VIEW complaints AS FROM reference_complaints;
-- Of vital signs and of laboratory groups; no name is both.
CREATE VIEW plausible_ranges AS
    SELECT vital AS quantity, CAST(low AS DOUBLE) AS low, CAST(high AS DOUBLE) AS high
    FROM reference_vital_ranges
    UNION ALL
    SELECT "group", CAST(low AS DOUBLE), CAST(high AS DOUBLE) FROM reference_lab_ranges;
CREATE VIEW lab_items AS
    SELECT
        CAST(itemid AS BIGINT) AS itemid, "group" AS lab, published, ours,
        to_minutes(CAST(delay_minutes AS BIGINT)) AS delay
    FROM reference_labs
    JOIN reference_lab_ranges USING ("group");
CREATE VIEW lab_units AS
    SELECT "group" AS lab, unit, CAST(factor AS DOUBLE) AS factor FROM reference_lab_units;

CREATE TYPE lab_group AS ENUM (SELECT DISTINCT lab FROM lab_items ORDER BY lab);
CREATE TYPE ed_medication_flag AS ENUM (
    SELECT name FROM static_features WHERE family = 'ed_meds' AND kind = 'boolean'
);
CREATE TYPE etc_block AS ENUM (SELECT name FROM static_features WHERE starts_with(name, 'hxETC2'));
CREATE TYPE pmh_bin AS ENUM (
    SELECT name FROM static_features WHERE family = 'pmh' AND kind = 'boolean'
);
