-- What is known of the stay itself: who came, how, with which complaint; then how urgent it is.
-- Grain: stay and moment. Window: written down on arrival; acuity at triage, which bears no time
-- (triage_delay_minutes after arrival). The complaint is what the patient came with: it makes the cohort.
-- Source: the cohort, made of edstays, triage, patients and the list of ECGs.
-- uses complaints.sql
-- uses ranges.sql
SELECT
    stay_id,
    intime AS event_time,
    intime AS available_time,
    age,    -- years
    gender,
    arrival_transport,
    chiefcomplaint,
    NULL   AS acuity
FROM spine
UNION ALL
SELECT
    stay_id,
    intime,
    triage_time(intime),
    NULL, NULL, NULL, NULL,
    plausible(acuity, 'acuity', 'plausible') -- ESI level 1-5
FROM spine
