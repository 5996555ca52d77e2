-- The columns that the features of some concepts have, always the same: static_features.csv.

CREATE VIEW static_features AS
    SELECT name, kind, "group" AS family FROM reference('static_features.csv');

CREATE TYPE ed_medication_flag AS ENUM (
    SELECT name FROM static_features WHERE family = 'ed_meds' AND kind = 'boolean'
);
CREATE TYPE etc_block AS ENUM (SELECT name FROM static_features WHERE starts_with(name, 'hxETC2'));
CREATE TYPE pmh_bin AS ENUM (
    SELECT name FROM static_features WHERE family = 'pmh' AND kind = 'boolean'
);
