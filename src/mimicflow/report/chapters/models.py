"""Read what a system's tables share: the names of its models, and the protocols in order."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from mimicflow.evaluation.smallest_cell import HIDDEN
from mimicflow.report.blocks import Cell, count, counted, in_sentence, number, with_interval
from mimicflow.report.inputs import ProtocolFiles, SystemFiles, label, read_table, texts_of, words

SCORES = ["auroc", "auprc", "brier", "log_loss", "calibration_intercept", "calibration_slope"]
SCORES += ["ece", "ici"]
ACTING = ["sensitivity", "ppv"]
"""Scores at the threshold to act by, in groups of patients."""
DIFFERS = "the 95 % interval of the difference excludes 0"
ERRORS = ["ece", "ici"]
"""Scores without an interval, beside which stands what a perfectly calibrated model has."""
LARGER = "larger than in 95 % of perfectly calibrated models"


@dataclass(frozen=True)
class Protocol:
    """A protocol of evaluation: its words and its files.

    ``fold_tables`` says whether the scores of its folds are shown: not those of a single one.
    """

    name: str
    title: str
    text: str
    optimistic: bool
    fold_tables: bool
    files: ProtocolFiles

    @property
    def marked_title(self) -> str:
        """The title, with a word when its figures are optimistic."""
        return f"{self.title} (optimistic)" if self.optimistic else self.title


@dataclass(frozen=True)
class System:
    """A prediction system with its words and files.

    Parameters
    ----------
    name : str
        A key of ``systems.csv``.
    files : SystemFiles
    smallest : int
        Fewest patients that a count may stand for, see `mimicflow.evaluation.study.Study`.
    """

    name: str
    files: SystemFiles
    smallest: int

    @property
    def words(self) -> pd.Series:
        """The row of ``systems.csv``."""
        return texts_of("systems").loc[self.name]

    @cached_property
    def protocols(self) -> list[Protocol]:
        """The protocols that were run, the one to judge by first."""
        return self.protocols_of(self.files.protocols)

    def protocols_of(self, names: Collection[str]) -> list[Protocol]:
        """Return the protocols of these names in this system's words and in the same order."""
        known = dict.fromkeys(map(str, texts_of("protocols").index))
        return [self._protocol(name) for name in known if name in names]

    def _protocol(self, name: str) -> Protocol:
        row = words("protocols", name, self.name)
        files = self.files.protocols.get(name, ProtocolFiles())
        optimistic = row["optimistic"] == "yes" or _says_optimistic(files)
        fold_tables = row["fold_tables"] == "yes"
        return Protocol(name, row["title"], row["text"], optimistic, fold_tables, files)

    def with_file(self, kind: str) -> Iterator[tuple[Protocol, Path]]:
        """Yield the protocols that have a file of this kind."""
        for protocol in self.protocols:
            if (path := getattr(protocol.files, kind)) is not None:
                yield protocol, path

    def models_with(self, protocol: Protocol, kind: str) -> Iterator[tuple[str, Path]]:
        """Yield the models that have a file of this kind, in the order of the scores."""
        yield from self._in_order(protocol.files.models, kind)

    def only_models_with(self, kind: str) -> Iterator[tuple[str, Path]]:
        """Yield the models without a protocol that have a file of this kind, in the same order."""
        yield from self._in_order(self.files.models, kind)

    def _in_order(self, models: Mapping[str, Any], kind: str) -> Iterator[tuple[str, Path]]:
        order = [*self.names.index, *self.words["main_models"].split(), *models]
        for model in dict.fromkeys(order):
            if model in models and (path := getattr(models[model], kind)) is not None:
                yield model, path

    @cached_property
    def names(self) -> pd.DataFrame:
        """Title and subset of each model, in the order of the first table of scores."""
        for _, path in self.with_file("scores"):
            scores = read_table(path, "model", "title", "stays")
            return scores.drop_duplicates("model").set_index("model")[["title", "stays"]]
        return pd.DataFrame({"title": [], "stays": []}, dtype=str)

    def title(self, model: str) -> str:
        """Return the title of a model, without its subset."""
        known = model in self.names.index
        return str(self.names.loc[model, "title"]) if known else label("model", model)

    def subset(self, model: str) -> str:
        """Return the subset of a model; empty when nothing says so."""
        return str(self.names.loc[model, "stays"]) if model in self.names.index else ""

    @property
    def unit(self) -> str:
        """What is predicted for: ``stays`` or ``epochs``, or ``patients`` where each has one."""
        return str(self.words["unit"])

    def subset_words(self, subset: str) -> str:
        """Return the words for a subset, such as ``All stays``; ``""`` for none."""
        return label(self.unit, subset) if subset else ""

    def size(self, row: Any) -> str:
        """Return ``24 610 patients, 30 421 stays`` of a row with ``patients`` and ``n``."""
        patients = counted(self._count(row.patients), "patients")
        if self.unit == "patients":
            return patients
        return f"{patients}, {counted(self._count(row.n), self.unit)}"

    def _count(self, n: Any) -> str:
        return count(n, self.smallest) or HIDDEN

    def sizes(self, frame: pd.DataFrame) -> str:
        """Return patients, stays and events in a sentence; several if the models differ."""
        rows = frame[["patients", "n", "events"]].drop_duplicates().itertuples()
        texts = [f"{self.size(row)}, {counted(self._count(row.events), 'events')}" for row in rows]
        return "; ".join(texts) + "."

    def full_title(self, model: str) -> str:
        """Return the title of a model with its subset, if there are several."""
        if self.names["stays"].nunique() < 2 or model not in self.names.index:
            return self.title(model)
        return f"{self.title(model)}, {in_sentence(self.subset_words(self.subset(model)))}"

    @property
    def main_models(self) -> list[str]:
        """The models that the system is about, named before any score was seen."""
        return [model for model in self.words["main_models"].split() if model in self.names.index]


