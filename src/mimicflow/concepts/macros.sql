-- Words that the concepts share: how options, texts, codes and complaints are read.

-- A key of the configuration; one that was not handed over is an error, not a NULL.
CREATE MACRO option(key) AS coalesce(getvariable(key), error('option ' || key || ' is missing'));

CREATE MACRO trimmed(field) AS trim(coalesce(field, ''), E' \t\r\n');

CREATE MACRO clean_text(field) AS lower(trimmed(field));

CREATE MACRO number_in(field) AS CASE
    WHEN regexp_full_match(clean_text(field), '[+-]?(\d+\.?\d*|\.\d+)')
    THEN try_cast(clean_text(field) AS DOUBLE)
END;

CREATE MACRO hours_between(earlier, later) AS epoch(later - earlier) / 3600.0;

-- When what lasts from begin to finish is over: never before it begins (slips of a day, of a year).
CREATE MACRO ended(begin, finish) AS CASE
    WHEN option('reversed_times') = 'ordered' AND finish < begin THEN begin
    ELSE finish
END;

-- Codes -----------------------------------------------------------------------------------------

CREATE MACRO zero_padded(code, digits) AS CASE
    WHEN length(trim(code)) >= digits THEN trim(code)
    ELSE lpad(nullif(trim(code), ''), digits, '0')
END;

-- The fields named gsn of a table, each with the drug class of its first GSN that has one.
CREATE MACRO etc_of_gsn(source) AS TABLE
    WITH fields AS (
        SELECT DISTINCT gsn AS field FROM query_table(source) WHERE gsn IS NOT NULL
    ),
    single AS (
        SELECT
            field,
            zero_padded(unnest(string_split_regex(trim(field), '\s+')), 6)          AS gsn,
            generate_subscripts(string_split_regex(trim(field), '\s+'), 1)          AS position
        FROM fields
    )
    SELECT field AS gsn, gsn_etc.etccode, gsn_etc.etcdescription
    FROM single
    JOIN gsn_etc USING (gsn)
    QUALIFY row_number() OVER (PARTITION BY field ORDER BY position) = 1;

-- Complaints ------------------------------------------------------------------------------------

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

-- Laboratory results ----------------------------------------------------------------------------

-- The limit in '<0.01' or 'less than 0.01'.
CREATE MACRO detection_limit(field) AS try_cast(
    nullif(regexp_extract(clean_text(field), '^(?:<|less than)\s*=?\s*(\d+\.?\d*|\.\d+)', 1), '')
    AS DOUBLE
);

CREATE MACRO below_limit(field, valuenum) AS
    coalesce(valuenum, number_in(field)) IS NULL AND detection_limit(field) IS NOT NULL;

-- Neither number nor text; under lab_text zero it is 0, as a text is, but leaves its group missing.
CREATE MACRO nothing_written(field, valuenum) AS valuenum IS NULL AND trimmed(field) = '';

-- valuenum, else the number in the text, else (lab_text) half the detection limit or 0.
CREATE MACRO result_value(field, valuenum) AS coalesce(
    valuenum,
    number_in(field),
    CASE WHEN option('lab_text') = 'zero' THEN 0.0 ELSE detection_limit(field) / 2 END
);

-- Vital signs -----------------------------------------------------------------------------------

CREATE MACRO within_range(measured, wanted) AS
    measured BETWEEN (SELECT low FROM vital_ranges WHERE vital = wanted)
             AND (SELECT high FROM vital_ranges WHERE vital = wanted);

CREATE MACRO plausible(measured, wanted) AS CASE
    WHEN option('ranges') = 'none' OR within_range(measured, wanted) THEN measured
END;

CREATE MACRO in_fahrenheit(temperature) AS CASE
    WHEN option('ranges') <> 'none' AND within_range(temperature, 'temperature_celsius')
    THEN temperature * 1.8 + 32
    ELSE temperature
END;

CREATE MACRO pain_asleep(pain) AS contains(clean_text(pain), 'sleep');
CREATE MACRO pain_unable(pain) AS regexp_matches(clean_text(pain), '\b(unable|uta|ua)\b');
CREATE MACRO pain_range(pain) AS
    regexp_extract(clean_text(pain), '^(\d+)\s*-\s*(\d+)$', ['low', 'high']);
CREATE MACRO pain_of_ten(pain) AS
    nullif(regexp_extract(clean_text(pain), '^(\d+\.?\d*|\.\d+)\s*/\s*10$', 1), '');

-- Nobody asleep or unable to answer has a score; else 'a-b', 'x/10' or a number; else none (-1).
CREATE MACRO pain_score(pain) AS CASE
    WHEN pain_asleep(pain) OR pain_unable(pain) THEN -1.0
    ELSE coalesce(
        plausible(
            coalesce(
                (try_cast(pain_range(pain).low AS DOUBLE) + try_cast(pain_range(pain).high AS DOUBLE)) / 2,
                try_cast(pain_of_ten(pain) AS DOUBLE),
                number_in(pain)
            ),
            'pain'
        ),
        -1.0
    )
END;
