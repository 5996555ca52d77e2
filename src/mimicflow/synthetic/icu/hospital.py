"""Make the synthetic ICU: a registry, monitor recordings, and the truth behind them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from mimicflow.errors import ConfigError
from mimicflow.running.origin import MARK
from mimicflow.running.workers import worker_pool
from mimicflow.running.writing import atomic_folder, atomic_output, write_csv
from mimicflow.synthetic.icu.stays import draw_stays
from mimicflow.synthetic.icu.writing import write_stay

DEFAULT_PATIENTS = 360
MAX_PATIENTS = 100_000

_RECORDINGS = ["patient_id", "stay_id", "record", "start_time", "ecg_lead", "monitor", "numerics"]
_STAYS = [
    *("patient_id", "stay_id", "age", "sex", "icu", "intime", "outtime"),
    *("death_time", "limits_time"),
]
_LATER_ARREST_H = 0.5


def make_icu(
    registry: str | Path,
    truth: str | Path,
    *,
    n_patients: int = DEFAULT_PATIENTS,
    seed: int,
    dirt: float = 0.01,
    permute_labels: bool = False,
    processes: int = 1,
) -> None:
    """Write the registry of a made-up ICU with its recordings, and the truth beside it.

    Same arguments, same bytes, whatever ``processes``. The registry appears whole or not at all.

    Parameters
    ----------
    registry : path-like
        Receives recordings.csv, stays.csv, arrests.csv, ``records/`` (WFDB and numerics), and the
        empty file ``SYNTHETIC``, by which readers know it. A folder that is there is replaced.
    truth : path-like
        Parquet, outside the registry: stay_id, time (every 5 min while recorded), u (hidden state,
        the best score there is), risk (probability of an arrest 0.5 to 24 h later).
    n_patients : int
        1 to 100,000; 15 % of them have two stays.
    seed : int
        Seed of every draw.
    dirt : float
        Share of stays with each defect of ``stays.DEFECTS``, 0 to 0.02; from 100 stays on each
        is there at least once unless 0.
    permute_labels : bool
        Shuffle arrests over the stays, so that nothing can be predicted.
    processes : int
        Stays written at the same time.

    Raises
    ------
    ConfigError
        A number of patients or a share out of range, or the truth inside the registry.
    """
    registry, truth = Path(registry), Path(truth)
    _check(registry, truth, n_patients, dirt)
    stays = draw_stays(n_patients, seed, dirt, permute_labels)
    with atomic_output(truth) as hidden, atomic_folder(registry) as folder:
        write = partial(write_stay, folder=folder, seed=seed, permute_labels=permute_labels)
        written = list(_each(write, [row for _, row in stays.iterrows()], processes))
        rows = [row for recordings, _ in written for row in recordings]
        write_csv(pd.DataFrame(rows, columns=_RECORDINGS), folder / "recordings.csv")
        listed = stays[stays["defect"] != "unlisted"]
        write_csv(listed[_STAYS], folder / "stays.csv")
        write_csv(_arrests(stays), folder / "arrests.csv")
        (folder / MARK).touch()
        pd.concat([known for _, known in written], ignore_index=True).to_parquet(
            hidden, index=False
        )


def _check(registry: Path, truth: Path, n_patients: int, dirt: float) -> None:
    if not 1 <= n_patients <= MAX_PATIENTS:
        raise ConfigError(
            f"the synthetic ICU is to have {n_patients} patients",
            remedy=f"choose a number from 1 to {MAX_PATIENTS}",
        )
    if not 0 <= dirt <= 0.02:
        raise ConfigError(
            f"the dirt of the synthetic ICU is {dirt}", remedy="choose a share from 0 to 0.02"
        )
    if truth.absolute().is_relative_to(registry.absolute()):
        raise ConfigError(
            "the truth of the synthetic ICU would lie inside its registry",
            file=truth,
            remedy="choose a place outside, so that no reader of the registry can see it",
        )


def _each(write: partial, stays: list[pd.Series], processes: int) -> Iterator[Any]:
    """Write the stays; what comes back is in their order."""
    if processes == 1:
        yield from map(write, stays)
        return
    with worker_pool(processes) as pool:
        yield from pool.map(write, stays, chunksize=4)


def _arrests(stays: pd.DataFrame) -> pd.DataFrame:
    """One row per arrest: the time, or nothing where an arrest has none; a second one comes first.

    A reader that takes the first row of a stay instead of its first arrest would be wrong.
    """
    first = stays.loc[stays["cpr_h"].notna(), ["stay_id", "intime", "cpr_h", "defect"]]
    second = first[first["defect"] == "two_arrests"]
    found = pd.concat([second.assign(cpr_h=second["cpr_h"] + _LATER_ARREST_H), first])
    seconds = (found["cpr_h"] * 3600).round().astype("int64")
    found["cpr_time"] = found["intime"] + pd.to_timedelta(seconds, "s")
    unknown = stays.loc[stays["defect"] == "arrest_of_unknown_time", ["stay_id"]]
    rows = pd.concat([found[["stay_id", "cpr_time"]], unknown], ignore_index=True)
    return rows.sort_values("stay_id", kind="stable", ignore_index=True)
