"""Change what becomes of patients after the prediction, and build the cohort again.

Who is predicted, when, and by which ECGs must be the same; only the outcome may differ. In the
emergency department what comes after the departure is changed: the last ECG of a stay is the time
of its prediction, so that a further one within the stay moves it, by rule (docs/limits.md).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.admission.cohort import build_cohort
from mimicflow.audit.findings import none_of
from mimicflow.audit.time.comparison import Features, differences
from mimicflow.audit.time.future import KINDS, Tables
from mimicflow.evaluation.study import Study
from mimicflow.mortality.cohort import build_icu_cohort, label_deaths

BEGINS = {
    "edstays": "intime",
    "admissions": "admittime",
    "icustays": "intime",
    "record_list": "ecg_time",
    "machine_measurements": "ecg_time",
}
"""Table -> when a row of it begins; those that begin later are changed."""
_IDS = {"edstays": "stay_id", "admissions": "hadm_id", "icustays": "stay_id"}
_OUTCOME = {
    *("hadm_id", "outtime", "disposition", "label"),  # of the emergency department
    *("dod", "died_later", "died_at", "any_icu_deathtime"),
}
"""Columns that say how it went on."""
Build = Callable[[Tables], Features]
Row = dict[str, Any]


def attack_cohort(
    build: Build, tables: Tables, until: pd.Series, seed: int, words: str = ""
) -> Iterator[Row]:
    """Yield how much of who is predicted changes with the future of the patients.

    Parameters
    ----------
    build : callable
        Makes of raw tables what is compared: tables with ``stay_id``.
    tables : mapping of str to pandas.DataFrame
        The raw rows of these patients.
    until : pandas.Series
        By ``subject_id``: what begins later is changed.
    seed : int
        Of what is drawn.
    words : str
        Put in front of what is said.
    """
    before = build(tables)
    for kind in KINDS:
        attacked, touched = _with_other_future(tables, until, kind, np.random.default_rng(seed))
        changed, n_stays = differences(before, build(attacked))
        yield none_of(
            f"{words}cohort, {kind}: columns that change",
            changed,
            predictions=len(until),
            predictions_changed=n_stays,
            rows_touched=touched,
        )


def _with_other_future(
    tables: Tables, until: pd.Series, kind: str, random: np.random.Generator
) -> tuple[Tables, int]:
    """Return the tables with another future in all of them, and how many rows are touched."""
    attacked, touched = dict(tables), 0
    for name, begin in BEGINS.items():
        if name not in tables:
            continue
        rows = tables[name].reset_index(drop=True)
        later = (rows[begin] > rows["subject_id"].map(until)).to_numpy()
        touched += int(later.sum())
        if kind == "deleted":
            attacked[name] = rows[~later]
        elif kind == "changed":
            days = random.integers(1, 300, int(later.sum()))
            attacked[name] = pd.concat([rows[~later], _moved(rows[later], days)])
        else:
            new = rows.drop_duplicates("subject_id")
            new = new[new["subject_id"].isin(until.index)]
            begun = (new["subject_id"].map(until) - new[begin]).dt.days.to_numpy()
            new = _moved(new, begun + random.integers(2, 300, len(new)))
            if name in _IDS:
                new = new.assign(**{_IDS[name]: 91_000_000 + np.arange(len(new))})
            if "study_id" in new:
                new = new.assign(study_id=92_000_000 + np.arange(len(new)))
            attacked[name] = pd.concat([rows, new])
            touched += len(new)
    if "dod" in tables.get("patients", pd.DataFrame()):
        attacked["patients"] = _other_deaths(tables["patients"], until, kind)
    return attacked, touched


def _moved(rows: pd.DataFrame, days: np.ndarray) -> pd.DataFrame:
    """Return rows of which all times are so many days later, each row by its own."""
    moved = rows.copy()
    for column in moved.select_dtypes("datetime"):
        moved[column] = (moved[column] + pd.to_timedelta(days, unit="D")).astype(rows[column].dtype)
    return moved


def _other_deaths(patients: pd.DataFrame, until: pd.Series, kind: str) -> pd.DataFrame:
    """Return patients who die later, or not; or who die although they have not."""
    dod, last = pd.to_datetime(patients["dod"]), patients["subject_id"].map(until)
    later = dod.isna() if kind == "added" else dod > last + pd.Timedelta(days=1)
    other = (last + pd.Timedelta(days=200)).dt.normalize()
    if kind == "deleted":
        other = pd.Series(pd.NaT, index=patients.index)
    return patients.assign(dod=dod.mask(later & last.notna(), other).astype("datetime64[us]"))


def of_admission(
    stays: pd.DataFrame, records: pd.DataFrame, options: Mapping[str, Any], study: Study
) -> Build:
    """Return what builds the cohort of the emergency department, and takes these stays of it.

    Parameters
    ----------
    stays : pandas.DataFrame
        The stays that are attacked.
    records : pandas.DataFrame
        The readable ECGs.
    options : mapping
        Section ``cohort`` of the configuration, and ``seed``.
    study : Study
        Whose patients they are.
    """

    def build(tables: Tables) -> Features:
        with tempfile.TemporaryDirectory(prefix="mimicflow-") as name:
            folder = Path(name)
            paths = _written(tables, folder)
            stay_rows, ecg_rows = folder / "stays.out", folder / "ecgs.out"
            # Any further ECG could be read.
            ids = np.union1d(records["study_id"], tables["record_list"]["study_id"])
            readable = {"records": pd.DataFrame({"study_id": ids})}
            read = _written(readable, folder)["records"]
            build_cohort(
                paths,
                read,
                options,
                options["seed"],
                stays=stay_rows,
                ecgs=ecg_rows,
                attrition=folder / "attrition.csv",
                competing=folder / "competing.csv",
                study=study,
            )
            found = {"stays": pd.read_parquet(stay_rows), "ecgs": pd.read_parquet(ecg_rows)}
        return {each: _compared(frame, stays) for each, frame in found.items()}

    return build


def of_mortality(stays: pd.DataFrame, options: Mapping[str, Any], study: Study) -> Build:
    """Return what builds the cohort of a protocol of mortality, and takes these stays of it.

    Parameters
    ----------
    stays : pandas.DataFrame
        The stays that are attacked.
    options : mapping
        ``min_age`` and ``horizon``, and what the protocol says of labels.
    study : Study
        Whose patients they are.
    """

    def build(tables: Tables) -> Features:
        with tempfile.TemporaryDirectory(prefix="mimicflow-") as name:
            folder = Path(name)
            first, steps = folder / "first.out", folder / "steps.out"
            build_icu_cohort(_written(tables, folder), options, first, steps)
            label_deaths(first, steps, options, folder / "spine.out", folder / "a.csv", study)
            return {"stays": _compared(pd.read_parquet(folder / "spine.out"), stays)}

    return build


def _compared(frame: pd.DataFrame, stays: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the attacked stays, without how it went on with them."""
    frame = frame[frame["stay_id"].isin(stays["stay_id"])]
    return frame.drop(columns=_OUTCOME & set(frame.columns))


def _written(tables: Tables, folder: Path) -> dict[str, Path]:
    paths = {name: folder / f"{name}.parquet" for name in tables}
    for name, path in paths.items():
        tables[name].to_parquet(path, index=False)
    return paths


def rows_of(files: Mapping[str, Sequence[str | Path]], patients: pd.Series) -> Tables:
    """Return the rows of some patients in some tables."""
    chosen = [("subject_id", "in", set(patients.tolist()))]
    return {
        name: pd.concat(
            [pd.read_parquet(path, filters=chosen) for path in dict.fromkeys(map(str, paths))],
            ignore_index=True,
        )
        for name, paths in files.items()
    }
