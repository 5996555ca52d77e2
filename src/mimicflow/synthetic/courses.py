"""Let the hidden terms drift within a stay, and draw the moments at which they are measured."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mimicflow.synthetic import truth
from mimicflow.synthetic.draws import poisson_rows
from mimicflow.synthetic.population import DAY, HOUR, Chunk, unique_ids

MAX_ECGS = 6
"""The prediction ECG is the last one up to this one."""

_VITALS_EVERY_HOURS = 1.3
_ECGS_PER_ADMISSION = 0.4


def draw_moments(chunk: Chunk) -> pd.DataFrame:
    """Draw every look at a patient during a stay: triage, vital signs, ECGs, with the terms then.

    Returns
    -------
    DataFrame
        Columns stay (row of ``chunk.stays``), kind (triage, vitalsign, ecg), time (s), study_id
        (0 where it is no ECG) and one per term; sorted by stay and time.
    """
    rng = chunk.stream("moments")
    stays = chunk.stays
    triage = pd.DataFrame({"stay": np.arange(len(stays)), "time": stays["intime"]})
    moments = pd.concat(
        [
            triage.assign(kind="triage"),
            _vitalsign_times(rng, stays).assign(kind="vitalsign"),
            _ecg_times(rng, stays).assign(kind="ecg"),
            _inpatient_ecg_times(rng, stays).assign(kind="ecg"),
        ],
        ignore_index=True,
    ).sort_values(["stay", "time", "kind"], kind="stable", ignore_index=True)
    is_ecg = (moments["kind"] == "ecg").to_numpy()
    ids = np.zeros(len(moments), np.int64)
    ids[is_ecg] = np.sort(unique_ids(rng, 40_000_000, chunk.number, is_ecg.sum()))
    drifted = drift(
        rng,
        chunk.hidden,
        moments["stay"].to_numpy(),
        moments["time"].to_numpy() - stays["prediction_time"].to_numpy()[moments["stay"]],
    )
    return pd.concat([moments.assign(study_id=ids), drifted], axis=1)


def _vitalsign_times(rng: np.random.Generator, stays: pd.DataFrame) -> pd.DataFrame:
    hours = ((stays["outtime"] - stays["intime"]) / HOUR).to_numpy()
    stay = poisson_rows(rng, np.minimum(hours, 24) / _VITALS_EVERY_HOURS)
    share = rng.random(len(stay)) * np.minimum(1, 24 / hours[stay])
    time = stays["intime"].to_numpy()[stay] + (share * hours[stay] * HOUR).astype(np.int64)
    # One more set with the triage numbers still on the monitor, just after arrival.
    early = np.flatnonzero(rng.random(len(stays)) < 0.6)
    soon = stays["intime"].to_numpy()[early] + rng.integers(2, 12, len(early)) * 60
    times = np.concatenate([time - time % 60, soon])
    return pd.DataFrame({"stay": np.concatenate([stay, early]), "time": times})


def _ecg_times(rng: np.random.Generator, stays: pd.DataFrame) -> pd.DataFrame:
    """First ECG soon after arrival, prediction ECG at its time, others between or after it."""
    n_ecg = stays["n_ecg"].to_numpy()
    stay = np.repeat(np.arange(len(stays)), n_ecg)
    position = np.arange(len(stay)) - np.repeat(np.cumsum(n_ecg) - n_ecg, n_ecg) + 1
    at_prediction = position == np.minimum(n_ecg, MAX_ECGS)[stay]
    arrival, predicted, departure = (
        stays[name].to_numpy()[stay] for name in ("intime", "prediction_time", "outtime")
    )
    first = np.minimum(0.209 * HOUR * np.exp(0.31 * rng.standard_normal(len(stay))), 3000)
    between = rng.uniform(0.15, 0.95, len(stay)) * (predicted - arrival)
    before = np.where(position == 1, np.minimum(first, 0.9 * (predicted - arrival)), between)
    after = predicted - arrival + rng.uniform(0.05, 0.9, len(stay)) * (departure - predicted)
    offset = np.where(position > MAX_ECGS, after, before).astype(np.int64)
    time = np.where(at_prediction, predicted, arrival + offset)
    return pd.DataFrame({"stay": stay, "time": time})


def _inpatient_ecg_times(rng: np.random.Generator, stays: pd.DataFrame) -> pd.DataFrame:
    """ECGs on the ward: outside every emergency stay, useful to pretraining only."""
    stay = poisson_rows(rng, np.where(stays["admitted"], _ECGS_PER_ADMISSION, 0))
    wait = rng.uniform(0.02, 0.98, len(stay)) * stays["admission_days"].to_numpy()[stay] * DAY
    time = stays["outtime"].to_numpy()[stay] + wait.astype(np.int64) + 60
    return pd.DataFrame({"stay": stay, "time": time})


def drift(
    rng: np.random.Generator, anchor: pd.DataFrame, stay: np.ndarray, lag: np.ndarray
) -> pd.DataFrame:
    """Follow each term away from its value at the prediction time, as a stationary random walk.

    Parameters
    ----------
    rng : Generator
        Source of chance.
    anchor : DataFrame, shape (stays, terms)
        Terms at the prediction time.
    stay : ndarray of int, shape (n,)
        Row of ``anchor`` of each moment, ascending; within a stay the moments are in time order.
    lag : ndarray of int, shape (n,)
        Seconds from the prediction time, negative before it.

    Returns
    -------
    DataFrame, shape (n, terms)
        Each column standard normal; correlation with the anchor is exp(-|lag| / persistence).
    """
    persistence = truth.terms()["persistence_h"].to_numpy() * HOUR
    values = np.empty((len(stay), len(persistence)))
    shocks = rng.standard_normal(values.shape)
    for past in (True, False):
        rows = np.flatnonzero((lag < 0) == past)
        rows = rows[np.lexsort((np.abs(lag[rows]), stay[rows]))]
        if len(rows) == 0:
            continue
        starts = np.append(True, stay[rows][1:] != stay[rows][:-1])
        order = np.arange(len(rows))
        rank = order - np.maximum.accumulate(np.where(starts, order, 0))
        state = anchor.to_numpy(copy=True)
        reached = np.zeros(len(anchor))
        for step in range(rank.max() + 1):
            now = rows[rank == step]
            who = stay[now]
            distance = np.abs(lag[now])
            keep = np.exp(-(distance - reached[who])[:, None] / persistence)
            state[who] = keep * state[who] + np.sqrt(1 - keep**2) * shocks[now]
            reached[who] = distance
            values[now] = state[who]
    return pd.DataFrame(values, columns=anchor.columns)
