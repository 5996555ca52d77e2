"""Drawn tables of the admission system, in two parts: what was known at a prediction, what was not.

Six patients, each with a stay predicted at noon, and one of them with a later stay besides. Not
known is what is dated afterwards, also where it ends before it begins or is written into an earlier
visit; what has no time of becoming known; what is dated long before arrival; and the admission that
the stay may lead to, whatever the dates of its rows. Patients and rows are many so that examples
can be few: nearly all the time of an example goes into opening databases.
"""

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from made_hospital_tables import spine, typed

NOON = pd.Timestamp("2150-01-01 12:00")
PATIENTS = (1, 2, 3, 4, 5, 6)  # arrived as many hours before noon
LATER_STAY = 41
AHEAD = 2000  # admissions from here on were not over at noon
INDEX = 900  # plus the patient: the admission that ends at noon, of the mortality system
OWN = 800  # plus the patient: the admission that follows from the stay, of the admission system
BEGUN = (
    700  # plus the patient: an admission that begins at or after arrival and is not over at noon
)
# Seconds before or after noon: minutes, hours and years away.
KNOWN = st.one_of(st.just(0), st.integers(0, 10_000), st.integers(0, 60_000_000)).map(lambda s: -s)
UNKNOWN = st.one_of(st.just(1), st.integers(1, 10_000), st.integers(1, 60_000_000))
ANY = st.one_of(KNOWN, UNKNOWN)
LATER = st.one_of(st.just(0), UNKNOWN)  # seconds after arrival
# Seconds from the beginning back to the end.
SLIP = st.one_of(st.none(), st.integers(1, 60_000_000))
# As the window of orders: before arrival, in the last year.
BEFORE_ARRIVAL = st.integers(22_000, 30_000_000).map(lambda s: -s)
NUMBER = st.integers(-5, 250)
PAIN = st.sampled_from(["0", "3-5", "7/10", "sleeping", "uta", "denies", None])
DRUG = st.sampled_from(["Heparin", "Sodium Chloride 0.9%", " ", None])
GSN = st.sampled_from(["1", "000002", "2 3", "9", None])
CODE = st.sampled_from([("4280", 9), ("4019", 9), ("E8859", 9), ("I10", 10), ("E8020", 10)])
RESULT = st.sampled_from(["<0.5", "12", "HEMOLYZED", None])
ITEM = st.sampled_from([51003, 51222, 50912, 50971, 51088])
FLAG = st.sampled_from(["abnormal", None])
END = st.sampled_from(["HOME", "ADMITTED", "ELOPED"])
INSURANCE = st.sampled_from(["Medicare", "Medicaid", None])
PATIENT = st.sampled_from(PATIENTS)


def at(seconds):
    return NOON + pd.to_timedelta(np.asarray(seconds, dtype="int64"), unit="s")


def lists(*strategies):
    return st.lists(st.tuples(*strategies), min_size=4, max_size=16)


def rows(draw, columns, *strategies):
    return pd.DataFrame(draw(lists(*strategies)), columns=columns)


def arrival(patients):
    return NOON - pd.to_timedelta(patients, unit="h")


def lasting(when, slips, hours):
    """Return begin and end of what is known at ``when``: its end, or its later beginning."""
    known = pd.Series(at(when))
    slip = pd.to_timedelta(pd.Series(slips, dtype="float64"), unit="s")
    end = known - slip.fillna(pd.Timedelta(0))
    return (known - pd.Timedelta(hours=hours)).where(slip.isna(), known), end


