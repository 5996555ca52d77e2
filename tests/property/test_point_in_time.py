"""What happens after the prediction changes no feature; nor do row order and shards.

Three patients, each with a stay predicted at noon, and one patient with a later stay besides. Their
tables are drawn in two parts: what was known at noon, and what became known afterwards.
"""

import functools

import numpy as np
import pandas as pd
from hand_made import PROTOCOLS, extract, spine, table, typed
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from mimicflow.features import TABLES

NOON = pd.Timestamp("2150-01-01 12:00")
PATIENTS = (1, 2, 3)
LATER_STAY = 41
INDEX = 900  # plus the patient: the admission that ends at noon
DICTIONARY = table("""
    subject_id  stay_id  gsn     etc_rn  etccode   etcdescription
    9           99       000001  1       00000263  Loop Diuretics
    9           99       000002  1       00005723  Opioids
    9           99       000003  1       00006450  Vitamins
""")

# Seconds before or after noon: minutes, hours and years away.
KNOWN = st.one_of(st.just(0), st.integers(0, 10_000), st.integers(0, 60_000_000)).map(lambda s: -s)
UNKNOWN = st.one_of(st.just(1), st.integers(1, 10_000), st.integers(1, 60_000_000))
NUMBER = st.integers(-5, 250)
PAIN = st.sampled_from(["0", "3-5", "7/10", "sleeping", "uta", "denies", None])
DRUG = st.sampled_from(["Heparin", "Sodium Chloride 0.9%", " ", None])
GSN = st.sampled_from(["1", "000002", "2 3", "9", None])
CODE = st.sampled_from([("4280", 9), ("4019", 9), ("E8859", 9), ("I10", 10), ("E8020", 10)])
RESULT = st.sampled_from(["<0.5", "12", "HEMOLYZED", None])
ITEM = st.sampled_from([51003, 51222, 50912, 50971, 51088])
FLAG = st.sampled_from(["abnormal", None])
END = st.sampled_from(["HOME", "ADMITTED", "ELOPED"])
PATIENT = st.sampled_from(PATIENTS)
# No shrinking: an example takes seconds, and the failing table is named by the comparison.
SETTINGS = settings(
    max_examples=10, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate]
)


def at(seconds):
    return NOON + pd.to_timedelta(np.asarray(seconds, dtype="int64"), unit="s")


def lists(*strategies):
    return st.lists(st.tuples(*strategies), min_size=2, max_size=8)


def rows(draw, columns, *strategies):
    return pd.DataFrame(draw(lists(*strategies)), columns=columns)


@st.composite
def events(draw, when, known):
    """Rows of all tables that became available at ``when`` (seconds after noon)."""
    labs = rows(
        draw,
        ["subject_id", "itemid", "available", "waited", "value", "valuenum", "flag"],
        *(PATIENT, ITEM, when, st.one_of(st.none(), st.integers(0, 9000)), RESULT),
        *(st.one_of(st.none(), NUMBER), FLAG),
    )
    stored = at(labs.pop("available"))
    waited = labs.pop("waited").astype("float64")
    labs["charttime"] = stored - pd.to_timedelta(waited.fillna(0), unit="s").to_numpy()
    labs["storetime"] = pd.Series(stored).where(waited.notna())

    vitals = rows(
        draw,
        ["patient", "charttime", "temperature", "heartrate", "o2sat", "pain"],
        *(PATIENT, when, NUMBER, NUMBER, NUMBER, PAIN),
    )
    pyxis = rows(draw, ["patient", "charttime", "gsn"], PATIENT, when, GSN)
    medrecon = rows(draw, ["patient", "charttime", "gsn"], PATIENT, when, GSN)
    for of_stay in (vitals, pyxis, medrecon):
        of_stay["stay_id"] = of_stay.pop("patient") + 30
        of_stay["charttime"] = at(of_stay["charttime"])
    orders = rows(draw, ["subject_id", "starttime", "gsn", "drug"], PATIENT, when, GSN, DRUG)
    orders["starttime"] = at(orders["starttime"])

    coded = rows(draw, ["subject_id", "dischtime", "code"], PATIENT, when, CODE)
    coded["hadm_id"] = np.arange(len(coded)) + (1000 if known else 2000)
    coded["icd_code"], coded["icd_version"] = zip(*coded.pop("code"), strict=True)
    admissions = coded[["subject_id", "hadm_id"]].assign(dischtime=at(coded.pop("dischtime")))
    admissions["admittime"] = admissions["dischtime"] - pd.Timedelta(days=2)
    orders["hadm_id"] = orders["subject_id"].map(coded.groupby("subject_id")["hadm_id"].first())

    stays = rows(draw, ["subject_id", "outtime", "disposition"], PATIENT, when, END)
    stays["stay_id"] = np.arange(len(stays)) + (100 if known else 200)
    stays["outtime"] = at(stays["outtime"])
    stays["intime"] = stays["outtime"] - pd.Timedelta(hours=3)
    return {
        "labevents": labs,
        "vitalsign": vitals,
        "pyxis": pyxis,
        "medrecon": medrecon,
        "prescriptions": orders,
        "admissions": admissions,
        "diagnoses_icd": coded.assign(seq_num=1),
        "procedures_icd": coded.assign(seq_num=1, icd_code="3893", icd_version=9),
        "edstays": stays,
    }


