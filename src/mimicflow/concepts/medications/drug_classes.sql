-- Drugs known at the prediction with the class that the frozen dictionary gives them, else NULL.
-- Grain: drug of a stay, as extracted. Source: known_drugs, gsn_etc.
-- uses feature_columns.sql
SELECT known_drugs.stay_id, known_drugs.gsn, drug.etccode, drug.etcdescription
FROM known_drugs
LEFT JOIN etc_of_gsn('known_drugs') AS drug USING (gsn)
