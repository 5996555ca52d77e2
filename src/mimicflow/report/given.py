"""Evaluate predictions of anybody: their file in; tables, figures and one page out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from mimicflow.errors import ConfigError
from mimicflow.evaluation.given.columns import Columns
from mimicflow.evaluation.given.predictions import ALL, Given, Predictions, match, read_given
from mimicflow.evaluation.given.tables import FIGURES, TABLES, rules_of, write_tables
from mimicflow.evaluation.study import Study
from mimicflow.report.blocks import Question, Section, Text, count, p_value, table, with_interval
from mimicflow.report.chapters import curves, performance, section
from mimicflow.report.chapters.models import Protocol, System, rule_title
from mimicflow.report.inputs import ProtocolFiles, SystemFiles, label, read_table, texts_of, words
from mimicflow.report.page import write_page
from mimicflow.running.privacy import OWNER_ONLY
from mimicflow.running.writing import atomic_output, partial_folder

PAGE = "evaluation.html"
NAME = "given"
"""How the texts of the page call predictions of anybody; no folder of results is called so."""
_MAIN = ("auroc", "auprc", "brier", "calibration_slope")
_NAMES = (PAGE, *(f"{name}.csv" for name in TABLES), *(f"{name}.png" for name in FIGURES))
_WRITTEN = ".mimicflow-evaluate"  # names the files of the folder that an evaluation wrote
_LONG = 100_000  # rows from which on it takes long enough to say so


@dataclass(frozen=True)
class Evaluation:
    """What was found: ``said`` before anything is scored, ``folder`` with what was written."""

    given: tuple[Given, ...]
    predictions: Predictions
    said: tuple[str, ...]
    folder: Path
    smallest: int

    @property
    def files(self) -> list[Path]:
        """What was written, the page first."""
        return [self.folder / name for name in _NAMES if (self.folder / name).exists()]

    def table(self, name: str) -> pd.DataFrame:
        """Return a table that was written; empty where it was not."""
        path = self.folder / f"{name}.csv"
        return read_table(path) if path.exists() else pd.DataFrame()

    def lines(self) -> Iterator[str]:
        """Yield the main scores, for the terminal."""
        for title, part in self.table("scores").groupby("title", sort=False):
            some = part.iloc[0]
            sizes = [count(some[of], self.smallest) or "?" for of in ("n", "patients", "events")]
            yield f"{title}: {sizes[0]} rows, {sizes[1]} patients, {sizes[2]} events"
            plain = performance.one_interval(part)
            for row in plain.itertuples():
                yield f"  {label('score', row.score):22}{_value(row)}"
            for rule, at in part.dropna(subset=["threshold_rule"]).groupby("threshold_rule"):
                yield f"  at the threshold of {rule_title(str(rule))}:"
                for row in at[at["score"] != "threshold"].itertuples():
                    yield f"    {label('score', row.score):20}{_value(row)}"
        for row in self.table("comparisons").itertuples():
            interval = with_interval(row.difference, row.low, row.high)
            p = f"P {p_value(row.p)}, after Holm {p_value(row.p_holm)}" if row.p == row.p else ""
            yield f"{row.title_a} − {row.title_b}: difference of AUROC {interval} {p}".rstrip()

    def plain(self) -> dict[str, Any]:
        """Return everything as plain data, for machines."""
        found = {name: _records(self.table(name)) for name in ("scores", "comparisons")}
        return {
            "files": {str(of.file.path): dict(of.columns.said()) for of in self.given},
            "said": list(self.said),
            "scores": found["scores"],
            "comparisons": found["comparisons"],
            "subgroups": _records(self.table("subgroups")),
            "written": [str(path) for path in self.files],
        }


def _value(row: Any) -> str:
    if pd.isna(row.value):
        return "none"
    if not pd.isna(row.calibrated_up_to):
        return f"{row.value:.3f} (up to {row.calibrated_up_to:.3f} if calibrated)"
    return with_interval(row.value, row.low, row.high)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {name: None if pd.isna(value) else value for name, value in row.items()}
        for row in table.to_dict("records")
    ]


def evaluate_predictions(
    path: str | Path,
    folder: str | Path,
    columns: Columns,
    study: Study,
    *,
    compare: str | Path | None = None,
    positive: str = "",
    thresholds: Sequence[float] = (),
    say: Callable[[str], None] = lambda line: None,
) -> Evaluation:
    """Score a file of predictions, and write all tables, figures and one page that opens offline.

    Parameters
    ----------
    path, compare : path-like
        CSV or Parquet of anybody; the models of the second are compared with those of the first.
    folder : path-like
        Where to write, also over an evaluation of before; what else lies there stays.
    columns : Columns
        Those that the reader named; others are guessed by their names.
    study : Study
        Whose predictions they are: unless synthetic, small cells are hidden, and what is written
        can be read by its owner only.
    positive : str
        The label that is an event, where labels are not 0 and 1.
    thresholds : sequence of float
        From which probabilities on a reader would act.
    say : callable
        Takes each line about what was taken for granted, before the scores are computed.

    Raises
    ------
    PredictionsError, ConfigError
        What makes a file unfit to be scored, with line, column and what to do; a file in the
        folder that would be written over, and is of no evaluation.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise ConfigError("is a file", file=folder, remedy="name a folder with --output")
    _check_free(folder, [Path(file) for file in (path, compare) if file is not None])
    given = [read_given(path, columns, positive)]
    if compare is not None:
        other = replace(columns, groups=())
        given.append(read_given(compare, other, positive, lenient=True))
    predictions = match(given)
    rules, at = rules_of(predictions, thresholds)
    said = tuple(dict.fromkeys([*_said(given), *predictions.said, at]))
    for line in said:
        say(line)
    rows = sum(len(table) for table in predictions.tables.values())
    if rows > _LONG:
        say(f"scoring {rows:,} rows: this takes minutes")
    study = replace(study, key="stay_id", rows="predictions", titles={})
    before = os.umask(0o022 if study.synthetic else OWNER_ONLY)
    try:
        with partial_folder(folder / "evaluation") as work:
            made = work / "made"
            made.mkdir()
            write_tables(predictions, made, work, study, rules, given[0].file.path)
            _write_page(given[0], said, made, study)
            _take_place(made, folder)
    finally:
        os.umask(before)
    return Evaluation(tuple(given), predictions, said, folder, study.smallest_cell)


