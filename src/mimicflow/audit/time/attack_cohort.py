"""Change what becomes of patients after the prediction, and build the cohort again.

Who is predicted, when, and by which ECGs must be the same; only the outcome may differ. In the
emergency department what comes after the departure is changed, and the departure itself: the last
ECG of a stay is the time of its prediction, so that a further one within the stay moves it, by rule
(docs/limits.md).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.admission.cohort import build_cohort
from mimicflow.audit.time.comparison import Features, attacked, differences
from mimicflow.audit.time.future import KINDS, OTHER_ENDS, OUTCOMES, Tables
from mimicflow.errors import CohortError
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
_NEW = 91_000_000
"""Numbers of made-up stays and admissions begin here."""
_ENDS = {"edstays": ("outtime",), "admissions": ("dischtime", "deathtime")}
_A_LITTLE = pd.Timedelta(seconds=1)
"""By which a stay ends later: no further ECG, and nothing else, lies in it then."""
Build = Callable[[Tables], Features]
Row = dict[str, Any]


def attack_cohort(
    build: Build,
    tables: Tables,
    predicted: pd.Series,
    until: pd.Series,
    seed: int,
    words: str = "",
) -> Iterator[Row]:
    """Yield how much of who is predicted changes with the future of the patients.

    Parameters
    ----------
    build : callable
        Makes of raw tables what is compared: tables with ``stay_id``.
    tables : mapping of str to pandas.DataFrame
        The raw rows of these patients.
    predicted : pandas.Series
        By ``subject_id``, when: what is under way then may end otherwise.
    until : pandas.Series
        By ``subject_id``: what begins later is changed.
    seed : int
        Of what is drawn.
    words : str
        Put in front of what is said.
    """
    before = build(tables)
    nobody = {name: frame[:0] for name, frame in before.items()}
    for kind in KINDS:
        random = np.random.default_rng(seed)
        other, touched = _with_other_future(tables, predicted, until, kind, random)
        try:
            after = build(other)
        except CohortError:  # with that future nobody is left
            after = nobody
        what = f"{words}cohort, {kind}: columns that change"
        yield attacked(what, differences(before, after), len(until), touched)


def _with_other_future(
    tables: Tables,
    predicted: pd.Series,
    until: pd.Series,
    kind: str,
    random: np.random.Generator,
) -> tuple[Tables, int]:
    """Return the tables with another future in all of them, and how many rows are touched."""
    other, touched = dict(tables), 0
    for name, begin in BEGINS.items():
        if name not in tables:
            continue
        rows = tables[name].reset_index(drop=True)
        later = (rows[begin] > rows["subject_id"].map(until)).to_numpy()
        touched += int(later.sum())
        if kind == "deleted":
            other[name] = rows[~later]
        elif kind == "changed":
            days = random.integers(1, 300, int(later.sum()))
            known, under_way = _ended_otherwise(name, rows[~later], predicted, tables)
            other[name] = pd.concat([known, _moved(rows[later], days)])
            touched += under_way
        else:
            new = rows.drop_duplicates("subject_id")
            new = new[new["subject_id"].isin(until.index)]
            begun = (new["subject_id"].map(until) - new[begin]).dt.days.to_numpy()
            new = _moved(new, begun + random.integers(2, 300, len(new)))
            if name in _IDS:
                new = new.assign(**{_IDS[name]: _NEW + np.arange(len(new))})
            if "study_id" in new:
                new = new.assign(study_id=92_000_000 + np.arange(len(new)))
            other[name] = pd.concat([rows, new])
            touched += len(new)
    if "dod" in tables.get("patients", pd.DataFrame()):
        other["patients"] = _other_deaths(tables["patients"], until, kind)
        dod = other["patients"]["dod"], pd.to_datetime(tables["patients"]["dod"])
        touched += int((dod[0].ne(dod[1]) & (dod[0].notna() | dod[1].notna())).sum())
    return other, touched


def _ended_otherwise(
    name: str, rows: pd.DataFrame, predicted: pd.Series, tables: Tables
) -> tuple[pd.DataFrame, int]:
    """Return rows of which those under way at the prediction end later and otherwise; how many."""
    until, rows = rows["subject_id"].map(predicted), rows.copy()
    ends = [column for column in _ENDS.get(name, ()) if column in rows]
    if not ends:
        return rows, 0
    under_way = (rows[BEGINS[name]] <= until) & (rows[ends[0]] > until)
    for column in ends:
        later = under_way & (rows[column] > until)
        rows[column] = rows[column].mask(later, rows[column] + _A_LITTLE)
    if "disposition" in rows:
        rows["disposition"] = rows["disposition"].mask(
            under_way, rows["disposition"].replace(OTHER_ENDS)
        )
        rows["hadm_id"] = _other_admission(rows, until, tables, under_way)
    return rows, int(under_way.sum())


def _other_admission(
    rows: pd.DataFrame, until: pd.Series, tables: Tables, under_way: pd.Series
) -> pd.Series:
    """Return the admissions of stays: where none has begun by the prediction, one or none.

    Where an ECG follows, an admission may decide whether it is looked at (``after_admission``).
    """
    begins = tables["admissions"].drop_duplicates("hadm_id").set_index("hadm_id")["admittime"]
    last = rows["subject_id"].map(tables["record_list"].groupby("subject_id")["ecg_time"].max())
    ahead = under_way & ~(rows["hadm_id"].map(begins) <= until) & ~(last > until)
    other = rows["hadm_id"].mask(ahead & rows["hadm_id"].notna())
    return other.mask(ahead & rows["hadm_id"].isna(), _NEW)


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
    return frame.drop(columns=OUTCOMES.intersection(frame))


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
