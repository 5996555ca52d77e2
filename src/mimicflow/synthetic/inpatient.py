"""Make the tables of the hospital and of intensive care, laboratory aside."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from mimicflow.synthetic.deaths import NEVER
from mimicflow.synthetic.draws import pick_by_group, poisson_rows, vocabulary
from mimicflow.synthetic.emergency import coded
from mimicflow.synthetic.population import DAY, Chunk, free_ids
from mimicflow.synthetic.trajectories import revealing
from mimicflow.synthetic.visits import Visits, icd_version
from mimicflow.synthetic.writing import Columns

_DIAGNOSES, _PROCEDURES, _DRUGS = 4.5, 1.5, 4.0
"""Entries per admission that reveal its course."""

_VERSIONS = ("icd9", "icd10")
_CHARTED = ("label", "abbreviation", "unitname", "value")


def patients(chunk: Chunk, visits: Visits) -> Columns:
    """Rows of ``hosp/patients``."""
    names = ("subject_id", "gender", "anchor_age", "anchor_year", "anchor_year_group")
    death = pa.array(visits.death // DAY * DAY, mask=visits.death == NEVER)
    return {**{name: chunk.patients[name].to_numpy() for name in names}, "dod": death}


def admissions(chunk: Chunk, visits: Visits) -> Columns:
    """Rows of ``hosp/admissions``."""
    rng = chunk.stream("admissions")
    frame = visits.admissions
    n, people = len(frame), chunk.patients.iloc[frame["patient"]]
    emergency = (frame["stay"] >= 0).to_numpy()
    stays = chunk.stays.iloc[np.where(emergency, frame["stay"], 0)]
    observed = np.where(rng.random(n) < 0.25, "OBSERVATION ADMIT", "EW EMER.")
    dies = frame["dies"].to_numpy()
    place = np.where(dies, "DIED", frame["discharge_location"])
    arrival = np.where(emergency, "EMERGENCY ROOM", "PHYSICIAN REFERRAL")
    return {
        "subject_id": frame["subject_id"].to_numpy(),
        "hadm_id": frame["hadm_id"].to_numpy(),
        "admittime": frame["admittime"].to_numpy(),
        "dischtime": frame["dischtime"].to_numpy(),
        "deathtime": pa.array(frame["dischtime"].to_numpy(), mask=~dies),
        "admission_type": np.where(emergency, observed, "ELECTIVE"),
        "admit_provider_id": provider(rng, n),
        "admission_location": arrival,
        "discharge_location": place,
        **{name: people[name].to_numpy() for name in ("insurance", "language", "marital_status")},
        "race": people["race"].to_numpy(),
        "edregtime": pa.array(stays["intime"].to_numpy(), mask=~emergency),
        "edouttime": pa.array(stays["outtime"].to_numpy(), mask=~emergency),
        "hospital_expire_flag": dies.astype(np.int64),
    }


def provider(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draw provider ids, one of 800."""
    ids = np.array([f"P{number:05d}" for number in range(17, 800 * 31, 31)], object)
    return ids[rng.integers(0, len(ids), n)]


def _amount(frame: pd.DataFrame, usual: float, growth: float, most: float) -> np.ndarray:
    """Rows to expect of each admission: more for the frail and ill, fewer for a night's visit."""
    burden = (frame["frailty"] + 0.4 * frame["illness"]).to_numpy()
    nights = (frame["dischtime"] - frame["admittime"]).to_numpy() / DAY
    brief = np.where(frame["stay"] < 0, np.clip(nights / 3, 0.25, 1), 1)
    return np.minimum(usual * np.exp(growth * burden), most) * brief


