"""Make predictions tables of given files: one per model, all of the same rows if they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.evaluation.given.columns import Columns, choose_columns
from mimicflow.evaluation.given.file import GivenFile, open_given, stem_of
from mimicflow.evaluation.given.values import TEST, labels, names, parts, probabilities
from mimicflow.evaluation.statistics.clusters import FEWEST, rarer

ALL = "All predictions"
"""The subset of models that all predict the same rows."""
MOST_LEVELS = 30
"""Of a group: a column of more is a measurement, or a name."""
UNKNOWN = "Unknown"
"""The level of a group where it is missing."""
_OWN = ("stay_id", "subject_id", "fold", "split", "label", "probability", "flagged")


@dataclass(frozen=True)
class Given:
    """What one file says: ``columns`` as they were chosen, ``said`` what was taken for granted.

    ``models`` has a table per model, by line: ``row`` and ``patient`` (text, or missing where the
    file names none), ``split``, ``fold`` where it has some, ``label``, ``probability``, and the
    groups under their names.
    """

    file: GivenFile
    columns: Columns
    said: tuple[str, ...]
    models: dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Predictions:
    """Tables that `mimicflow.evaluation.predictions.read_predictions` reads, by model.

    ``subsets`` are the rows on which each is scored, ``groups`` the columns of groups.
    """

    tables: dict[str, pd.DataFrame]
    subsets: dict[str, str]
    groups: tuple[str, ...]
    said: tuple[str, ...]


def read_given(
    path: str | Path, wanted: Columns, positive: str = "", *, lenient: bool = False
) -> Given:
    """Read and check one file.

    Parameters
    ----------
    path : path-like
        CSV or Parquet of anybody.
    wanted, lenient
        As `mimicflow.evaluation.given.columns.choose_columns` takes them.
    positive : str
        The label that is an event; without it labels are 0 and 1.

    Raises
    ------
    PredictionsError
        Whatever makes the file unfit to be scored: which line or column, and what to do.
    """
    file = open_given(path)
    columns = choose_columns(file, wanted, lenient=lenient)
    frame = file.read(columns.all, columns.texts)
    label, said = labels(file, frame[columns.label], positive)
    table = pd.DataFrame({"label": label})
    for role in ("row", "patient"):
        name = getattr(columns, role)
        table[role] = names(file, frame[name], role) if name else None
    table["split"] = TEST
    if columns.split:
        guessed = "split" in columns.guessed
        table["split"], more = parts(file, frame[columns.split], guessed=guessed)
        said += more
    if columns.fold:
        table["fold"] = _folds(file, frame[columns.fold])
    for group in columns.groups:
        table[_own(group)] = _levels(file, frame[group])
    models = {}
    for name in columns.probability:
        probability, more = probabilities(file, frame[name])
        said += more
        models[name] = table.assign(probability=probability)
    if columns.model:
        (everything,) = models.values()
        called = names(file, frame[columns.model], "model")
        models = {str(name): part for name, part in everything.groupby(called, sort=False)}
    elif len(models) == 1:
        models = {stem_of(file.path): next(iter(models.values()))}
    for model, part in models.items():
        _check_rows(file, columns, part, f" of {model}" if len(models) > 1 else "")
    return Given(file, columns, tuple(said), models)


def _folds(file: GivenFile, values: pd.Series) -> pd.Series:
    names(file, values, "fold")
    return pd.Series(pd.factorize(values, sort=True)[0], index=values.index)


def _levels(file: GivenFile, values: pd.Series) -> pd.Series:
    levels = values.astype("string").str.strip().replace("", pd.NA).fillna(UNKNOWN).astype(object)
    if levels.nunique() > MOST_LEVELS:
        raise file.fault(
            f"column {values.name} has {levels.nunique()} different values, more than the "
            f"{MOST_LEVELS} that groups may have",
            "cut it into bands first, or leave it out of --group",
        )
    return levels


def _own(group: str) -> str:
    return f"{group} (group)" if group in (*_OWN, "row", "patient") else group


def _check_rows(file: GivenFile, columns: Columns, part: pd.DataFrame, of: str) -> None:
    """Refuse rows that occur twice, patients on both sides of a split, and a single class."""
    test = part[part["split"] == TEST]
    if columns.row:
        twice = test.duplicated("row")
        if twice.any():
            first = twice.index[twice][0]
            raise file.fault(
                f"{int(twice.sum())} predictions{of} have an id in {columns.row} that occurred "
                f"before, the first is {test['row'][first]}",
                "leave each row there once; if this column is not the name of a row, say --row "
                "none or name another",
                first,
            )
    if columns.patient and columns.split:
        by = [name for name in ("fold", "patient") if name in part]
        shared = part.groupby(by)["split"].nunique() > 1
        if shared.any():
            raise file.fault(
                f"{int(shared.sum())} patients{of} are both in test and in another part",
                "thresholds are chosen on other patients than those scored: split by patient, or "
                "say --split none",
            )
    for name, rows in part.groupby("split"):
        if name != "train" and rows["label"].nunique() < 2:
            raise file.fault(
                f"all {len(rows)} rows{of}{'' if name == TEST else f' of {name}'} have label "
                f"{rows['label'].iloc[0]}: with one class there is no AUROC",
                "give rows with and without the event, or name another column with --label",
            )


def match(given: Sequence[Given]) -> Predictions:
    """Return the tables of all models, rows and patients numbered alike, and their subsets.

    Parameters
    ----------
    given : sequence of Given
        One file, or the second one to be compared with the first.

    Raises
    ------
    PredictionsError
        A second file that does not hold the same rows, models of one file that cannot be matched.
    """
    said: list[str] = []
    named = all(of.columns.row for of in given)
    if len(given) > 1 and not named:
        said.append("rows are compared in the order of the files, since not both have ids")
    tables = _with_numbers(list(_tables(given)), named)
    subsets: dict[str, str] = {}
    first: dict[str, pd.DataFrame] = {}
    for model, (of, table) in tables.items():
        rows = table.loc[table["split"] == TEST, ["stay_id", "subject_id", "label"]]
        rows = rows.sort_values("stay_id", ignore_index=True)
        same = next((name for name, other in first.items() if other.equals(rows)), None)
        if same is None and first:
            _refuse(of, model, rows, next(iter(first.values())), len(given) > 1, named)
            said.append(f"{model} does not predict the same rows: it is scored, not compared")
        subset = same or (f"Rows of {model}" if first else ALL)
        first.setdefault(subset, rows)
        subsets[model] = subset
    if len(first) > 1:
        subsets = {
            model: f"Rows of {next(iter(tables))}" if subset == ALL else subset
            for model, subset in subsets.items()
        }
    found = {model: table for model, (_, table) in tables.items()}
    said += list(_few(found))
    return Predictions(found, subsets, tuple(map(_own, given[0].columns.groups)), tuple(said))


def _tables(given: Sequence[Given]) -> Iterator[tuple[Given, str, pd.DataFrame]]:
    """Yield every model under a name that no other has."""
    taken: set[str] = set()
    for of in given:
        for model, table in of.models.items():
            path = of.file.path
            tried = (model, f"{path.name}: {model}", f"{path}: {model}", f"{path}: {model} (other)")
            name = next(name for name in tried if name not in taken)
            taken.add(name)
            yield of, name, table


def _with_numbers(
    tables: list[tuple[Given, str, pd.DataFrame]], named: bool
) -> dict[str, tuple[Given, pd.DataFrame]]:
    """Return the tables with ``stay_id`` and ``subject_id`` as whole numbers."""
    row = pd.concat(
        [
            table["row"] if named else pd.Series(range(len(table)), dtype=object)
            for _, _, table in tables
        ],
        ignore_index=True,
    )
    together = pd.DataFrame({"stay_id": _numbers(row)})
    together["subject_id"] = pd.concat([t["patient"] for _, _, t in tables], ignore_index=True)
    # Where a file names no patients, those of the same rows in the other are meant.
    of_row = together.dropna().drop_duplicates("stay_id").set_index("stay_id")["subject_id"]
    patient = together["subject_id"]
    patient = patient.where(patient.notna(), together["stay_id"].map(of_row))
    alone = patient.isna().all()
    together["subject_id"] = together["stay_id"] if alone else _numbers(patient.astype(str))
    found, start = {}, 0
    for of, name, table in tables:
        some = together.iloc[start : start + len(table)]
        start += len(table)
        numbered = table.drop(columns=["row", "patient"]).reset_index(drop=True)
        found[name] = (
            of,
            numbered.assign(
                stay_id=some["stay_id"].to_numpy(), subject_id=some["subject_id"].to_numpy()
            ),
        )
    return found


def _numbers(texts: pd.Series) -> np.ndarray:
    """Return whole numbers as they are, which keeps their order, and numbers for other names."""
    texts = texts.astype(str)
    if texts.str.fullmatch(r"0|[1-9]\d{0,17}").all():
        return texts.astype(np.int64).to_numpy()
    return np.asarray(pd.factorize(texts)[0])


def _refuse(
    of: Given, model: str, rows: pd.DataFrame, other: pd.DataFrame, two_files: bool, named: bool
) -> None:
    """Refuse a model that has other rows, unless they are named and only this file is scored."""
    both = rows.merge(other, on="stay_id", suffixes=("", "_other"))
    for column in ("label", "subject_id"):
        differ = both[column] != both[f"{column}_other"]
        if differ.any():
            what = "label" if column == "label" else "patient"
            raise of.file.fault(
                f"{int(differ.sum())} rows of {model} have another {what} than the first model's "
                f"row of the same {'id' if named else 'place'}",
                "models are compared on the same rows: give both files the same labels"
                if named
                else "name a column with the id of each row by --row",
            )
    if two_files or not named:
        raise of.file.fault(
            f"{model} has {len(rows)} rows and the first model {len(other)}, {len(both)} in both",
            "models are compared on the same rows: give those that both predict"
            + ("" if named else ", and name a column with the id of each row by --row"),
        )


def _few(tables: dict[str, pd.DataFrame]) -> Iterator[str]:
    for model, table in tables.items():
        test = table[table["split"] == TEST]
        if rarer(test["label"].to_numpy(), test["subject_id"].to_numpy()) < FEWEST:
            yield f"{model}: fewer than {FEWEST} patients of one class, so there are no intervals"


def without_groups(table: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of a predictions table alone, in their order."""
    return table[[name for name in _OWN if name in table]]
