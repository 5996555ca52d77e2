"""Draw patients and their visits to the emergency department, with the hidden state behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mimicflow.synthetic import truth
from mimicflow.synthetic.draws import PATIENTS_PER_CHUNK, choose, shares, stream, vocabulary

HOUR = 3600
DAY = 24 * HOUR
_IDS_PER_CHUNK = 10_000
_OUTSIDE_ECG_SHARE = 0.55
_COHORT_ECG_SHARE = 0.95
_ELIGIBLE_SHARE = 0.93
_EXTRA_ECGS = np.array([0.60, 0.25, 0.08, 0.035, 0.015, 0.01, 0.006, 0.004])  # 2, 3, ... ECGs
_STAYS_BEYOND_FIRST = 0.5


@dataclass(frozen=True)
class Chunk:
    """The people of one chunk.

    Parameters
    ----------
    seed, number : int
        Seed of the hospital and number of the chunk.
    patients : DataFrame
        One row per patient, hidden columns included.
    stays : DataFrame
        One row per visit to the emergency department, in time order per patient; ``patient`` is
        the row of ``patients``, times are seconds since 1970.
    hidden : DataFrame
        The terms of ``truth`` of each stay at its prediction time.
    permute_labels : bool
        Whether outcomes are drawn so that nothing can be predicted.
    """

    seed: int
    number: int
    patients: pd.DataFrame
    stays: pd.DataFrame
    hidden: pd.DataFrame
    permute_labels: bool = False

    def stream(self, purpose: str) -> np.random.Generator:
        """Random stream of this chunk for one purpose."""
        return stream(self.seed, purpose, self.number)


def unique_ids(
    rng: np.random.Generator, first: int, chunk: int, n: int, part: int = 0, parts: int = 1
) -> np.ndarray:
    """Return ``n`` different eight-digit ids that no other chunk, and no other part, can have."""
    room = _IDS_PER_CHUNK // parts
    if n > room:
        raise ValueError(f"{n} ids asked of a chunk, {room} reserved")
    return first + chunk * _IDS_PER_CHUNK + part + parts * rng.permutation(room)[:n]


def free_ids(
    rng: np.random.Generator, first: int, chunk: int, n: int, taken: np.ndarray
) -> np.ndarray:
    """Return ``n`` different ids of the chunk that are not ``taken``, shape (n,)."""
    start = first + chunk * _IDS_PER_CHUNK
    room = np.setdiff1d(np.arange(start, start + _IDS_PER_CHUNK), taken)
    if n > len(room):
        raise ValueError(f"{n} ids asked of a chunk, {len(room)} free")
    return rng.permutation(room)[:n]


def seconds(year: np.ndarray) -> np.ndarray:
    """Seconds since 1970 at the start of each year."""
    return (year - 1970).astype("datetime64[Y]").astype("datetime64[s]").astype(np.int64)


def year_of(time: np.ndarray) -> np.ndarray:
    """Calendar year of seconds since 1970."""
    return time.astype("datetime64[s]").astype("datetime64[Y]").astype(np.int64) + 1970


def draw_chunk(seed: int, number: int, n: int, permute_labels: bool = False) -> Chunk:
    """Draw the patients of a chunk, their visits, and whether each was admitted.

    Parameters
    ----------
    seed : int
        Seed of the hospital.
    number : int
        Number of the chunk.
    n : int
        Patients in it, at most ``PATIENTS_PER_CHUNK``.
    permute_labels : bool
        Shuffle HOME and ADMITTED over the stays; death within a year is left to chance, too.
    """
    rng = stream(seed, "population", number)
    patients = _draw_patients(rng, number, n)
    stays = _draw_stays(rng, number, patients)
    lasting = patients.iloc[stays["patient"]].reset_index(drop=True)
    parts = lasting[[f"part_{name}" for name in truth.terms().index]]
    parts.columns = truth.terms().index
    hidden = truth.draw_hidden(rng, lasting["severity"].to_numpy(), parts)
    stays = _draw_outcomes(rng, stays, hidden, permute_labels)
    return Chunk(seed, number, patients, stays, hidden, permute_labels)


def _draw_patients(rng: np.random.Generator, number: int, n: int) -> pd.DataFrame:
    index = number * PATIENTS_PER_CHUNK + np.arange(n)
    severity = rng.standard_normal(n)
    parts = {f"part_{name}": rng.standard_normal(n) for name in truth.terms().index}
    age_loading = truth.terms().loc["age", "loading"] * np.sqrt(2)
    age = age_loading * severity + np.sqrt(1 - age_loading**2) * parts["part_age"]
    # Chronic disease follows age and the lasting part of the illness term, so that old records
    # say something about the table side of the truth and about nothing else.
    frailty = 0.6 * age + 0.6 * parts["part_illness"] + 0.53 * rng.standard_normal(n)
    years = np.clip(np.round(58 + 18 * age), 20, 91).astype(np.int64)
    return pd.DataFrame(
        {
            "subject_id": 10_000_000 + 9 * index + rng.integers(0, 9, n),
            "gender": np.where(rng.random(n) < 0.48, "M", "F"),
            "anchor_age": np.where(years > 89, 91, years),
            "anchor_year": rng.integers(2115, 2196, n),
            "anchor_year_group": choose(rng, "anchor_year_group", n),
            "race": choose(rng, "race", n),
            "language": choose(rng, "language", n),
            "marital_status": choose(rng, "marital_status", n),
            "insurance": np.where(years >= 67, "Medicare", choose(rng, "insurance", n)),
            "severity": severity,
            "frailty": frailty,
            "voltage": np.exp(0.2 * rng.standard_normal(n)),
            "left_block": (rng.random(n) < 0.65).astype(np.int64),
            "pr": 160 + 24 * rng.standard_normal(n),
            "p_amplitude": np.exp(0.2 * rng.standard_normal(n)),
            **parts,
        }
    )


def _draw_stays(rng: np.random.Generator, number: int, patients: pd.DataFrame) -> pd.DataFrame:
    extra = rng.poisson(_STAYS_BEYOND_FIRST * np.exp(0.3 * patients["frailty"] - 0.045))
    patient = np.repeat(np.arange(len(patients)), 1 + extra)
    n = len(patient)
    complaints = vocabulary("complaints", ("complaint",))
    complaint = rng.choice(len(complaints), n, p=_complaint_shares(complaints))
    cohort = complaints["cohort"].to_numpy()[complaint] == 1
    has_ecg = rng.random(n) < np.where(cohort, _COHORT_ECG_SHARE, _OUTSIDE_ECG_SHARE)
    n_ecg = np.where(rng.random(n) < truth.MULTIPLE_SHARE, 2, 1)
    several = rng.choice(len(_EXTRA_ECGS), n, p=_EXTRA_ECGS)
    n_ecg = np.where(has_ecg, n_ecg + np.where(n_ecg > 1, several, 0), 0)
    last = _last_ecg_hours(rng, n_ecg)
    until_departure = np.clip(4.6 * np.exp(0.737 * rng.standard_normal(n)), 0.3, 40)
    stay_hours = last + until_departure
    admission_days = np.clip(3.2 * np.exp(0.75 * rng.standard_normal(n)), 0.6, 60)
    gap = np.where(
        np.append(True, patient[1:] != patient[:-1]),
        rng.uniform(5, 350, n),
        2 + rng.exponential(240, n),
    )
    occupied = np.append(0, (stay_hours / 24 + admission_days)[:-1])
    first = np.append(True, patient[1:] != patient[:-1])
    days = pd.Series(gap + np.where(first, 0, occupied)).groupby(patient).cumsum().to_numpy()
    arrival = seconds(patients["anchor_year"].to_numpy()[patient]) + (days * DAY).astype(np.int64)
    arrival -= arrival % 60
    return pd.DataFrame(
        {
            "patient": patient,
            "subject_id": patients["subject_id"].to_numpy()[patient],
            "stay_id": unique_ids(rng, 30_000_000, number, n, part=0, parts=4),
            "intime": arrival,
            "outtime": arrival + np.round(stay_hours * 60).astype(np.int64) * 60,
            "complaint": complaint,
            "cohort": cohort,
            "n_ecg": n_ecg,
            "prediction_time": arrival + np.round(last * HOUR).astype(np.int64),
            "admission_days": admission_days,
        }
    )


def _complaint_shares(complaints: pd.DataFrame) -> np.ndarray:
    """Give a third of the visits words outside the cohort's."""
    within = complaints["cohort"] == 1
    outside = shares(complaints["weight"].where(~within, 0)) / 3
    return outside + shares(complaints["weight"].where(within, 0)) * 2 / 3