def _check_free(folder: Path, inputs: Sequence[Path]) -> None:
    """Refuse a folder in which something would be written over that no evaluation wrote."""
    there = [folder / name for name in _NAMES if os.path.lexists(folder / name)]
    of_input = [file for file in there if file.exists() for path in inputs if _same(file, path)]
    if of_input:
        raise ConfigError(
            "would be written over, and is to be evaluated",
            file=of_input[0],
            remedy="name another folder with --output",
        )
    if others := [file.name for file in there if file.name not in _written(folder)]:
        raise ConfigError(
            f"has {', '.join(others)} already, which no evaluation wrote",
            file=folder,
            remedy="name another folder with --output, or move what is there",
        )


def _same(file: Path, path: Path) -> bool:
    return path.exists() and path.samefile(file)


def _written(folder: Path) -> set[str]:
    """Return the names of the files in a folder that the evaluation before wrote."""
    marker = folder / _WRITTEN
    said = marker.read_text(encoding="utf-8", errors="replace") if marker.is_file() else ""
    return set(_NAMES) & set(said.splitlines())


def _take_place(made: Path, folder: Path) -> None:
    """Move what was made into the folder; a table of before would stay beside, and is removed."""
    for name in _written(folder):
        (folder / name).unlink(missing_ok=True)
    names = [name for name in _NAMES if (made / name).exists()]
    with atomic_output(folder / _WRITTEN) as marker:  # first: if killed, what is there is ours
        marker.write_text("\n".join([*names, ""]), encoding="utf-8")
    for name in names:
        (made / name).replace(folder / name)


def _said(given: Sequence[Given]) -> Iterator[str]:
    for of in given:
        name = of.file.path.name
        for role, columns in of.columns.said():
            yield f"{name}: {role} = {columns}"
        yield from (f"{name}: {line}" for line in of.said)
        if not of.columns.patient:
            yield f"{name}: no column of patients, so each row is taken as a patient of its own"


@dataclass(frozen=True)
class _GivenSystem(System):
    """Given predictions as a system of the page, whose words are those of the file."""

    file: Path
    outcome: str

    @property
    def words(self) -> pd.Series:
        texts = {"title": self.file.name, "unit": "predictions"}
        return pd.Series({**dict.fromkeys(texts_of("systems").columns, ""), **texts})

    @property
    def question(self) -> Question:
        """What the page says on top."""
        terms = [
            ("Who", "Whoever stands in the file"),
            ("When", "As the file has it; what was known then, nobody can see from it"),
            ("Positive outcome", self.outcome),
        ]
        return Question(f"How good are the predictions of {self.file.name}?", terms)

    @cached_property
    def protocols(self) -> list[Protocol]:
        row = words("protocols", NAME)
        return [Protocol(NAME, row["title"], row["text"], False, True, self.files.protocols[NAME])]

    def subset_words(self, subset: str) -> str:
        return "" if subset == ALL else subset

    @property
    def main_models(self) -> list[str]:
        return [str(model) for model in self.names.index]


def _write_page(given: Given, said: Sequence[str], folder: Path, study: Study) -> None:
    tables: dict[str, Any] = {name: folder / f"{name}.csv" for name in TABLES}
    files = ProtocolFiles(**{name: path for name, path in tables.items() if path.exists()})
    outcome = next(
        (line.partition(" is an event")[0] for line in given.said if " is an event" in line),
        f"{given.columns.label} = 1",
    )
    system = _GivenSystem(
        NAME,
        SystemFiles(protocols={NAME: files}),
        study.smallest_cell,
        given.file.path,
        outcome,
    )
    read = section("read", [Text(items=said)], system=NAME)
    parts = [
        performance.scores(system),
        curves.discrimination(system),
        curves.calibration(system),
        curves.decision(system),
        performance.comparisons(system),
        performance.folds(system),
        performance.subgroups(system),
    ]
    details = section("details", sections=[part for part in parts if not part.empty], system=NAME)
    chapters = [_summary(system), read, details]
    title = f"Evaluation of {given.file.path.name}"
    write_page(title, chapters, folder / PAGE, study)


def _summary(system: _GivenSystem) -> Section:
    """Return a line per model: how many rows, and how good."""
    frame = read_table(system.files.protocols[NAME].scores or Path(), *performance.NEEDED)
    wide = performance.one_interval(frame).set_index(["model", "score"])
    columns = [("Model", False), *((f"{label('score', name)} (95 % CI)", True) for name in _MAIN)]
    columns += [("Patients", True), ("Predictions", True), ("Events", True)]
    rows = []
    for model, part in frame.groupby("model", sort=False):
        sizes = [count(part.iloc[0][of], system.smallest) for of in ("patients", "n", "events")]
        found = [wide.loc[(model, name), ["value", "low", "high"]] for name in _MAIN]
        rows.append([str(model), *(with_interval(*of) for of in found), *sizes])
    main = table("Main scores of each model.", columns, rows)
    return section("summary", [system.question, main], system=NAME)
