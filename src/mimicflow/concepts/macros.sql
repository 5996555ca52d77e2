-- Words that the concepts share: how options, texts, codes and numbers are read.

-- A table of reference/, as text.
CREATE MACRO reference(file) AS TABLE
    FROM read_csv(getvariable('reference_folder') || '/' || file, header = TRUE, all_varchar = TRUE);

-- A key of the configuration; one that was not handed over is an error, not a NULL.
CREATE MACRO option(key) AS coalesce(getvariable(key), error('option ' || key || ' is missing'));

-- The same as in code_texts.py: single plain blanks, none at the ends, nothing without width.
CREATE MACRO trimmed(field) AS trim(
    regexp_replace(
        regexp_replace(
            coalesce(field, ''),
            '[\x{ad}\x{180e}\x{200b}-\x{200f}\x{202a}-\x{202e}\x{2060}-\x{2064}\x{feff}]',
            '', 'g'
        ),
        '[\x{00}-\x{20}\x{7f}-\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]+',
        ' ', 'g'
    ),
    ' '
);

CREATE MACRO clean_text(field) AS lower(trimmed(field));

-- A category such as race or sex; nothing is NULL.
CREATE MACRO key_text(field) AS nullif(upper(trimmed(field)), '');

CREATE MACRO number_in(field) AS CASE
    WHEN regexp_full_match(clean_text(field), '[+-]?(\d+\.?\d*|\.\d+)')
    THEN try_cast(clean_text(field) AS DOUBLE)
END;

-- Times -----------------------------------------------------------------------------------------

-- DuckDB's greatest() leaves out what is not known, and so takes it for early.
CREATE MACRO greatest_or_null(one, other) AS CASE
    WHEN one IS NOT NULL AND other IS NOT NULL THEN greatest(one, other)
END;

CREATE MACRO hours_between(earlier, later) AS epoch(later - earlier) / 3600.0;

CREATE MACRO is_reversed(begin, finish) AS coalesce(finish < begin, FALSE);

-- When something had ended: not before it began, whatever its end says (reversed_times: as_written
-- believes it). Without an end it has not ended; greatest alone would take the beginning for it.
CREATE MACRO ended(begin, finish) AS CASE
    WHEN option('reversed_times') = 'ordered' AND is_reversed(begin, finish) THEN begin
    ELSE finish
END;

-- Triage bears no time.
CREATE MACRO triage_time(intime) AS
    intime + to_minutes(CAST(option('triage_delay_minutes') AS BIGINT));

-- Why an event does not count, whatever its time (point_in_time.py); NULL: it counts.

-- Only patients who were admitted have rows of the stay's own admission: they give the outcome away.
CREATE MACRO own_admission(hadm_id, hadm_id_of_stay) AS CASE
    WHEN option('own_admission') = 'exclude' AND hadm_id = hadm_id_of_stay
    THEN 'of the stay''s own admission'
END;

-- Nor has an order been given before its admission began, whatever its own clock says: where the stay
-- does not name the admission that followed, this shows which one it is.
CREATE MACRO not_yet_admitted(admittime, intime) AS CASE
    WHEN option('own_admission') = 'exclude' AND admittime >= intime
    THEN 'of an admission that begins after arrival'
END;

-- The stay, with the others of its own admission; negative where it has none.
CREATE MACRO visit_of(stay_id, hadm_id) AS CASE
    WHEN option('own_admission') = 'exclude' THEN coalesce(hadm_id, -stay_id)
    ELSE -stay_id
END;

-- Clocks of the ward and of registration differ by minutes: what is much older is a slip.
CREATE MACRO before_arrival(charttime, intime) AS CASE
    WHEN charttime < intime - to_seconds(
        3600 * try_cast(CAST(option('before_arrival_hours') AS VARCHAR) AS DOUBLE)
    )
    THEN 'dated long before arrival'
END;

-- Codes -----------------------------------------------------------------------------------------

-- A numeric code without the '.0' that spreadsheets add.
CREATE MACRO code_text(field) AS
    nullif(regexp_replace(trimmed(field), '^([0-9]+)\.0*$', '\1'), '');

-- Upper case, without dot and blanks; after that many digits, '.0' is that of a number.
CREATE MACRO undotted(field, digits) AS nullif(
    replace(
        regexp_replace(
            replace(upper(trimmed(field)), ' ', ''), '^([0-9]{' || digits || ',})\.0*$', '\1'
        ),
        '.', ''
    ),
    ''
);