def _last_ecg_hours(rng: np.random.Generator, n_ecg: np.ndarray) -> np.ndarray:
    """Hours from arrival to the prediction ECG; without any ECG, to a moment of reference."""
    n = len(n_ecg)
    early = 0.209 * np.exp(0.31 * rng.standard_normal(n))
    late = 2.5 * np.exp(0.38 * rng.standard_normal(n))
    single = np.where(rng.random(n) < 0.10, late, early)
    several = np.clip(6.5 * np.exp(0.45 * rng.standard_normal(n)), 1.2, 30)
    return np.where(n_ecg > 1, several, np.where(n_ecg == 1, np.clip(single, 0.05, 12), 0.4))


def _draw_outcomes(
    rng: np.random.Generator, stays: pd.DataFrame, hidden: pd.DataFrame, permute_labels: bool
) -> pd.DataFrame:
    n = len(stays)
    probability = truth.probabilities(hidden, stays["n_ecg"].to_numpy() > 1)
    eligible = rng.random(n) < _ELIGIBLE_SHARE
    home_or_admitted = np.where(rng.random(n) < probability["p_everything"], "ADMITTED", "HOME")
    if permute_labels:
        home_or_admitted[eligible] = rng.permutation(home_or_admitted[eligible])
        probability.loc[:] = truth.BASE_RATE
    disposition = np.where(eligible, home_or_admitted, choose(rng, "disposition", n))
    return stays.assign(
        eligible=eligible, disposition=disposition, admitted=disposition == "ADMITTED",
        **probability,
    )  # fmt: skip
