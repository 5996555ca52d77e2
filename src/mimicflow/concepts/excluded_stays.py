"""List who is left out of a cohort, stay by stay, with the step that left it out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from mimicflow.reference import reference
from mimicflow.running.writing import write_parquet

IDS = ["stay_id", "subject_id"]


def write_excluded_stays(system: str, left: Mapping[str, pd.DataFrame], output: str | Path) -> None:
    """Write every stay that does not reach the last step: rows of patients, for their keeper only.

    Parameters
    ----------
    system : str
        Whose steps they are in ``reference/excluded_stays.csv``.
    left : mapping of str to pandas.DataFrame
        Step -> what it leaves (stay_id, subject_id, repeated or not), in order; first all stays.
    output : path-like
        Parquet to write, by stay_id: stay_id, subject_id, ``step`` (the first one without the
        stay) and ``reason`` (in words).
    """
    words = pd.read_csv(reference("excluded_stays.csv"))
    words = words[words["system"] == system].set_index("step")["reason"]
    steps = list(left)
    stays = left[steps[0]][IDS].dropna().drop_duplicates("stay_id").set_index("stay_id")
    lost = pd.Series(pd.NA, index=stays.index, dtype="string")
    for step in reversed(steps[1:]):
        lost = lost.mask(~stays.index.isin(left[step]["stay_id"]), step)
    excluded = stays.assign(step=lost, reason=lost.map(words)).dropna(subset=["step"])
    ids = dict.fromkeys(IDS, "int64")
    write_parquet(excluded.sort_index().reset_index().astype(ids), output)