def _with_course(
    rng: np.random.Generator, frame: pd.DataFrame, entries: pd.DataFrame, mean: float,
    admission: np.ndarray, entry: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Add rows that reveal the course, after the other ones of each admission."""
    more, entries_of_more = revealing(rng, frame, entries, mean)
    admission, entry = np.append(admission, more), np.append(entry, entries_of_more)
    order = np.argsort(admission, kind="stable")
    return admission[order], entry[order]


def diagnoses_icd(chunk: Chunk, visits: Visits) -> Columns:
    """Rows of ``hosp/diagnoses_icd``: the frail have more codes, and graver ones."""
    rng = chunk.stream("diagnoses")
    frame, codes = visits.admissions, vocabulary("diagnoses", _VERSIONS)
    burden = (frame["frailty"] + 0.4 * frame["illness"]).to_numpy()
    admission = poisson_rows(rng, _amount(frame, 9, 0.35, 35))
    severe = np.outer(0.8 * burden, codes["severity"])
    code = pick_by_group(rng, admission, severe, codes["weight"].to_numpy(float))
    rng = chunk.stream("diagnoses of the course")
    admission, code = _with_course(rng, frame, codes, _DIAGNOSES, admission, code)
    columns = _codes_of_admissions(chunk, frame, codes, admission, code)
    del columns["row"]
    return columns


def procedures_icd(chunk: Chunk, visits: Visits) -> Columns:
    """Rows of ``hosp/procedures_icd``."""
    rng = chunk.stream("procedures")
    frame, codes = visits.admissions, vocabulary("procedures", _VERSIONS)
    intensive = np.isin(np.arange(len(frame)), visits.icustays["admission"])
    admission = poisson_rows(rng, np.where(intensive, 2.2, 0.5))
    code = rng.choice(len(codes), len(admission), p=codes["weight"] / codes["weight"].sum())
    more = chunk.stream("procedures of the course")
    admission, code = _with_course(more, frame, codes, _PROCEDURES, admission, code)
    columns = _codes_of_admissions(chunk, frame, codes, admission, code)
    row = columns.pop("row")
    start, end = frame["admittime"].to_numpy()[row], frame["dischtime"].to_numpy()[row]
    day = (start + rng.random(len(row)) * (end - start)).astype(np.int64) // DAY * DAY
    return {**columns, "chartdate": day}


def _codes_of_admissions(
    chunk: Chunk, frame: pd.DataFrame, codes: pd.DataFrame, admission: np.ndarray, code: np.ndarray
) -> dict:
    version = icd_version(
        chunk, frame["patient"].to_numpy()[admission], frame["dischtime"].to_numpy()[admission]
    )
    # Entries of the vocabulary may share a code in one version; integers compare faster than texts.
    number = np.where(version == 9, *(pd.factorize(codes[name])[0][code] for name in _VERSIONS))
    key = pd.Series((admission * 2 + (version == 9)) * len(codes) + number)
    first = ~key.duplicated().to_numpy()
    row = admission[first]
    return {
        "subject_id": frame["subject_id"].to_numpy()[row],
        "hadm_id": frame["hadm_id"].to_numpy()[row],
        "seq_num": np.arange(len(row)) - np.searchsorted(row, row) + 1,
        **coded(codes, code[first], version[first]),
        "row": row,
    }


def prescriptions(chunk: Chunk, visits: Visits) -> Columns:
    """Rows of ``hosp/prescriptions``: orders of the ward, several GSNs in one field at times."""
    rng = chunk.stream("prescriptions")
    drugs = vocabulary("drugs", ("gsn", "etccode", "etc_other", "ndc", "drug"))
    frame = visits.admissions
    admission = poisson_rows(rng, _amount(frame, 13, 0.3, 80))
    logit = np.outer(frame["illness"], drugs["illness"])
    logit += np.outer(frame["frailty"], drugs["comorbidity"])
    drug = pick_by_group(rng, admission, logit, drugs["inpatient"].to_numpy(float))
    more = chunk.stream("prescriptions of the course")
    admission, drug = _with_course(more, frame, drugs, _DRUGS, admission, drug)
    start, end = frame["admittime"].to_numpy()[admission], frame["dischtime"].to_numpy()[admission]
    begin = start + (rng.beta(0.6, 2, len(drug)) * (end - start)).astype(np.int64)
    begin = np.maximum(begin - begin % 3600, start)  # by the hour, but not before the admission
    stop = begin + (rng.random(len(drug)) * (end - begin)).astype(np.int64) // 3600 * 3600
    # One order in fifty has no start: MIMIC leaves it empty.
    dated = rng.random(len(drug)) >= 0.002
    first_id = chunk.number * 1_000_000 + 1
    doses = drugs["dose"].map("{:g}".format).to_numpy(object)
    listed = {"dose_val_rx": doses, "drug": drugs["drug"], "gsn": drugs["gsn"], "ndc": drugs["ndc"],
              "dose_unit_rx": drugs["unit"], "route": drugs["route"]}  # fmt: skip
    return {
        "subject_id": frame["subject_id"].to_numpy()[admission],
        "hadm_id": frame["hadm_id"].to_numpy()[admission],
        "pharmacy_id": first_id + np.arange(len(drug)),
        "order_provider_id": provider(rng, len(drug)),
        "starttime": pa.array(begin, mask=~dated),
        "stoptime": pa.array(stop, mask=~dated),
        "drug_type": "MAIN",
        "doses_per_24_hrs": rng.integers(1, 5, len(drug)).astype(float),
        **{name: pa.DictionaryArray.from_arrays(pa.array(drug), pa.array(texts))
           for name, texts in listed.items()},
    }  # fmt: skip


def transfers(chunk: Chunk, visits: Visits) -> Columns:
    """Rows of ``hosp/transfers``: emergency department, wards, intensive care, discharge."""
    rng = chunk.stream("transfers")
    stays, frame = chunk.stays[visits.alive], visits.admissions
    hadm_of_stay = pd.Series(frame["hadm_id"].to_numpy(), index=frame["stay"])
    hadm_of_stay = hadm_of_stay[hadm_of_stay.index >= 0].astype("Int64")
    ed = pd.DataFrame(
        {
            "subject_id": stays["subject_id"],
            "hadm_id": hadm_of_stay.reindex(stays.index).to_numpy(),
            "transfer_id": stays["stay_id"],
            "eventtype": "ED",
            "careunit": "Emergency Department",
            "intime": stays["intime"],
            "outtime": stays["outtime"],
        }
    )
    icu = visits.icustays
    taken = np.concatenate([chunk.stays["stay_id"], icu["stay_id"]])
    ids = free_ids(rng, 30_000_000, chunk.number, 2 * len(frame), taken)
    owner = frame[["subject_id", "hadm_id"]]
    ward = owner.assign(
        transfer_id=ids[: len(frame)], eventtype="admit", careunit=frame["careunit"],
        intime=frame["admittime"], outtime=frame["dischtime"],
    )  # fmt: skip
    leaving = owner.assign(
        transfer_id=ids[len(frame) :], eventtype="discharge", careunit="",
        intime=frame["dischtime"], outtime=pd.NA,
    )  # fmt: skip
    intensive = owner.iloc[icu["admission"]].reset_index(drop=True).assign(
        transfer_id=icu["stay_id"], eventtype="transfer", careunit=icu["careunit"],
        intime=icu["intime"], outtime=icu["outtime"],
    )  # fmt: skip
    rows = pd.concat([part.astype({"hadm_id": "Int64", "outtime": "Int64"})
                      for part in (ed, ward, intensive, leaving)])  # fmt: skip
    rows = rows.sort_values(["subject_id", "intime", "transfer_id"], kind="stable")
    return {name: pa.array(rows[name], from_pandas=True) for name in rows.columns}


def icustays(chunk: Chunk, visits: Visits) -> Columns:
    """Rows of ``icu/icustays``."""
    frame = visits.icustays
    owner = visits.admissions.iloc[frame["admission"]]
    return {
        "subject_id": owner["subject_id"].to_numpy(),
        "hadm_id": owner["hadm_id"].to_numpy(),
        "stay_id": frame["stay_id"].to_numpy(),
        "first_careunit": frame["careunit"].to_numpy(),
        "last_careunit": frame["careunit"].to_numpy(),
        "intime": frame["intime"].to_numpy(),
        "outtime": frame["outtime"].to_numpy(),
        "los": (frame["outtime"] - frame["intime"]).to_numpy() / DAY,
    }


def procedureevents(chunk: Chunk, visits: Visits) -> Columns:
    """Rows of ``icu/procedureevents``."""
    rng = chunk.stream("procedureevents")
    items = vocabulary("intensive_items", ("label", "abbreviation", "unitname"))
    frame = visits.icustays
    stay, item = np.nonzero(rng.random((len(frame), len(items))) < items["weight"].to_numpy())
    owner = visits.admissions.iloc[frame["admission"].to_numpy()[stay]]
    into, out = frame["intime"].to_numpy()[stay], frame["outtime"].to_numpy()[stay]
    start = (into + rng.beta(0.7, 3, len(stay)) * (out - into)).astype(np.int64) // 60 * 60
    wanted = items["minutes"].to_numpy(float)[item] * np.exp(0.5 * rng.standard_normal(len(stay)))
    planned = start + np.maximum(wanted, 1).astype(np.int64) * 60
    end = np.minimum(planned, np.maximum(out, start + 60))
    order = chunk.number * 10_000 + 1 + np.arange(len(stay))
    return {
        "subject_id": owner["subject_id"].to_numpy(),
        "hadm_id": owner["hadm_id"].to_numpy(),
        "stay_id": frame["stay_id"].to_numpy()[stay],
        "caregiver_id": rng.integers(1000, 99_999, len(stay)),
        "starttime": start,
        "endtime": end // 60 * 60,
        "storetime": end // 60 * 60 + rng.integers(0, 90, len(stay)) * 60,
        "itemid": items["itemid"].to_numpy(np.int64)[item],
        "value": (end // 60 - start // 60).astype(float),
        "valueuom": "min",
        "orderid": order,
        "linkorderid": order,
        "ordercategoryname": items["category"].str[2:].to_numpy(object)[item],
        "statusdescription": "FinishedRunning",
    }


def chartevents(chunk: Chunk, visits: Visits) -> Columns:
    """Rows of ``icu/chartevents``: the code status once or twice a stay, and the heart rate."""
    rng = chunk.stream("chartevents")
    items = vocabulary("chart_items", _CHARTED)
    frame = visits.icustays
    n = len(frame)
    charted = 1 + (rng.random(n) < 0.4)
    stay = np.repeat(np.arange(n), charted + 1)  # the last of each stay is a heart rate
    rate = np.r_[stay[1:] != stay[:-1], True][: len(stay)]
    statuses = np.flatnonzero(items["value"] != "")
    weight = items["weight"].to_numpy(float)[statuses]
    item = np.where(
        rate,
        np.flatnonzero(items["value"] == "")[0],
        rng.choice(statuses, len(stay), p=weight / weight.sum()),
    )
    owner = visits.admissions.iloc[frame["admission"].to_numpy()[stay]]
    into, out = frame["intime"].to_numpy()[stay], frame["outtime"].to_numpy()[stay]
    time = (into + rng.beta(0.7, 2, len(stay)) * (out - into)).astype(np.int64) // 60 * 60
    beats = rng.normal(85, 15, len(stay)).round()
    text = items["value"].to_numpy(object)[item]
    return {
        "subject_id": owner["subject_id"].to_numpy(),
        "hadm_id": owner["hadm_id"].to_numpy(),
        "stay_id": frame["stay_id"].to_numpy()[stay],
        "caregiver_id": rng.integers(1000, 99_999, len(stay)),
        "charttime": time,
        "storetime": time + rng.integers(0, 90, len(stay)) * 60,
        "itemid": items["itemid"].to_numpy(np.int64)[item],
        "value": np.where(rate, beats.astype(int).astype(str), text),
        "valuenum": pa.array(beats, mask=~rate),
        "valueuom": np.where(rate, "bpm", ""),
        "warning": np.zeros(len(stay), np.int64),
    }


def dictionaries() -> dict[str, Columns]:
    """Rows of the tables that explain codes: ``d_labitems``, ``d_items``, ``d_icd_*``."""
    labs = vocabulary("laboratory", ("label",))[["itemid", "label", "fluid", "category"]]
    items = vocabulary("intensive_items", ("label", "abbreviation", "unitname"))
    charted = vocabulary("chart_items", _CHARTED).drop_duplicates("itemid")
    items = pd.concat([items, charted]).drop(columns=["weight", "minutes", "value"])
    found: dict[str, Columns] = {
        path: {name: table[name].to_numpy() for name in table}
        for path, table in (("hosp/d_labitems", labs), ("icu/d_items", items))
    }
    for name in ("diagnoses", "procedures"):
        codes = vocabulary(name, _VERSIONS)
        both = pd.concat(
            pd.DataFrame(
                {
                    "icd_code": codes[f"icd{version}"],
                    "icd_version": version,
                    "long_title": codes[f"title{version}"],
                }
            )
            for version in (9, 10)
        ).drop_duplicates(["icd_code", "icd_version"])
        both = both.sort_values(["icd_code", "icd_version"])
        found[f"hosp/d_icd_{name}"] = {column: both[column].to_numpy() for column in both}
    return found