def of_visits(draw, when, first):
    """Admissions known at ``when``, their diagnoses and procedures; ids count from ``first``."""
    drawn = (PATIENT, when, SLIP, CODE, INSURANCE)
    coded = rows(draw, ["subject_id", "when", "slip", "code", "insurance"], *drawn)
    coded["hadm_id"] = np.arange(len(coded)) + first
    coded["icd_code"], coded["icd_version"] = zip(*coded.pop("code"), strict=True)
    begin, end = lasting(coded.pop("when"), coded.pop("slip"), hours=48)
    visits = coded[["subject_id", "hadm_id"]].assign(insurance=coded.pop("insurance"))
    return {
        "admissions": visits.assign(admittime=begin, dischtime=end),
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
    visits = of_visits(draw, when, first=1000 if known else AHEAD)
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
    begun = draw(begun_admissions())
    more = {
        "prescriptions": late.assign(starttime=at(late["starttime"])),
        "procedures_icd": done,
        "labevents": drawn.assign(charttime=at(drawn["charttime"])),
        "vitalsign": old[["stay_id", "charttime", "heartrate"]],
        "pyxis": old[["stay_id", "charttime", "gsn"]],
        "medrecon": old[["stay_id", "charttime", "gsn"]],
    }
    return {
        name: pd.concat([frame, *(part[name] for part in (more, begun) if name in part)])
        for name, frame in tables.items()
    }


@st.composite
def begun_admissions(draw):
    """Admissions that begin at or after arrival; their orders may be dated before it."""
    visits = pd.DataFrame(
        [(patient, draw(INSURANCE), draw(LATER), draw(UNKNOWN)) for patient in PATIENTS],
        columns=["subject_id", "insurance", "waited", "dischtime"],
    )
    waited = pd.to_timedelta(visits.pop("waited"), unit="s")
    visits["admittime"] = arrival(visits["subject_id"]) + waited
    visits["dischtime"] = visits["admittime"].clip(lower=NOON) + (at(visits["dischtime"]) - NOON)
    when = st.one_of(ANY, BEFORE_ARRIVAL, BEFORE_ARRIVAL)
    orders = rows(draw, ["subject_id", "starttime", "gsn", "drug"], PATIENT, when, GSN, DRUG)
    codes = rows(draw, ["subject_id", "code"], PATIENT, CODE)
    codes["icd_code"], codes["icd_version"] = zip(*codes.pop("code"), strict=True)
    tables = {
        "admissions": visits,
        "prescriptions": orders.assign(starttime=at(orders["starttime"])),
        "diagnoses_icd": codes.assign(seq_num=1),
    }
    return {name: rows.assign(hadm_id=BEGUN + rows["subject_id"]) for name, rows in tables.items()}


@st.composite
def own_admissions(draw):
    """Rows of the admissions that follow from the stays, of any date; the admitted have them."""
    when = st.one_of(ANY, BEFORE_ARRIVAL)
    times = st.one_of(st.tuples(ANY, ANY), st.tuples(BEFORE_ARRIVAL, BEFORE_ARRIVAL))
    times = pd.DataFrame(
        [(patient, *draw(times), draw(INSURANCE)) for patient in PATIENTS],
        columns=["subject_id", "admittime", "dischtime", "insurance"],
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
            "hadm_id": draw(st.sampled_from([OWN + patient, None])),
            "intime": NOON - pd.Timedelta(hours=patient),
            "outtime": at([draw(UNKNOWN)])[0],
            "prediction_time": NOON,
            "disposition": draw(END),
            "label": draw(st.integers(0, 1)),
            "chiefcomplaint": ["Chest pain", "Presyncope", None][patient % 3],
            "acuity": [2.0, np.nan, 3.0][patient % 3],
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
    triage = rows(draw, ["heartrate", "pain"], NUMBER, PAIN).reindex(range(len(PATIENTS) + 1))
    index = pd.DataFrame({"subject_id": PATIENTS, "hadm_id": [INDEX + p for p in PATIENTS]})
    times = {"admittime": NOON - pd.Timedelta(days=1), "dischtime": NOON}
    tables["admissions"] = pd.concat([tables["admissions"], index.assign(**times)])
    codes = index.assign(seq_num=1, icd_code="I10", icd_version=10)
    tables["diagnoses_icd"] = pd.concat([tables["diagnoses_icd"], codes])
    return {**tables, "triage": triage.assign(stay_id=[*(30 + p for p in PATIENTS), LATER_STAY])}


def following(own, cohort):
    """Return own admissions; one that its stay does not name is known by its beginning alone."""
    unnamed = cohort[cohort["hadm_id"].isna() & (cohort["stay_id"] != LATER_STAY)]
    times, stays = own["admissions"], own["edstays"]
    first = times["subject_id"].map(unnamed.set_index("subject_id")["intime"])
    admittime = times["admittime"].mask(times["admittime"] < first, first)
    stays = stays[~stays["subject_id"].isin(unnamed["subject_id"])]
    return {**own, "admissions": times.assign(admittime=admittime), "edstays": stays}


def together(known, unknown, cohort, own=None):
    """Put the parts of the tables together; the stays themselves are among the ED stays."""
    of_cohort = cohort[["subject_id", "hadm_id", "stay_id", "intime", "outtime", "disposition"]]
    own = following(own, cohort) if own else {}
    parts = {name: [rows, unknown.get(name), own.get(name)] for name, rows in known.items()}
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
