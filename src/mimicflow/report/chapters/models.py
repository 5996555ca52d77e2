"""What a system's tables share: the names of its models, and the protocols in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from mimicflow.report.blocks import Cell, in_sentence
from mimicflow.report.inputs import ProtocolFiles, SystemFiles, label, read_table, reference

SCORES = ["auroc", "auprc", "brier", "log_loss", "calibration_intercept", "calibration_slope"]
SCORES += ["ece", "ici"]
DIFFERS = "the 95 % interval of the difference excludes 0"


@dataclass(frozen=True)
class Protocol:
    """A cross-validation protocol: its words and its files."""

    name: str
    title: str
    text: str
    optimistic: bool
    files: ProtocolFiles


@dataclass(frozen=True)
class System:
    """A prediction system with its words and files.

    Parameters
    ----------
    name : str
        A key of ``systems.csv``.
    files : SystemFiles
    mask : bool
        Whether counts under ten are to be hidden, as in anything but synthetic data.
    """

    name: str
    files: SystemFiles
    mask: bool

    @property
    def words(self) -> pd.Series:
        """The row of ``systems.csv``."""
        return reference("systems").loc[self.name]

    @cached_property
    def protocols(self) -> list[Protocol]:
        """The protocols that were run, the one to judge by first."""
        return [
            Protocol(str(name), row["title"], row["text"], row["optimistic"] == "yes", files)
            for name, row in reference("protocols").iterrows()
            if (files := self.files.protocols.get(str(name))) is not None
        ]

    def with_file(self, kind: str) -> Iterator[tuple[Protocol, Path]]:
        """Yield the protocols that have a file of this kind."""
        for protocol in self.protocols:
            if (path := getattr(protocol.files, kind)) is not None:
                yield protocol, path

    @cached_property
    def names(self) -> pd.DataFrame:
        """Title and kind of stays of each model, in the order of the first table of scores."""
        for _, path in self.with_file("scores"):
            scores = read_table(path, "model", "title", "stays")
            return scores.drop_duplicates("model").set_index("model")[["title", "stays"]]
        return pd.DataFrame({"title": [], "stays": []}, dtype=str)

    def title(self, model: str) -> str:
        """Return the title of a model, without its kind of stays."""
        known = model in self.names.index
        return str(self.names.loc[model, "title"]) if known else label("model", model)

    def stays(self, model: str) -> str:
        """Return the kind of stays of a model; empty when nothing says so."""
        return str(self.names.loc[model, "stays"]) if model in self.names.index else ""

    def full_title(self, model: str) -> str:
        """Return the title of a model with its kind of stays, if there are several kinds."""
        if self.names["stays"].nunique() < 2 or model not in self.names.index:
            return self.title(model)
        return f"{self.title(model)}, {in_sentence(label('stays', self.stays(model)))}"

    @property
    def main_models(self) -> list[str]:
        """The models that the system is about, named before any score was seen."""
        return [model for model in self.words["main_models"].split() if model in self.names.index]


def by_stays(system: System, frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Split a table with a column ``model`` by kind of stays, each with the words for it.

    A column ``stays`` of the table itself goes before what the scores say of the model.
    """
    stays = frame["stays"] if "stays" in frame else frame["model"].map(system.stays)
    for kind in dict.fromkeys(stays):
        yield label("stays", kind) if kind else "", frame[stays == kind]


def difference(text: str, low: float, high: float) -> Cell:
    """Return a cell that stands out, not only by weight, when its interval excludes 0."""
    return Cell(text, DIFFERS, strong=True) if low > 0 or high < 0 else Cell(text)


def caption_of(protocol: Protocol, stays: str, what: str) -> str:
    """Return a caption: the protocol, the kind of stays or the model if any, what is shown."""
    return ", ".join(part for part in (protocol.title, in_sentence(stays), what) if part) + "."
