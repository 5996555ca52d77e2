-- The ICU stay during which each bedside recording was made: the one that it overlaps for longest.
-- Grain: recording with a stay. Unit: overlap in seconds. Window: start to end of the recording.
-- Source: recordings (headers of the waveform folder), icustays. Stays without outtime, or that end
-- before they begin, last no time in which a recording could lie. Equal overlaps: the stay that began first, then the lower stay_id.
SELECT
    recordings.record,
    icustays.stay_id,
    epoch(least(recordings.stop, icustays.outtime) - greatest(recordings.start, icustays.intime)) AS overlap,
    count(*) OVER (PARTITION BY recordings.record) AS n_stays
FROM recordings
JOIN icustays
    ON icustays.subject_id = recordings.subject_id
    AND icustays.intime < recordings.stop
    AND recordings.start < icustays.outtime
    AND icustays.intime < icustays.outtime
QUALIFY row_number() OVER (
    PARTITION BY recordings.record ORDER BY overlap DESC, icustays.intime, icustays.stay_id
) = 1
ORDER BY recordings.record
