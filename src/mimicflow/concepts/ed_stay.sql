-- What is known of the stay itself: who came, how, with which complaint.
-- Grain: stay. Window: everything here is written down on arrival.
-- Source: the cohort, made of edstays, triage, patients and the list of ECGs.
SELECT
    stay_id,
    intime AS event_time,
    intime AS available_time,
    acuity, -- ESI level 1-5
    age,    -- years
    gender,
    arrival_transport,
    chiefcomplaint
FROM spine
