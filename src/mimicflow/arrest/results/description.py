"""Describe the stays of arrest: Table 1, with and without an arrest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.arrest.features import read_measured
from mimicflow.arrest.hrv_features import NOT_MONITORED
from mimicflow.errors import InputError
from mimicflow.evaluation.study import Study
from mimicflow.evaluation.table_one import table_one
from mimicflow.running.writing import write_csv

OUTCOMES = ("control", "event")
"""Columns of label 0 and label 1 in the table."""
_PARTS = {"train": "development", "test": "held out"}
_DAY, _HOUR = pd.Timedelta(days=1), pd.Timedelta(hours=1)


def describe_arrest_cohort(
    spine: str | Path,
    groups: str | Path,
    plan: str | Path,
    measured: Sequence[str | Path],
    output: str | Path,
    study: Study,
) -> None:
    """Write the cohort by outcome: who the patients are, and how much was recorded of them.

    Parameters
    ----------
    spine : path-like
        Parquet, one row per stay: ``stay_id, subject_id, label, split, age`` (years),
        ``n_recordings, intime, outtime``.
    groups : path-like
        Parquet with the groups of the same stays: ``sex, icu, monitor``.
    plan : path-like
        Parquet of the planned epochs, those of a stay's window: ``epoch_id, stay_id, start, end``.
    measured : sequence of path-like
        Parquet of the measured epochs, all shards: their ``reason``, empty where they are kept.
    output : path-like
        CSV of `mimicflow.evaluation.table_one.table_one`, the outcomes ``control`` and ``event``.
        Recorded is what is neither without signal nor unreadable.
    study : Study
        Whose stays they are, and who may be shown.

    Raises
    ------
    InputError
        Groups of other stays, measured epochs that are not those of the plan.
    """
    stays = pd.read_parquet(spine).set_index("stay_id")
    members = pd.read_parquet(groups).set_index("stay_id")
    if set(members.index) != set(stays.index):
        raise InputError(
            "does not hold the stays of the cohort",
            file=groups,
            remedy="delete the file and run its rule again",
        )
    los = (stays["outtime"] - stays["intime"]) / _DAY
    tables = {
        "spine": stays.assign(part=stays["split"].map(_PARTS), icu_los=los),
        "groups": members.reindex(stays.index),
        "epochs": _epochs_of(stays.index, plan, measured),
    }
    write_csv(table_one(tables, "arrest", OUTCOMES, study), output)


def _epochs_of(stays: pd.Index, plan: str | Path, measured: Sequence[str | Path]) -> pd.DataFrame:
    """Return ``recorded`` (hours), ``kept`` (epochs) and ``kept_share`` (%) of each stay.

    The share of a stay of which nothing was recorded is not known.
    """
    epochs = pd.read_parquet(plan, columns=["epoch_id", "stay_id", "start", "end"])
    reason = read_measured(measured, ["reason"], epochs["epoch_id"])["reason"].to_numpy()
    recorded = ~np.isin(reason, NOT_MONITORED)
    hours = ((epochs["end"] - epochs["start"]) / _HOUR).where(recorded, 0.0)
    of_epochs = pd.DataFrame({"recorded": hours, "n_recorded": recorded, "kept": reason == ""})
    of_stays = of_epochs.groupby(epochs["stay_id"]).sum().reindex(stays, fill_value=0)
    share = 100 * of_stays["kept"] / of_stays["n_recorded"].replace(0, np.nan)
    return of_stays.assign(kept_share=share)
