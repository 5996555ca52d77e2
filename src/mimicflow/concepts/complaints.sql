-- Whether a complaint is one of those of complaints.csv.

CREATE VIEW complaints AS FROM reference('complaints.csv');

CREATE MACRO as_word(complaint, term) AS
    regexp_matches(clean_text(complaint), '(^|[^a-z0-9])' || regexp_escape(term) || '($|[^a-z0-9])');

CREATE MACRO mentions(complaint, term, matching) AS CASE
    WHEN 'word' IN (matching, option('complaint_match')) THEN as_word(complaint, term)
    ELSE contains(clean_text(complaint), term)
END;

-- The terms in use: those of an option only when it is on.
CREATE MACRO complaint_terms() AS TABLE
    FROM complaints WHERE option IS NULL OR (option = 'complaint_sob' AND option('complaint_sob'));

CREATE MACRO complains_of(complaint, wanted) AS (
    SELECT bool_or(mentions(complaint, term, match))
    FROM complaint_terms()
    WHERE feature = wanted
);