@st.composite
def outcomes(draw):
    """The cohort as it is known in the end: departures, outcomes, and perhaps a later stay."""
    stays = [
        {
            "stay_id": 30 + patient,
            "subject_id": patient,
            "hadm_id": INDEX + patient,
            "intime": NOON - pd.Timedelta(hours=patient),
            "outtime": at([draw(UNKNOWN)])[0],
            "prediction_time": NOON,
            "disposition": draw(END),
            "label": draw(st.integers(0, 1)),
            "chiefcomplaint": ["Chest pain", "Presyncope", None][patient - 1],
            "acuity": [2.0, np.nan, 3.0][patient - 1],
        }
        for patient in PATIENTS
    ]
    if draw(st.booleans()):
        intime = at([draw(UNKNOWN)])[0]
        later = {"stay_id": LATER_STAY, "subject_id": 1, "intime": intime}
        stays.append({**later, "prediction_time": intime, "outtime": intime})
    return spine(*stays)


@st.composite
def histories(draw):
    """What was known at noon; the triage row of each stay belongs to it."""
    tables = draw(events(KNOWN, True))
    triage = rows(draw, ["heartrate", "pain"], NUMBER, PAIN).reindex(range(4))
    index = pd.DataFrame({"subject_id": PATIENTS, "hadm_id": [INDEX + p for p in PATIENTS]})
    times = {"admittime": NOON - pd.Timedelta(days=1), "dischtime": NOON}
    tables["admissions"] = pd.concat([tables["admissions"], index.assign(**times)])
    codes = index.assign(seq_num=1, icd_code="I10", icd_version=10)
    tables["diagnoses_icd"] = pd.concat([tables["diagnoses_icd"], codes])
    return {**tables, "triage": triage.assign(stay_id=[31, 32, 33, LATER_STAY])}


def together(known, unknown, cohort):
    """Put both parts of the tables together; the stays themselves are among the ED stays."""
    own = cohort[["subject_id", "stay_id", "intime", "outtime", "disposition"]]
    parts = {name: [rows, unknown.get(name)] for name, rows in known.items()}
    parts["edstays"].append(own)
    return {
        name: pd.concat([typed(name, rows) for rows in tables if rows is not None])
        for name, tables in parts.items()
    }


def features(tables, cohort, shards=1, options=None, concepts=tuple(TABLES)):
    """Extract every concept, for the stays predicted at noon."""
    run = functools.partial(extract, options=options, dictionary=DICTIONARY, shards=shards)
    found = {}
    for concept in concepts:
        needed = TABLES[concept]
        inputs = {name: tables[name] for name in needed if name != "gsn_etc"}
        parts = [run(concept, cohort, shard=shard, **inputs) for shard in range(shards)]
        all_stays = pd.concat(parts).sort_values("stay_id", kind="stable", ignore_index=True)
        if "codes" in all_stays:
            all_stays["codes"] = all_stays["codes"].map(tuple)
        found[concept] = all_stays[all_stays["stay_id"] != LATER_STAY].reset_index(drop=True)
    return found


def assert_identical(found, expected):
    for concept, frame in expected.items():
        pd.testing.assert_frame_equal(found[concept], frame, check_exact=True, obj=concept)


@SETTINGS
@given(
    known=histories(),
    futures=st.tuples(events(UNKNOWN, False), events(UNKNOWN, False)),
    cohorts=st.tuples(outcomes(), outcomes()),
)
def test_the_future_changes_nothing(known, futures, cohorts):
    one, other = (
        features(together(known, future, cohort), cohort)
        for future, cohort in zip(futures, cohorts, strict=True)
    )
    assert_identical(one, other)


@settings(SETTINGS, max_examples=4)
@given(known=histories(), future=events(UNKNOWN, False), cohort=outcomes(), seed=st.integers(0, 99))
def test_row_order_and_shards_change_nothing(known, future, cohort, seed):
    tables = together(known, future, cohort)
    expected = features(tables, cohort)
    shuffled = {
        name: rows.sample(frac=1, random_state=seed, ignore_index=True)
        for name, rows in tables.items()
    }
    reordered = cohort.sample(frac=1, random_state=seed, ignore_index=True)
    assert_identical(features(shuffled, reordered), expected)
    assert_identical(features(tables, cohort, shards=2), expected)


@SETTINGS
@given(
    known=histories(),
    future=events(UNKNOWN, False),
    cohort=outcomes(),
    prediction_time=st.sampled_from(["hospital_discharge", "icu_out"]),
)
def test_later_visits_change_the_published_sequences_and_no_others(
    known, future, cohort, prediction_time
):
    """So that the comparison of both protocols is what it claims to be."""
    tables = [together(known, {}, cohort), together(known, future, cohort)]
    audited = {**PROTOCOLS["audited"], "prediction_time": prediction_time}

    without, with_future = (
        features(each, cohort, options=audited, concepts=["visit_codes"]) for each in tables
    )
    assert_identical(with_future, without)

    without, with_future = (
        features(each, cohort, options=PROTOCOLS["published"], concepts=["visit_codes"])
        for each in tables
    )
    n_later = len(future["admissions"])
    assert len(with_future["visit_codes"]) == len(without["visit_codes"]) + n_later


def test_what_was_known_does_change_features():
    """The property above would hold of functions that read nothing."""
    known = {
        "labevents": pd.DataFrame(
            {
                "subject_id": [1],
                "itemid": [51003],
                "charttime": [NOON - pd.Timedelta(minutes=9)],
                "valuenum": [0.4],
            }
        )
    }
    cohort = spine(stay_id=31, prediction_time=NOON)
    assert extract("ed_labs", cohort, **known)["tropT_first"].item() == 0.4
    known["labevents"]["charttime"] += pd.Timedelta(hours=1)
    assert extract("ed_labs", cohort, **known)["tropT_missing"].item() == 1
