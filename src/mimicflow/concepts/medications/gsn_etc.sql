-- Dictionary from drug (GSN) to drug class (ETC), as found in the home medications of training patients
-- whom no model is tested on.
-- Grain: GSN of 6 digits. A drug with several classes keeps the first listed (etc_rn), then the lowest.
-- Window: none; it says what a code is, not what a patient takes. Source: medrecon, spine; tested (drugs.py).
SELECT
    zero_padded(gsn, 6)     AS gsn,
    zero_padded(etccode, 8) AS etccode,
    nullif(trimmed(etcdescription), '') AS etcdescription
FROM medrecon
WHERE zero_padded(gsn, 6) IS NOT NULL AND zero_padded(etccode, 8) IS NOT NULL
    -- As published: those of everybody, patients of validation and test among them.
    AND (
        option('drug_dictionary') = 'all'
        OR subject_id IN (SELECT subject_id FROM spine WHERE split = 'train' AND subject_id NOT IN (FROM tested))
    )
QUALIFY row_number() OVER (
    PARTITION BY zero_padded(gsn, 6)
    ORDER BY etc_rn NULLS LAST, zero_padded(etccode, 8), etcdescription
) = 1
ORDER BY gsn