def _says_optimistic(files: ProtocolFiles) -> bool:
    """Return whether its own scores are marked so: the configuration may make any protocol so."""
    scores = None if files.scores is None else read_table(files.scores)
    return scores is not None and "optimistic" in scores and bool(scores["optimistic"].any())


def by_subset(system: System, frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Split a table with a column ``model`` by subset, each with the words for it.

    A column ``stays`` of the table itself goes before what the scores say of the model.
    """
    subsets = frame["stays"] if "stays" in frame else frame["model"].map(system.subset)
    for subset in dict.fromkeys(subsets):
        yield system.subset_words(subset), frame[subsets == subset]


def rule_title(rule: str) -> str:
    """Return the words for how a threshold was chosen, such as ``PPV 0.8`` for ``ppv_0.8``."""
    score, _, at = rule.partition("_")
    return f"{label('score', score)} {at}" if at else label("rule", rule)


def difference(text: str, low: float, high: float) -> Cell:
    """Return a cell that stands out, not only by weight, when its interval excludes 0."""
    return Cell(text, DIFFERS, strong=True) if low > 0 or high < 0 else Cell(text)


def heading(score: str) -> tuple[str, bool]:
    """Return the heading of a column of scores, and that it holds numbers."""
    beside = "calibrated up to" if score in ERRORS else "95 % CI"
    return f"{label('score', score)} ({beside})", True


def estimate(entry: Any) -> Cell:
    """Return a score with its interval, or with what a perfectly calibrated model has.

    Parameters
    ----------
    entry : row or mapping
        With ``value, low, high, calibrated_up_to``.
    """
    up_to = entry["calibrated_up_to"]
    if pd.isna(up_to):
        return Cell(with_interval(entry["value"], entry["low"], entry["high"]))
    text = f"{number(entry['value'])} (≤ {number(up_to)})"
    return Cell(text, LARGER, strong=True) if entry["value"] > up_to else Cell(text)


def caption_of(protocol: Protocol, subset: str, what: str) -> str:
    """Return a caption: the protocol, the subset or the model if any, what is shown."""
    return ", ".join(part for part in (protocol.title, in_sentence(subset), what) if part) + "."
