"""What follows and precedes the emergency department: admissions, intensive care, death."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from mimicflow.synthetic.draws import choose, poisson_rows
from mimicflow.synthetic.population import DAY, HOUR, Chunk, seconds, unique_ids, year_of

_ICD10_FROM = 2015
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Visits:
    """Everything that happened to the patients of a chunk until they died.

    Parameters
    ----------
    alive : ndarray of bool, shape (stays,)
        Whether the patient lived to see each emergency stay; the others never happened.
    admissions : DataFrame
        Hospital admissions; ``stay`` is the row of the emergency stay, -1 for elective ones.
    icustays : DataFrame
        Intensive care stays; ``admission`` is the row of ``admissions``.
    death : ndarray of int, shape (patients,)
        Seconds since 1970; the largest integer where no death is known.
    """

    alive: np.ndarray
    admissions: pd.DataFrame
    icustays: pd.DataFrame
    death: np.ndarray


def draw_visits(chunk: Chunk) -> Visits:
    """Draw admissions and intensive care, then the deaths that end some of them."""
    rng = chunk.stream("visits")
    admissions = _draw_admissions(rng, chunk)
    icustays = _draw_icustays(rng, chunk.number, admissions)
    death = _draw_deaths(rng, chunk, admissions, icustays)
    alive = chunk.stays["intime"].to_numpy() < death[chunk.stays["patient"]]
    kept = admissions["admittime"].to_numpy() < death[admissions["patient"]]
    icustays = icustays[kept[icustays["admission"]]].reset_index(drop=True)
    renumbered = np.cumsum(kept) - 1
    icustays["admission"] = renumbered[icustays["admission"]]
    admissions = admissions[kept].reset_index(drop=True)
    died_inside = admissions["dies"] & (
        admissions["dischtime"].to_numpy() == death[admissions["patient"]]
    )
    return Visits(alive, admissions.assign(dies=died_inside), icustays, death)


def icd_version(chunk: Chunk, patient: np.ndarray, time: np.ndarray) -> np.ndarray:
    """ICD-9 before, ICD-10 from the year that is the patient's 2015; 9 or 10, shape (n,)."""
    people = chunk.patients.iloc[patient]
    real_anchor = people["anchor_year_group"].str[:4].astype(int).to_numpy() + 1
    real_year = year_of(time) - people["anchor_year"].to_numpy() + real_anchor
    return np.where(real_year >= _ICD10_FROM, 10, 9)


def _draw_admissions(rng: np.random.Generator, chunk: Chunk) -> pd.DataFrame:
    people, stays = chunk.patients, chunk.stays
    from_ed = np.flatnonzero(stays["admitted"])
    arrived, left = (stays[name].to_numpy()[from_ed] for name in ("intime", "outtime"))
    # The order to admit is written while the patient still waits for a bed.
    boarding = 1.2 * HOUR * np.exp(0.6 * rng.standard_normal(len(from_ed)))
    admitted = left - np.minimum(boarding, 0.6 * (left - arrived)).astype(np.int64) // 60 * 60
    days = stays["admission_days"].to_numpy()[from_ed]
    emergency = pd.DataFrame(
        {
            "patient": stays["patient"].to_numpy()[from_ed],
            "stay": from_ed,
            "admittime": admitted,
            "dischtime": left + (days * DAY).astype(np.int64) // 60 * 60,
            "illness": chunk.hidden["illness"].to_numpy()[from_ed],
        }
    )
    elective_of = poisson_rows(rng, 0.55 * np.exp(0.5 * people["frailty"].to_numpy()))
    counts = pd.Series(elective_of).groupby(elective_of).cumcount().to_numpy()
    before = (20 + 140 * counts + rng.uniform(0, 80, len(counts))) * DAY
    length = np.clip(2.5 * np.exp(0.7 * rng.standard_normal(len(counts))), 0.5, 40)
    start = seconds(people["anchor_year"].to_numpy()[elective_of]) - before.astype(np.int64)
    start += (9 * HOUR - start % DAY) + rng.integers(-120, 240, len(start)) * 60
    elective = pd.DataFrame(
        {
            "patient": elective_of,
            "stay": -1,
            "admittime": start,
            "dischtime": start + (length * DAY).astype(np.int64) // 60 * 60,
            "illness": 0.0,
        }
    )
    both = pd.concat([emergency, elective], ignore_index=True)
    both = both.sort_values(["patient", "admittime"], kind="stable", ignore_index=True)
    both["subject_id"] = people["subject_id"].to_numpy()[both["patient"]]
    both["frailty"] = people["frailty"].to_numpy()[both["patient"]]
    both["hadm_id"] = unique_ids(rng, 20_000_000, chunk.number, len(both))
    both["discharge_location"] = choose(rng, "discharge_location", len(both))
    both["careunit"] = choose(rng, "careunit", len(both))
    return both


