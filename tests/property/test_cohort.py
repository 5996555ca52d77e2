"""The cohort at the first ECG: what comes after it changes no stay, only its outcome."""

import pandas as pd
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from made_hospital_tables import cohort, typed

NOON = pd.Timestamp("2150-01-01 12:00")
PATIENTS = (1, 2, 3)
LATER = st.integers(1, 60_000_000).map(lambda seconds: NOON + pd.Timedelta(seconds=seconds))
OUTCOME = ["outtime", "hadm_id", "disposition", "label"]


@st.composite
def afterwards(draw):
    """How the stays went on: further ECGs, departure, admission, another stay, death."""
    ecgs = draw(st.lists(st.tuples(st.sampled_from(PATIENTS), LATER), max_size=6))
    ends = [(draw(LATER), draw(st.sampled_from(["HOME", "ADMITTED"]))) for _ in PATIENTS]
    admitted = draw(st.lists(st.sampled_from(PATIENTS), unique=True))
    again = draw(st.lists(st.tuples(st.sampled_from(PATIENTS), LATER, LATER), max_size=3))
    return ecgs, ends, admitted, again, draw(st.lists(LATER, min_size=3, max_size=3))


def build(ecgs, ends, admitted, again, deaths):
    """The cohort of three stays that began at eleven, each with an ECG at noon."""
    stays = pd.DataFrame({"subject_id": PATIENTS, "stay_id": [31, 32, 33]}).assign(
        intime=NOON - pd.Timedelta(hours=1),
        outtime=[end for end, _ in ends],
        disposition=[disposition for _, disposition in ends],
        hadm_id=[100 + p if p in admitted else None for p in PATIENTS],
        gender="F",
    )
    # A later stay has no triage: it is no prediction of its own, whatever ECGs it holds.
    later = pd.DataFrame(again, columns=["subject_id", "intime", "outtime"])
    later["stay_id"] = range(40, 40 + len(again))
    measured = pd.DataFrame(
        [*((p, NOON) for p in PATIENTS), *ecgs], columns=["subject_id", "ecg_time"]
    )
    columns = {"subject_id": admitted, "hadm_id": [100 + p for p in admitted]}
    admissions = pd.DataFrame(columns).assign(admittime=NOON, dischtime=NOON)
    patients = pd.DataFrame({"subject_id": PATIENTS, "anchor_age": 60, "anchor_year": 2150})
    found, sequences, _ = cohort(
        {"prediction_ecg": 1},
        edstays=pd.concat([typed("edstays", stays), typed("edstays", later)]),
        triage=pd.DataFrame({"stay_id": stays["stay_id"], "chiefcomplaint": "Chest pain"}),
        patients=patients.assign(dod=[death.normalize() for death in deaths]),
        admissions=admissions,
        machine_measurements=measured.assign(study_id=range(400, 400 + len(measured))),
    )
    return found.drop(columns=OUTCOME), sequences


@settings(max_examples=6, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
@given(first=afterwards(), second=afterwards())
def test_what_follows_the_prediction_changes_no_stay_of_the_cohort(first, second):
    for one, other in zip(build(*first), build(*second), strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)
