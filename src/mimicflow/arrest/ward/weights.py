"""Say what each stay stands for: the epochs that were kept, that were planned, or all monitored.

The sample is not a ward: of a control one random day is looked at, of an event stay the whole day
before its arrest, and of both only the epochs whose quality was good. A stay of which less was
kept gets more weight. Three populations:

- ``sample``: the kept epochs, each once;
- ``planned``: the planned epochs in which a monitor recorded something, dropped ones included;
- ``monitored``: the same, and of controls all recorded time instead of a day. Of event stays what
  lies further from the arrest than the plan reaches is in none: no epoch of it is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.arrest.features import read_measured
from mimicflow.arrest.hrv_features import NOT_MONITORED
from mimicflow.arrest.windows import cut_overlaps, whole_epochs
from mimicflow.errors import InputError
from mimicflow.running.writing import write_parquet

POPULATIONS = ("sample", "planned", "monitored")
COLUMNS = (
    *("stay_id", "subject_id", "split", "label", "kept", "planned", "monitored"),
    *(f"weight_{population}" for population in POPULATIONS),
)


def weigh_stays(
    spine: str | Path,
    plan: str | Path,
    measured: Sequence[str | Path],
    scanned: Sequence[str | Path],
    options: Mapping[str, Any],
    output: str | Path,
) -> None:
    """Write of each planned stay how many epochs it has, and for how many a kept one stands.

    Parameters
    ----------
    spine, plan : path-like
        Parquet of the stays with their split, and of the planned epochs.
    measured, scanned : sequence of path-like
        Parquet of the measured epochs (their ``reason``) and of the scanned recordings, all shards.
    options : mapping
        ``minutes`` of an epoch.
    output : path-like
        Parquet to write by stay_id: ``COLUMNS``. ``kept``, ``planned`` and ``monitored`` are
        epochs; the last is the planned ones times what the recordings of a control hold over what
        its window holds. ``weight_…`` is that of each kept epoch, NaN of stays without one: other
        stays of the same split and label stand for these.

    Raises
    ------
    InputError
        When the measured epochs are not those of the plan.
    """
    stays = pd.read_parquet(spine, columns=["stay_id", "subject_id", "split", "label"])
    epochs = pd.read_parquet(plan, columns=["epoch_id", "stay_id"])
    reason = read_measured(measured, ["reason"], epochs["epoch_id"])["reason"].to_numpy()
    of_stay = epochs[["stay_id"]].assign(
        within=1, kept=reason == "", planned=~np.isin(reason, NOT_MONITORED)
    )
    counts = of_stay.groupby("stay_id")[["within", "kept", "planned"]].sum()
    found = stays[stays["stay_id"].isin(counts.index)].sort_values("stay_id", ignore_index=True)
    found = found.join(counts, on="stay_id")
    control = found["label"] == 0
    held = found["stay_id"].map(_held(scanned, found.loc[control, "stay_id"], options))
    share = np.where(control, held / found.pop("within"), 1.0)
    found["monitored"] = found["planned"] * share
    for population in POPULATIONS:
        found[f"weight_{population}"] = _weights(found, population)
    write_parquet(found[list(COLUMNS)], output)


def _held(
    scanned: Sequence[str | Path], controls: pd.Series, options: Mapping[str, Any]
) -> pd.Series:
    """Return how many whole epochs the usable recordings of each control hold, by stay_id."""
    parts = [part for part in map(pd.read_parquet, scanned) if len(part)]
    recordings = pd.concat(parts)
    usable = (recordings["reason"] == "") & recordings["stay_id"].isin(controls)
    pieces = cut_overlaps(recordings[usable])
    spans = pieces.groupby("stay_id").agg(window_start=("start", "min"), window_end=("end", "max"))
    return whole_epochs(pieces, spans, options).groupby("stay_id")["n_epochs"].sum()


def _weights(stays: pd.DataFrame, population: str) -> pd.Series:
    """Return for how many epochs of the population each kept one stands."""
    size = stays["kept" if population == "sample" else population]
    kept = stays["kept"] > 0
    same = [stays["split"], stays["label"]]
    # What stays without a kept epoch hold is shared among the others of their kind.
    everything, represented = (
        of.groupby(same).transform("sum") for of in (size, size.where(kept, 0))
    )
    return (size / stays["kept"] * everything / represented).where(kept)


def epoch_weights(stay_id: pd.Series, weights: pd.DataFrame, population: str) -> np.ndarray:
    """Return the weight of each kept epoch, (n,).

    Raises
    ------
    InputError
        An epoch of a stay that has no weight.
    """
    found = stay_id.map(weights.set_index("stay_id")[f"weight_{population}"])
    if found.isna().any():
        raise InputError(
            f"{int(found.isna().sum())} epochs are of stays without a weight",
            remedy="delete results/arrest/weights.parquet and run again",
        )
    return found.to_numpy(dtype=np.float64)


def prevalences(weights: pd.DataFrame, split: str) -> dict[str, float]:
    """Return the share of epochs before an arrest by population, of the stays of one split."""
    stays = weights[weights["split"] == split]
    totals = {name: stays["kept"] * stays[f"weight_{name}"] for name in POPULATIONS}
    return {
        name: float(total[stays["label"] == 1].sum() / total.sum())
        for name, total in totals.items()
    }


def moved(probability: np.ndarray, from_prevalence: float, to_prevalence: float) -> np.ndarray:
    """Return probabilities for a population in which arrests are rarer or more frequent.

    Bayes' rule for classes that are drawn at other shares: the log odds move by the difference of
    those of the prevalences (Elkan 2001, doi 10.5555/1642194.1642224). The order of epochs stays.

    Parameters
    ----------
    probability : numpy.ndarray of shape (n,)
        As of a population with ``from_prevalence``.
    """
    ratio = (to_prevalence / (1 - to_prevalence)) / (from_prevalence / (1 - from_prevalence))
    return probability * ratio / (1 - probability + probability * ratio)
