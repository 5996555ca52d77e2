"""Is any patient on two sides? Splits of a system, its folds, its predictions, other systems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mimicflow.audit.findings import finding, none_of, write_findings
from mimicflow.evaluation.study import Study

_PARTS = ("split", "split_multi", "fold")
Row = dict[str, Any]


def audit_splits(
    spines: Mapping[str, str | Path],
    folds: Sequence[str | Path],
    predictions: Mapping[str, str | Path],
    others: Mapping[str, str | Path],
    output: str | Path,
    study: Study,
) -> None:
    """Write whether a patient is on two sides of any split.

    Parameters
    ----------
    spines : mapping of str to path-like
        What a split is called -> Parquet with ``stay_id``, ``subject_id``, ``split``, perhaps
        ``split_multi`` and ``fold``. The first is that of the models in ``predictions``.
    folds : sequence of path-like
        The spines of a cross-validation, where each patient is tested once.
    predictions : mapping of str to path-like
        Model -> Parquet with ``subject_id`` and ``split``.
    others : mapping of str to path-like
        Other systems of the same hospital -> their spines.
    output : path-like
        CSV to write; see `mimicflow.audit.findings`.
    study : Study
        Whose patients they are.
    """
    read = {name: pd.read_parquet(path) for name, path in spines.items()}
    rows: list[Row] = []
    for name, spine in read.items():
        rows += _sides(name, spine)
    rows += _tested_once([pd.read_parquet(path) for path in folds])
    first = next(iter(read.values()))
    for model, path in predictions.items():
        rows += _as_split(model, pd.read_parquet(path), first)
    for system, path in others.items():
        rows += _shared(system, first, pd.read_parquet(path))
    write_findings(rows, output, study, counts=("number", "patients"))


def _sides(name: str, spine: pd.DataFrame) -> Iterator[Row]:
    """Yield the patients on two sides of each way in which a spine divides them."""
    n_patients = spine["subject_id"].nunique()
    yield none_of(
        f"{name}: stays that stand there twice",
        int(spine["stay_id"].duplicated().sum()),
        patients=n_patients,
    )
    for column in (column for column in _PARTS if column in spine):
        known = spine[spine[column].notna()]
        sides = known.groupby("subject_id")[column].nunique()
        yield none_of(
            f"{name}: patients on two sides of {column}",
            int((sides > 1).sum()),
            patients=len(sides),
        )


def _tested_once(folds: Sequence[pd.DataFrame]) -> Iterator[Row]:
    """Yield the patients that a cross-validation tests never or more than once."""
    if not folds:
        return
    tested = pd.concat([f.loc[f["split"] == "test", "subject_id"].drop_duplicates() for f in folds])
    everybody = pd.Series(folds[0]["subject_id"].unique())
    n_patients = len(everybody)
    often = int((tested.value_counts() > 1).sum())
    yield none_of("folds: patients tested in more than one", often, patients=n_patients)
    never = int((~everybody.isin(tested)).sum())
    yield none_of("folds: patients tested in none", never, patients=n_patients)


def _as_split(model: str, predictions: pd.DataFrame, spine: pd.DataFrame) -> Iterator[Row]:
    """Yield the patients that are reported as test patients, and are none or train as well."""
    tested = predictions.loc[predictions["split"] == "test", "subject_id"].drop_duplicates()
    # Of stays with several ECGs the model may have a split of its own.
    ways = [column for column in ("split", "split_multi") if column in spine]
    strangers = [
        int((~tested.isin(spine.loc[spine[column] == "test", "subject_id"])).sum())
        for column in ways
    ]
    yield none_of(
        f"predictions of {model}: tested patients that the split does not test",
        min(strangers),
        patients=len(tested),
    )


def _shared(system: str, spine: pd.DataFrame, other: pd.DataFrame) -> Iterator[Row]:
    """Yield how many patients another system shares, and how many would be on two sides."""
    mine = spine.groupby("subject_id")["split"].first()
    theirs = other.groupby("subject_id")["split"].first()
    both = pd.concat([mine.rename("mine"), theirs.rename("theirs")], axis=1, join="inner")
    yield finding(f"shared with {system}: patients", len(both), patients=len(mine))
    for tested, fitted in (("mine", "theirs"), ("theirs", "mine")):
        crossed = int(((both[tested] == "test") & (both[fitted] != "test")).sum())
        words = f"tested here, fitted on in {system}"
        if tested == "theirs":
            words = f"tested in {system}, fitted on here"
        yield finding(f"shared with {system}: patients {words}", crossed, patients=len(both))
