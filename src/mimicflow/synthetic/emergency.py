"""Make the tables of the emergency department: what nurses and machines there write down."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from mimicflow.synthetic.draws import choose, pick_by_group, poisson_rows, vocabulary
from mimicflow.synthetic.population import HOUR, Chunk
from mimicflow.synthetic.visits import Visits, icd_version
from mimicflow.synthetic.writing import Columns

_VITAL_NOISE = 0.15
_PAIN_SCORES = [0.34, 0.03, 0.06, 0.08, 0.08, 0.09, 0.08, 0.08, 0.08, 0.03, 0.05]  # of 0 to 10
_ACUITY_LIMITS = [-1.3, -0.38, 0.4, 1.3]  # of the illness: levels 5, 4, 3, 2, 1


def edstays(chunk: Chunk, visits: Visits) -> Columns:
    """Rows of ``ed/edstays``, one per stay that took place."""
    rng = chunk.stream("edstays")
    stays, illness = chunk.stays, chunk.hidden["illness"].to_numpy()
    n = len(stays)
    urge = illness + 0.35 * rng.standard_normal(n)
    arrival = np.select([urge > 2.6, urge > 0.0], ["HELICOPTER", "AMBULANCE"], "WALK IN")
    arrival = np.where(rng.random(n) < 0.04, "UNKNOWN", arrival)
    arrival = np.where(rng.random(n) < 0.01, "OTHER", arrival)
    hadm = pd.Series(pd.NA, index=range(n), dtype="Int64")
    emergency = visits.admissions[visits.admissions["stay"] >= 0]
    hadm.loc[emergency["stay"]] = emergency["hadm_id"].to_numpy()
    people = chunk.patients.iloc[stays["patient"]]
    return _lived(visits.alive, {
        "subject_id": stays["subject_id"], "hadm_id": hadm, "stay_id": stays["stay_id"],
        "intime": stays["intime"], "outtime": stays["outtime"], "gender": people["gender"],
        "race": people["race"], "arrival_transport": arrival, "disposition": stays["disposition"],
    })  # fmt: skip


def _lived(alive: np.ndarray, columns: dict) -> Columns:
    return {name: pa.array(values, from_pandas=True).filter(pa.array(alive))
            for name, values in columns.items()}  # fmt: skip


def vital_numbers(rng: np.random.Generator, terms: pd.DataFrame) -> dict[str, np.ndarray]:
    """Six vital signs as charted, from the terms at that moment; NaN where not taken."""
    n = len(terms)

    def seen(name: str) -> np.ndarray:
        return terms[name].to_numpy() + _VITAL_NOISE * rng.standard_normal(n)

    pressure = seen("low_pressure")
    vitals = {
        "temperature": np.round(98.3 + 0.75 * seen("temperature"), 1),
        "heartrate": np.round(80 * np.exp(0.22 * seen("heart_rate"))),
        "resprate": np.round(np.clip(18.5 + 3.0 * seen("respiratory_rate"), 8, 50)),
        "o2sat": np.round(np.clip(100 - 4.5 * np.exp(0.44 * seen("oxygen_need")), 70, 100)),
        "sbp": np.round(np.clip(137 - 21 * pressure, 60, 240)),
        "dbp": np.round(np.clip(76 - 8 * pressure + 8 * rng.standard_normal(n), 30, 140)),
    }
    missing = rng.random((len(vitals), n))
    none_at_all = rng.random(n) < 0.005
    for share, (name, values) in zip(missing, vitals.items(), strict=True):
        skipped = share < (0.12 if name == "temperature" else 0.015)
        vitals[name] = np.where(skipped | none_at_all, np.nan, values)
    return vitals


def pain_text(rng: np.random.Generator, n: int) -> np.ndarray:
    """Pain as typed: numbers, ranges, words, nothing."""
    form = choose(rng, "pain", n)
    score = rng.choice(11, n, p=_PAIN_SCORES)
    text = form.copy()
    for row in np.flatnonzero(np.char.find(form.astype(str), "{n}") >= 0):
        text[row] = form[row].format(n=score[row], m=min(score[row] + 2, 10))
    return text


def triage_and_vitalsign(chunk: Chunk, visits: Visits, moments: pd.DataFrame) -> tuple[dict, dict]:
    """Rows of ``ed/triage`` and ``ed/vitalsign``; some first rows repeat the triage numbers."""
    rng = chunk.stream("vitals")
    looks = moments[(moments["kind"] != "ecg") & visits.alive[moments["stay"]]]
    looks = looks.reset_index(drop=True)
    values = pd.DataFrame(vital_numbers(rng, looks))
    values["pain"] = pain_text(rng, len(looks))
    at_triage = (looks["kind"] == "triage").to_numpy()
    follows = np.flatnonzero(~at_triage & np.append(False, at_triage[:-1]))
    copied = follows[rng.random(len(follows)) < 0.15]
    values.loc[copied] = values.loc[copied - 1].to_numpy()
    values = values.astype(dict.fromkeys(values.columns.drop("pain"), float))
    stay = looks["stay"].to_numpy()
    ids = {name: chunk.stays[name].to_numpy()[stay] for name in ("subject_id", "stay_id")}
    both = {**ids, **{name: values[name].to_numpy() for name in values.columns}}
    triage = {name: column[at_triage] for name, column in both.items()}
    vitalsign = {name: column[~at_triage] for name, column in both.items()}
    rhythm = choose(rng, "rhythm", int((~at_triage).sum()))
    vitalsign |= {"charttime": looks["time"].to_numpy()[~at_triage], "rhythm": rhythm}
    illness = chunk.hidden["illness"].to_numpy()[stay[at_triage]]
    felt = illness + 0.2 * rng.standard_normal(len(illness))
    acuity = 5.0 - np.searchsorted(_ACUITY_LIMITS, felt)
    words = vocabulary("complaints", ("complaint",))["complaint"].to_numpy(object)
    triage |= {
        "acuity": np.where(rng.random(len(acuity)) < 0.02, np.nan, acuity),
        "chiefcomplaint": words[chunk.stays["complaint"].to_numpy()[stay[at_triage]]],
    }
    return triage, vitalsign


def _medicine_logit(drugs: pd.DataFrame, illness: np.ndarray, frailty: np.ndarray) -> np.ndarray:
    return np.outer(illness, drugs["illness"]) + np.outer(frailty, drugs["comorbidity"])


def pyxis(chunk: Chunk, visits: Visits) -> Columns:
    """Rows of ``ed/pyxis``: each dispense once per GSN of the product."""
    rng = chunk.stream("pyxis")
    drugs = vocabulary("drugs", ("gsn", "etccode", "etc_other", "ndc", "drug"))
    stays, illness = chunk.stays, chunk.hidden["illness"].to_numpy()
    mean = np.where(visits.alive, 2.2 * np.exp(0.45 * illness), 0)
    stay = poisson_rows(rng, mean)
    frailty = chunk.patients["frailty"].to_numpy()[stays["patient"]]
    logit = _medicine_logit(drugs, illness, frailty)
    drug = pick_by_group(rng, stay, logit, drugs["ed"].to_numpy(float))
    length = (stays["outtime"] - stays["intime"]).to_numpy()[stay]
    wait = np.minimum(0.55 * HOUR * np.exp(1.2 * rng.standard_normal(len(stay))), 0.95 * length)
    frame = pd.DataFrame(
        {
            "subject_id": stays["subject_id"].to_numpy()[stay],
            "stay_id": stays["stay_id"].to_numpy()[stay],
            "charttime": (stays["intime"].to_numpy()[stay] + wait).astype(np.int64) // 60 * 60,
            "name": drugs["drug"].to_numpy(object)[drug],
            "gsn": drugs["gsn"].str.split().to_numpy(object)[drug],
        }
    ).sort_values(["stay_id", "charttime", "name"], kind="stable")
    frame["med_rn"] = frame.groupby("stay_id").cumcount() + 1
    frame = frame.explode("gsn", ignore_index=True)
    frame["gsn_rn"] = frame.groupby(["stay_id", "med_rn"]).cumcount() + 1
    return {name: frame[name].to_numpy() for name in frame.columns}


def medrecon(chunk: Chunk, visits: Visits) -> Columns:
    """Rows of ``ed/medrecon``: medicines at home, once per drug class."""
    rng = chunk.stream("medrecon")
    drugs = vocabulary("drugs", ("gsn", "etccode", "etc_other", "ndc", "drug"))
    stays = chunk.stays
    frailty = chunk.patients["frailty"].to_numpy()[stays["patient"]]
    stay = poisson_rows(rng, np.where(visits.alive, 4.5 * np.exp(0.45 * frailty), 0))
    logit = _medicine_logit(drugs, np.zeros(len(stays)), frailty)
    drug = pick_by_group(rng, stay, logit, drugs["home"].to_numpy(float))
    pairs = pd.DataFrame({"stay": stay, "drug": drug}).drop_duplicates(ignore_index=True)
    listed = drugs.iloc[pairs["drug"]].reset_index(drop=True)
    stay = pairs["stay"].to_numpy()
    minutes = rng.integers(5, 50, len(stays)) * 60
    frame = pd.DataFrame(
        {
            "subject_id": stays["subject_id"].to_numpy()[stay],
            "stay_id": stays["stay_id"].to_numpy()[stay],
            "charttime": (stays["intime"].to_numpy() + minutes)[stay],
            "name": listed["drug"].str.lower().to_numpy(object),
            "gsn": listed["gsn"].str[:6].to_numpy(object),
            "ndc": listed["ndc"].to_numpy(object),
            "etccode": (listed["etccode"] + " " + listed["etc_other"]).str.split().to_numpy(),
            "etcdescription": listed["etcdescription"].to_numpy(object),
        }
    ).explode("etccode", ignore_index=True)
    frame["etc_rn"] = frame.groupby(["stay_id", "name"]).cumcount() + 1
    return {name: frame[name].to_numpy() for name in frame.columns}


def diagnosis(chunk: Chunk, visits: Visits) -> Columns:
    """Rows of ``ed/diagnosis``: written at departure, hence after every prediction."""
    rng = chunk.stream("ed diagnosis")
    codes = vocabulary("diagnoses", ("icd9", "icd10"))
    stays = chunk.stays
    written = np.where(visits.alive, rng.integers(1, 4, len(stays)), 0)
    stay = np.repeat(np.arange(len(stays)), written)
    severe = np.outer(chunk.hidden["illness"], codes["severity"])
    code = pick_by_group(rng, stay, severe, codes["weight"].to_numpy(float))
    frame = pd.DataFrame({"stay": stay, "code": code}).drop_duplicates(ignore_index=True)
    stay, code = frame["stay"].to_numpy(), frame["code"].to_numpy()
    version = icd_version(
        chunk, stays["patient"].to_numpy()[stay], stays["intime"].to_numpy()[stay]
    )
    return {
        "subject_id": stays["subject_id"].to_numpy()[stay],
        "stay_id": stays["stay_id"].to_numpy()[stay],
        "seq_num": frame.groupby("stay").cumcount().to_numpy() + 1,
        **coded(codes, code, version),
        "icd_title": np.char.upper(titled(codes, code, version).astype(str)).astype(object),
    }


def coded(codes: pd.DataFrame, row: np.ndarray, version: np.ndarray) -> dict:
    """Columns icd_code and icd_version of rows of a code vocabulary."""
    nine, ten = (codes[name].to_numpy(object)[row] for name in ("icd9", "icd10"))
    return {"icd_code": np.where(version == 9, nine, ten), "icd_version": version}


def titled(codes: pd.DataFrame, row: np.ndarray, version: np.ndarray) -> np.ndarray:
    """Titles of rows of a code vocabulary in the version in use."""
    nine, ten = (codes[name].to_numpy(object)[row] for name in ("title9", "title10"))
    return np.where(version == 9, nine, ten)
