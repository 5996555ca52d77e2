"""Is any patient on two sides? Splits of a system, its folds, its predictions, other systems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.audit import chosen, fitting
from mimicflow.audit.findings import finding, none_of, write_findings
from mimicflow.evaluation.smallest_cell import ShownSets
from mimicflow.evaluation.study import Study

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """What was fitted by a split; what is empty the system does not have."""

    models: Mapping[str, Sequence[str | Path]] = field(default_factory=dict)
    """Model -> the file that says whom it was fitted on, its spine, and of arrest its features."""
    subsets: Mapping[str, str] = field(default_factory=dict)
    """Model -> the subset of stays that it is for."""
    multi: str = "shared"
    """The split of stays with several ECGs, as configured."""
    inputs: Sequence[str | Path] = ()
    """The static features and the readings that networks of admission scale."""
    encoder: Sequence[str | Path] = ()
    """The encoder, and the targets that it learned from; of weights of one's own there are none."""
    dictionary: Sequence[str | Path] = ()
    """The dictionary of drugs, and the records that it is made of."""
    embeddings: Mapping[str, Sequence[str | Path]] = field(default_factory=dict)
    """Protocol -> its embedding, its spine, and the visits that it may have learned from."""
    bags: Mapping[str, Sequence[str | Path]] = field(default_factory=dict)
    """Protocol -> its logistic regression, its spine, and its visit vectors."""
    calibrations: Mapping[str, str | Path] = field(default_factory=dict)
    """Model -> its beta calibration."""
    histories: Mapping[str, str | Path] = field(default_factory=dict)
    """Network -> the scores of its passes."""
    threshold: Mapping[str, Any] = field(default_factory=dict)
    """By what models of arrest choose their threshold: ``specificity`` and ``confidence``."""
    min_count: int = 1
    """Visits that a code of an embedding is in at least."""

    def column(self, model: str) -> str:
        """Return the column of the spine that divides the stays of a model."""
        own = self.multi == "own" and self.subsets.get(model) == "multi"
        return "split_multi" if own else "split"

    def chosen(self, model: str, predictions: str | Path) -> Iterator[Row]:
        """Yield whether what was chosen on validation patients is what they choose."""
        if model not in self.models:
            return
        path = self.models[model][0]
        yield from chosen.calibration(model, path, predictions, self.calibrations.get(model))
        if model in self.histories:
            yield from chosen.kept_pass(model, path, predictions, self.histories[model])
        if self.threshold:
            yield chosen.threshold(model, path, predictions, self.threshold)

    def rows(self, spine: str | Path) -> Iterator[Row]:
        """Yield whom each of them comes from, beside whom the split gives it."""
        yield from fitting.models(self.models, self.subsets, self.multi)
        if self.inputs:
            static, vitals = self.inputs
            yield from fitting.scales(self.models, self.subsets, self.multi, static, vitals)
        if self.encoder:
            yield from fitting.encoder(*self.encoder, spine=spine)
        if self.dictionary:
            yield fitting.dictionary(self.dictionary[0], self.dictionary[1:], spine)
        for name, files in self.bags.items():
            yield fitting.bag_scales(name, *files)
        for name, (path, of_protocol, *visits) in self.embeddings.items():
            yield fitting.embedding(name, path, visits, of_protocol, self.min_count)


_PARTS = ("split", "split_multi", "fold")


def audit_splits(
    spines: Mapping[str, str | Path],
    folds: Sequence[str | Path],
    predictions: Mapping[str, str | Path],
    others: Mapping[str, str | Path],
    output: str | Path,
    study: Study,
    **fitted: Any,
) -> None:
    """Write whether a patient is on two sides of any split, and whom what is fitted comes from.

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
    **fitted
        Fields of `Fitted`: what was fitted by these splits.
    """
    read = {name: pd.read_parquet(path) for name, path in spines.items()}
    rows: list[Row] = []
    for name, spine in read.items():
        rows += _sides(name, spine)
    rows += _tested_once([pd.read_parquet(path) for path in folds])
    first = next(iter(read.values()))
    given = Fitted(**fitted)
    for model, path in predictions.items():
        rows += _as_split(model, pd.read_parquet(path), first, given.column(model))
    rows += given.rows(next(iter(spines.values())))
    for model, path in predictions.items():
        rows += given.chosen(model, path)
    for system, path in others.items():
        rows += _shared(system, first, pd.read_parquet(path), study)
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


def _as_split(
    model: str, predictions: pd.DataFrame, spine: pd.DataFrame, column: str
) -> Iterator[Row]:
    """Yield the patients that are reported as test patients, and are none or train as well."""
    tested = predictions.loc[predictions["split"] == "test", "subject_id"].drop_duplicates()
    strange = ~tested.isin(spine.loc[spine[column] == "test", "subject_id"])
    yield none_of(
        f"predictions of {model}: tested patients that the split does not test",
        int(strange.sum()),
        patients=len(tested),
    )
    validation = predictions["split"] == "validation"
    chosen_on = predictions.loc[validation, "subject_id"].drop_duplicates()
    yield none_of(
        f"predictions of {model}: patients whom thresholds are chosen on, and tested",
        int(chosen_on.isin(tested).sum()),
        patients=len(chosen_on),
    )


def _shared(system: str, spine: pd.DataFrame, other: pd.DataFrame, study: Study) -> Iterator[Row]:
    """Yield how many patients another system shares, and how many would be on two sides."""
    mine = spine.groupby("subject_id")["split"].first()
    theirs = other.groupby("subject_id")["split"].first()
    both = pd.concat([mine.rename("mine"), theirs.rename("theirs")], axis=1)
    shared = both.notna().all(axis=1)
    # Who has the sizes of both systems can subtract.
    shown = ShownSets(both.index, study.smallest_cell)
    shown.are_known(both["mine"].notna(), both["theirs"].notna())

    def counted(words: str, of: pd.Series, among: pd.Series) -> Row:
        number = int(of.sum()) if shown.may_be(of) else np.nan
        return finding(f"shared with {system}: patients{words}", number, patients=int(among.sum()))

    yield counted("", shared, both["mine"].notna())
    for tested, fitted in (("mine", "theirs"), ("theirs", "mine")):
        words = f" tested here, fitted on in {system}"
        if tested == "theirs":
            words = f" tested in {system}, fitted on here"
        crossed = shared & (both[tested] == "test") & (both[fitted] != "test")
        yield counted(words, crossed, both["mine"].notna())
