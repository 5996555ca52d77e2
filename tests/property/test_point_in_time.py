"""What is not known at the prediction changes no feature; nor do row order and shards.

Three patients, each with a stay predicted at noon, and one patient with a later stay besides. Their
tables are drawn in two parts: what was known at noon, and what was not. To the latter belong what
is dated afterwards, also where it ends before it begins or is written into an earlier visit; what
has no time of becoming known; what is dated long before arrival; and the stay's own admission,
whatever its dates. Another kind of row that must change nothing is drawn in ``unknown`` or in
``own_admissions``. Lookups have a property of their own in test_lookups.py, the arrest system in
test_arrest.py, the cohort in test_cohort.py.
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
INDEX = 900  # plus the patient: the admission that ends at noon, of the mortality system
OWN = 800  # plus the patient: the admission that follows from the stay, of the admission system
DICTIONARY = table("""
    subject_id  stay_id  gsn     etc_rn  etccode   etcdescription
    9           99       000001  1       00000263  Loop Diuretics
    9           99       000002  1       00005723  Opioids
    9           99       000003  1       00006450  Vitamins
""")

# Seconds before or after noon: minutes, hours and years away.
KNOWN = st.one_of(st.just(0), st.integers(0, 10_000), st.integers(0, 60_000_000)).map(lambda s: -s)
UNKNOWN = st.one_of(st.just(1), st.integers(1, 10_000), st.integers(1, 60_000_000))
ANY = st.one_of(KNOWN, UNKNOWN)
SLIP = st.one_of(
    st.none(), st.integers(1, 60_000_000)
)  # seconds from the beginning back to the end
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


def lasting(when, slips, hours):
    """Return begin and end of what is known at ``when``: its end, or its later beginning."""
    known = pd.Series(at(when))
    slip = pd.to_timedelta(pd.Series(slips, dtype="float64"), unit="s")
    end = known - slip.fillna(pd.Timedelta(0))
    return (known - pd.Timedelta(hours=hours)).where(slip.isna(), known), end


def of_visits(draw, when, first):
    """Admissions known at ``when``, their diagnoses and procedures; ids count from ``first``."""
    coded = rows(draw, ["subject_id", "when", "slip", "code"], PATIENT, when, SLIP, CODE)
    coded["hadm_id"] = np.arange(len(coded)) + first
    coded["icd_code"], coded["icd_version"] = zip(*coded.pop("code"), strict=True)
    begin, end = lasting(coded.pop("when"), coded.pop("slip"), hours=48)
    return {
        "admissions": coded[["subject_id", "hadm_id"]].assign(admittime=begin, dischtime=end),
        "diagnoses_icd": coded.assign(seq_num=1),
        "procedures_icd": coded.assign(seq_num=1, icd_code="3893", icd_version=9),
    }


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
    visits = of_visits(draw, when, first=1000 if known else 2000)
    of_patient = visits["admissions"].groupby("subject_id")["hadm_id"].first()
    orders["hadm_id"] = orders["subject_id"].map(of_patient)

    stays = rows(draw, ["subject_id", "when", "slip", "disposition"], PATIENT, when, SLIP, END)
    stays["stay_id"] = np.arange(len(stays)) + (100 if known else 200)
    stays["intime"], stays["outtime"] = lasting(stays.pop("when"), stays.pop("slip"), hours=3)
    return {
        "labevents": labs,
        "vitalsign": vitals,
        "pyxis": pyxis,
        "medrecon": medrecon,
        "prescriptions": orders,
        **visits,
        "edstays": stays,
    }


@st.composite
def unknown(draw):
    """What is not known at noon: what comes later, and what bears a time at which it was not."""
    tables = draw(events(UNKNOWN, False))
    # Into visits that are over something is written that is dated later (`together` says which).
    late = rows(draw, ["subject_id", "starttime", "gsn", "drug"], PATIENT, UNKNOWN, GSN, DRUG)
    done = rows(draw, ["subject_id", "chartdate"], PATIENT, UNKNOWN)
    done["chartdate"] = at(done["chartdate"]).normalize() + pd.Timedelta(days=1)
    done = done.assign(seq_num=2, icd_code="3995", icd_version=9)
    # Nobody knows when a result without storetime was there.
    drawn = rows(
        draw, ["subject_id", "itemid", "charttime", "valuenum"], PATIENT, ITEM, ANY, NUMBER
    )
    # Of another stay, or a slip of the clock: more than an hour before arrival.
    old = rows(draw, ["patient", "before", "gsn", "heartrate"], PATIENT, KNOWN, GSN, NUMBER)
    old["charttime"] = at(old.pop("before") - 3601 - 3600 * old["patient"])
    old["stay_id"] = old.pop("patient") + 30
    # Admissions that begin only now may have orders of any date.
    begun = rows(draw, ["subject_id", "starttime", "gsn", "drug"], PATIENT, ANY, GSN, DRUG)
    visits = (
        tables["admissions"].query("admittime > @NOON").groupby("subject_id")["hadm_id"].first()
    )
    begun["hadm_id"] = begun["subject_id"].map(visits)
    begun = begun.assign(starttime=at(begun["starttime"])).dropna(subset="hadm_id")
    more = {
        "prescriptions": pd.concat([late.assign(starttime=at(late["starttime"])), begun]),
        "procedures_icd": done,
        "labevents": drawn.assign(charttime=at(drawn["charttime"])),
        "vitalsign": old[["stay_id", "charttime", "heartrate"]],
        "pyxis": old[["stay_id", "charttime", "gsn"]],
        "medrecon": old[["stay_id", "charttime", "gsn"]],
    }
    return {
        **tables,
        **{name: pd.concat([tables[name], added]) for name, added in more.items()},
    }


@st.composite
def own_admissions(draw):
    """Rows of the admissions that follow from the stays, of any date; the admitted have them."""
    when = st.one_of(ANY, st.integers(11_000, 30_000_000).map(lambda s: -s))  # often before arrival
    times = pd.DataFrame(
        [(patient, draw(when), draw(when)) for patient in PATIENTS],
        columns=["subject_id", "admittime", "dischtime"],
    )
    times[["admittime", "dischtime"]] = times[["admittime", "dischtime"]].apply(at)
    orders = rows(draw, ["subject_id", "starttime", "gsn"], PATIENT, when, GSN)
    codes = rows(draw, ["subject_id", "code"], PATIENT, CODE)
    codes["icd_code"], codes["icd_version"] = zip(*codes.pop("code"), strict=True)
    stays = rows(draw, ["subject_id", "intime", "outtime", "disposition"], PATIENT, when, when, END)
    stays[["intime", "outtime"]] = stays[["intime", "outtime"]].apply(at)
    tables = {
        "admissions": times,
        "prescriptions": orders.assign(starttime=at(orders["starttime"])),
        "diagnoses_icd": codes.assign(seq_num=1),
        "edstays": stays.assign(stay_id=np.arange(len(stays)) + 300),
    }
    return {name: rows.assign(hadm_id=OWN + rows["subject_id"]) for name, rows in tables.items()}


@st.composite
def outcomes(draw):
    """The cohort as it is known in the end: departures, outcomes, and perhaps a later stay."""
    stays = [
        {
            "stay_id": 30 + patient,
            "subject_id": patient,
            "hadm_id": OWN + patient,
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


def together(known, unknown, cohort, own=None):
    """Put the parts of the tables together; the stays themselves are among the ED stays."""
    of_cohort = cohort[["subject_id", "hadm_id", "stay_id", "intime", "outtime", "disposition"]]
    parts = {name: [rows, unknown.get(name), (own or {}).get(name)] for name, rows in known.items()}
    parts["edstays"].append(of_cohort)
    tables = {
        name: pd.concat([typed(name, rows) for rows in tables if rows is not None])
        for name, tables in parts.items()
    }
    # What names no visit was written into the earliest known one of its patient.
    earliest = known["admissions"].groupby("subject_id")["hadm_id"].min()
    for name in ("prescriptions", "procedures_icd"):
        visits = tables[name]["subject_id"].map(earliest)
        tables[name]["hadm_id"] = tables[name]["hadm_id"].fillna(visits)
    return tables


def as_index(concept, tables, cohort):
    """Return tables and cohort as the concept's system has them: mortality's stays end at noon."""
    if concept != "visit_codes":
        return tables, cohort
    of_others = {
        name: rows[~rows["hadm_id"].between(OWN, OWN + 99).fillna(False)]
        for name, rows in tables.items()
        if "hadm_id" in rows
    }
    return tables | of_others, cohort.assign(hadm_id=cohort["hadm_id"] + INDEX - OWN)


def features(tables, cohort, shards=1, options=None, concepts=tuple(TABLES)):
    """Extract every concept, for the stays predicted at noon."""
    run = functools.partial(extract, options=options, dictionary=DICTIONARY, shards=shards)
    found = {}
    for concept in concepts:
        given, stays = as_index(concept, tables, cohort)
        inputs = {name: given[name] for name in TABLES[concept]}
        parts = [run(concept, stays, shard=shard, **inputs) for shard in range(shards)]
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
    futures=st.tuples(unknown(), unknown()),
    cohorts=st.tuples(outcomes(), outcomes()),
    own=st.tuples(own_admissions(), own_admissions()),
)
def test_what_is_not_known_changes_nothing(known, futures, cohorts, own):
    one, other = (
        features(together(known, future, cohort, admissions), cohort)
        for future, cohort, admissions in zip(futures, cohorts, own, strict=True)
    )
    assert_identical(one, other)


@settings(SETTINGS, max_examples=4)
@given(
    known=histories(),
    heartrate=NUMBER,
    acuity=st.integers(1, 5),
    cohort=outcomes(),
)
def test_triage_changes_nothing_before_its_delay_is_over(known, heartrate, acuity, cohort):
    """Of the stay that began an hour before noon."""
    run = functools.partial(
        features, options={"triage_delay_minutes": 61}, concepts=["ed_stay", "vitalsigns"]
    )
    expected = run(together(known, {}, cohort), cohort)
    first = known["triage"]["stay_id"] == 31
    known["triage"].loc[first, ["heartrate", "pain"]] = heartrate, str(heartrate)
    graded = cohort.assign(acuity=cohort["acuity"].where(cohort["stay_id"] != 31, acuity))
    assert_identical(run(together(known, {}, graded), graded), expected)


@settings(SETTINGS, max_examples=4)
@given(known=histories(), future=unknown(), cohort=outcomes(), seed=st.integers(0, 99))
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
                "storetime": [NOON],
                "valuenum": [0.4],
            }
        )
    }
    cohort = spine(stay_id=31, prediction_time=NOON)
    assert extract("ed_labs", cohort, **known)["tropT_first"].item() == 0.4
    known["labevents"]["storetime"] += pd.Timedelta(seconds=1)
    assert extract("ed_labs", cohort, **known)["tropT_missing"].item() == 1