def _draw_icustays(rng: np.random.Generator, number: int, admissions: pd.DataFrame) -> pd.DataFrame:
    logit = np.where(admissions["stay"] >= 0, -1.9, -2.2)
    logit = logit + 0.5 * admissions["illness"] + 0.2 * admissions["frailty"]
    admission = np.flatnonzero(rng.random(len(admissions)) < expit(logit))
    start, end = (admissions[name].to_numpy()[admission] for name in ("admittime", "dischtime"))
    length = end - start
    into = start + (rng.uniform(0.05, 0.25, len(admission)) * length).astype(np.int64)
    out = into + (rng.uniform(0.2, 0.6, len(admission)) * length).astype(np.int64)
    return pd.DataFrame(
        {
            "admission": admission,
            "patient": admissions["patient"].to_numpy()[admission],
            "stay_id": unique_ids(rng, 30_000_000, number, len(admission), part=2, parts=4),
            "intime": into,
            "outtime": out,
            "careunit": choose(rng, "icu_careunit", len(admission)),
        }
    )


def _draw_deaths(
    rng: np.random.Generator, chunk: Chunk, admissions: pd.DataFrame, icustays: pd.DataFrame
) -> np.ndarray:
    """Time of death of each patient; marks in ``admissions`` who would die inside."""
    people, stays = chunk.patients, chunk.stays
    risk = 0.8 * people["frailty"].to_numpy()
    death = np.full(len(people), _NEVER)

    intensive = np.isin(np.arange(len(admissions)), icustays["admission"])
    logit = np.where(intensive, -3.0, -5.0) + risk[admissions["patient"]]
    logit = logit + 0.5 * admissions["illness"].to_numpy()
    admissions["dies"] = rng.random(len(admissions)) < expit(logit)
    inside = admissions[admissions["dies"]]
    np.minimum.at(death, inside["patient"].to_numpy(), inside["dischtime"].to_numpy())

    expired = stays[stays["disposition"] == "EXPIRED"]
    np.minimum.at(death, expired["patient"].to_numpy(), expired["outtime"].to_numpy())

    first = icustays.drop_duplicates("patient")
    within_year = rng.random(len(first)) < expit(-2.12 + risk[first["patient"]])
    left = admissions["dischtime"].to_numpy()[first["admission"]]
    later = left + (rng.beta(0.8, 1.6, len(first)) * 350 * DAY).astype(np.int64) + DAY
    np.minimum.at(death, first["patient"].to_numpy()[within_year], later[within_year])

    last = stays.drop_duplicates("patient", keep="last")
    home = rng.random(len(last)) < expit(-4.0 + risk[last["patient"]])
    end = last["outtime"].to_numpy() + (last["admission_days"].to_numpy() * DAY).astype(np.int64)
    end += (rng.uniform(1, 360, len(last)) * DAY).astype(np.int64)
    np.minimum.at(death, last["patient"].to_numpy()[home], end[home])
    return death