-- An ICD code as MIMIC-IV writes it. The dot of a diagnosis stands behind three digits, that of a
-- procedure behind two.
CREATE MACRO icd_text(field) AS undotted(field, 4);
CREATE MACRO procedure_text(field) AS undotted(field, 3);

CREATE MACRO zero_padded(code, digits) AS CASE
    WHEN length(code_text(code)) >= digits THEN code_text(code)
    ELSE lpad(code_text(code), digits, '0')
END;

-- The fields named gsn of a table, each with the drug class of its first GSN that has one.
CREATE MACRO etc_of_gsn(source) AS TABLE
    WITH fields AS (
        SELECT DISTINCT gsn AS field FROM query_table(source) WHERE gsn IS NOT NULL
    ),
    single AS (
        SELECT
            field,
            zero_padded(unnest(string_split_regex(trimmed(field), ' +')), 6)        AS gsn,
            generate_subscripts(string_split_regex(trimmed(field), ' +'), 1)        AS position
        FROM fields
    )
    SELECT field AS gsn, gsn_etc.etccode, gsn_etc.etcdescription
    FROM single
    JOIN gsn_etc USING (gsn)
    QUALIFY row_number() OVER (PARTITION BY field ORDER BY position) = 1;

-- Laboratory results ----------------------------------------------------------------------------

-- The number in '<0.01', 'less than 0.01 ng/mL' or '>70,000'. A unit may follow, but nothing that
-- could belong to the number: in '>70 000', '>70K', '>1.5e3' or '>1:10' it is not known.
CREATE MACRO limit_in(field, words) AS try_cast(
    replace(
        nullif(
            regexp_extract(
                clean_text(field),
                '^(?:' || words || ')\s*(?:=|or ?=|or equal to)?\s*(\d{1,3}(?:,\d{3})+|\d+\.?\d*|\.\d+)(?:\s*(?:[%(]|[a-zµμ]+[/ )]|[a-zµμ]{2})\D*)?$',
                1
            ),
            ''
        ),
        ',', ''
    ) AS DOUBLE
);
CREATE MACRO lower_limit(field) AS limit_in(field, '<|≤|less than|below|under');
CREATE MACRO upper_limit(field) AS limit_in(field, '>|≥|greater than|more than|above|over');

-- Only where there is no number: 'below' a limit, or 'above' one.
CREATE MACRO beyond_limit(field, valuenum) AS CASE
    WHEN coalesce(valuenum, number_in(field)) IS NOT NULL THEN NULL
    WHEN lower_limit(field) IS NOT NULL THEN 'below'
    WHEN upper_limit(field) IS NOT NULL THEN 'above'
END;

-- Neither number nor text; under lab_text zero it is 0, as a text is, but leaves its group missing.
CREATE MACRO nothing_written(field, valuenum) AS valuenum IS NULL AND trimmed(field) = '';

-- valuenum, else the number in the text, else half the limit below which or the limit above which
-- the result lies. Under lab_text zero text is no number.
CREATE MACRO result_number(field, valuenum) AS coalesce(
    valuenum,
    number_in(field),
    CASE WHEN option('lab_text') <> 'zero' THEN coalesce(lower_limit(field) / 2, upper_limit(field)) END
);

-- The spelling of lab_units.csv.
CREATE MACRO unit_text(field) AS translate(replace(clean_text(field), ' ', ''), 'µμ×', 'uux');

-- Vital signs -----------------------------------------------------------------------------------

CREATE MACRO pain_asleep(pain) AS contains(clean_text(pain), 'sleep');
CREATE MACRO pain_unable(pain) AS regexp_matches(clean_text(pain), '\b(unable|uta|ua)\b');
CREATE MACRO pain_range(pain) AS
    regexp_extract(clean_text(pain), '^(\d+)\s*-\s*(\d+)$', ['low', 'high']);
CREATE MACRO pain_of_ten(pain) AS
    nullif(regexp_extract(clean_text(pain), '^(\d+\.?\d*|\.\d+)\s*/\s*10$', 1), '');

-- 'a-b', 'x/10' or a number; nobody asleep or unable to answer has one.
CREATE MACRO pain_number(pain) AS CASE
    WHEN NOT (pain_asleep(pain) OR pain_unable(pain))
    THEN coalesce(
        (try_cast(pain_range(pain).low AS DOUBLE) + try_cast(pain_range(pain).high AS DOUBLE)) / 2,
        try_cast(pain_of_ten(pain) AS DOUBLE),
        number_in(pain)
    )
END;
