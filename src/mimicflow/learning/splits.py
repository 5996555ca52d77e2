"""Draw training, validation and test patients once for all models."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from mimicflow.errors import CohortError, ConfigError
from mimicflow.running.writing import write_parquet

_LOG = logging.getLogger(__name__)

SPLITS = ("train", "validation", "test")
OUTCOMES = (0, 1)
_NEVER = "none"
LEAST_ECGS = {"all": 1, "multi": 2}
"""Subset of stays that a model is fitted on -> the ECGs that a stay of it has at least."""


def split_patients(
    stays: str | Path,
    options: Mapping[str, Any],
    seed: int,
    output: str | Path,
    *,
    kept: str | Path | None = None,
    patients: Sequence[str | Path] = (),
) -> None:
    """Write the spine: the stays, with the part their patient belongs to.

    Parameters
    ----------
    stays : path-like
        Parquet, one row per stay with ``stay_id``, ``subject_id`` and ``label`` (0 or 1).
    options : mapping
        Section ``split`` of the configuration: shares ``test`` and ``validation``,
        ``stratified``, ``folds`` and ``fold``. Unless ``fold`` is ``none`` or absent, the test
        patients are those of this fold, and ``validation`` is a share of the others. ``apart``
        (optional): a column that is true of patients who are drawn by themselves, whatever their
        outcome, so that the parts of all others do not depend on them. ``test_from`` (optional):
        an ``anchor_year_group``; without a fold, patients of it and of later ones are the test
        patients, whatever ``test`` is, and ``validation`` is a share of the others.
    seed : int
        The draw depends on the seed and the patients only, not on the order of rows.
    output : path-like
        The same table sorted by ``stay_id``, with column ``split`` (train, validation, test). Where
        stays have ``n_ecg``, ``split_multi`` is the part drawn among the patients of those with at
        least two ECGs alone, as published; empty for other stays, and if they are too few.
    kept : path-like, optional
        The spine of another configuration, whose patients stay in their parts; those that it lacks
        train. Its test patients are then those of both, which can be compared on them.
    patients : sequence of path-like
        Parquet with ``subject_id, anchor_year_group``; needed for ``test_from`` alone.

    Raises
    ------
    CohortError
        A single class, or too few patients of one class to have one in each part.
    """
    late = _patients_from(options.get("test_from", _NEVER), patients)
    frame = pd.read_parquet(stays).sort_values("stay_id", ignore_index=True)
    if kept is not None:
        write_parquet(_in_parts_of(frame, pd.read_parquet(kept)), output)
        return
    try:
        frame["split"] = _parts_of_stays(frame, options, seed, late)
    except CohortError as error:
        raise CohortError(error.message, file=stays, remedy=error.remedy) from error
    if "n_ecg" in frame:
        frame["split_multi"] = _parts_of_multi(frame, options, seed, late)
    write_parquet(frame, output)


def _in_parts_of(frame: pd.DataFrame, kept: pd.DataFrame) -> pd.DataFrame:
    """Return the stays in the parts that their patients have in another spine."""
    frame = frame.copy()
    for column in {"split", "split_multi"} & set(kept):
        parts = kept.dropna(subset=column).groupby("subject_id")[column].first()
        frame[column] = frame["subject_id"].map(parts.astype(object)).fillna("train")
    if "split_multi" in frame:
        one_ecg = frame["n_ecg"] < LEAST_ECGS["multi"]
        frame["split_multi"] = frame["split_multi"].astype("string").mask(one_ecg)
    return frame


def _patients_from(first: str, patients: Sequence[str | Path]) -> pd.Index | None:
    """Return the patients of an ``anchor_year_group`` and of later ones; None if none is named.

    Dates are shifted patient by patient: this group alone says when a patient was there.
    """
    if first == _NEVER:
        return None
    columns = ["subject_id", "anchor_year_group"]
    people = pd.concat([pd.read_parquet(path, columns=columns) for path in patients])
    return pd.Index(people.loc[people["anchor_year_group"] >= first, "subject_id"])


def _parts_by_time(
    outcomes: pd.Series, apart: pd.Series, late: pd.Index, options: Mapping[str, Any], seed: int
) -> pd.Series:
    """Return the parts of patients of whom the late ones are tested."""
    tested, validation = outcomes.index.isin(late), options["validation"]
    if outcomes[tested].nunique() < len(OUTCOMES):
        raise CohortError(
            f"the {int(tested.sum())} patients from {options['test_from']} on do not have "
            "both outcomes",
            remedy="set split.test_from to an earlier anchor_year_group, or to none",
        )
    parts = pd.Series("test", index=outcomes.index, name="split", dtype=object)
    early, aside = outcomes[~tested & ~apart], outcomes.index[~tested & apart]
    parts.update(_draw_parts(early, 0.0, validation, seed, options["stratified"]))
    parts.update(_draw_apart(aside, 0.0, validation, seed))
    return parts


def _parts_of_stays(
    frame: pd.DataFrame, options: Mapping[str, Any], seed: int, late: pd.Index | None
) -> pd.Series:
    """Return the part of each stay's patient, drawn among the patients of these stays."""
    # A patient counts as positive when any of the stays is.
    outcomes = frame.groupby("subject_id")["label"].max().sort_index()
    shares = {"test": options["test"], "validation": options["validation"]}
    if late is not None and options.get("fold", _NEVER) == _NEVER:
        apart = frame[options["apart"]] if "apart" in options else pd.Series(False, frame.index)
        apart = apart.groupby(frame["subject_id"]).any()
        return frame["subject_id"].map(_parts_by_time(outcomes, apart, late, options, seed))
    if "apart" in options:
        apart = frame.groupby("subject_id")[options["apart"]].any()
        together, aside = outcomes[~apart], outcomes[apart]
        parts = assign_parts(together, **shares, seed=seed, stratified=options["stratified"])
        parts = pd.concat([parts, _draw_apart(aside.index, **shares, seed=seed)])
        return frame["subject_id"].map(parts)
    if options.get("fold", _NEVER) == _NEVER:
        parts = assign_parts(outcomes, **shares, seed=seed, stratified=options["stratified"])
    else:
        tested = assign_folds(outcomes, options["folds"], seed) == options["fold"]
        parts = pd.Series("test", index=outcomes.index, name="split", dtype=object)
        parts.update(_draw_parts(outcomes[~tested], 0.0, options["validation"], seed))
    return frame["subject_id"].map(parts)


def _parts_of_multi(
    frame: pd.DataFrame, options: Mapping[str, Any], seed: int, late: pd.Index | None
) -> pd.Series:
    """Return the part of each stay with several ECGs, drawn among their patients alone."""
    multi = frame[frame["n_ecg"] >= LEAST_ECGS["multi"]]
    try:
        parts = _parts_of_stays(multi, options, seed, late)
    except CohortError as error:  # raised again by the model that asks for them
        _LOG.warning("no split among the stays with several ECGs: %s", error.message)
        parts = pd.Series(dtype=object)
    return parts.reindex(frame.index).astype("string")


def patients_tested(spine: str | Path, multi: str = "own") -> np.ndarray:
    """Return whom nothing may be learned from: the test patients of some model.

    The encoder and the dictionary of drug classes are made once for all models. Those of stays
    with several ECGs may be split apart (``split.multi: own``), with other test patients.

    Parameters
    ----------
    spine : path-like
        Parquet with ``subject_id``, ``split`` and perhaps ``split_multi``.
    multi : {"own", "shared"}
        Where stays with several ECGs share the split of all, ``split_multi`` tests nobody.
    """
    cohort = pd.read_parquet(spine)
    drawn = ("split", "split_multi") if multi == "own" else ("split",)
    parts = [column for column in drawn if column in cohort]
    tested = cohort[parts].eq("test").fillna(False).any(axis=1)
    return np.asarray(cohort.loc[tested, "subject_id"].unique())


def keep_inner_patients(spine: str | Path, output: str | Path, *, multi: str = "shared") -> None:
    """Write a spine without those of whom nothing may be learned, for whoever chooses settings.

    Parameters
    ----------
    spine : path-like
        As `split_patients` wrote it.
    output : path-like
        The rows of all patients but those of `patients_tested`.
    multi : {"shared", "own"}
        As in `patients_tested`.
    """
    cohort = pd.read_parquet(spine)
    inner = ~cohort["subject_id"].isin(patients_tested(spine, multi))
    write_parquet(cohort[inner].reset_index(drop=True), output)


def stays_of_model(spine: str | Path, subset: str, stopping: str, multi: str) -> pd.DataFrame:
    """Return the stays that a model is fitted on or asked about, by ``stay_id``.

    Parameters
    ----------
    spine : path-like
        As `split_patients` wrote it.
    subset : {"all", "multi"}
        Key of ``LEAST_ECGS``.
    stopping : {"validation", "test"}
        The part that ends the fit. When test patients do, as published, the validation patients
        are free to train.
    multi : {"shared", "own"}
        Whether stays with several ECGs keep the parts of all stays, or have those of
        ``split_multi``.

    Raises
    ------
    CohortError
        Too few stays with several ECGs to be split by themselves.
    """
    frame = pd.read_parquet(spine).sort_values("stay_id", ignore_index=True)
    frame = frame[frame["n_ecg"] >= LEAST_ECGS[subset]].reset_index(drop=True)
    if subset == "multi" and multi == "own":
        if frame["split_multi"].isna().any():
            raise CohortError(
                f"the {len(frame)} stays with several ECGs are too few to be split by themselves",
                file=spine,
                remedy="use more patients, or set split.multi to shared",
            )
        frame["split"] = frame["split_multi"].astype(object)
    if stopping == "test":
        frame["split"] = frame["split"].replace("validation", "train")
    return frame


def assign_parts(
    outcomes: pd.Series, test: float, validation: float, seed: int, stratified: bool = True
) -> pd.Series:
    """Draw the part of each patient.

    Parameters
    ----------
    outcomes : pandas.Series
        0 or 1 by patient.
    test, validation : float
        Shares of patients. Stratified, each part gets at least one patient of either outcome.
    seed : int
        Of the draw.
    stratified : bool
        Whether each outcome is drawn apart.

    Returns
    -------
    pandas.Series
        One of ``SPLITS`` by patient.
    """
    if test <= 0 or validation <= 0 or test + validation >= 1:
        raise ConfigError(
            f"split.test is {test} and split.validation {validation}",
            remedy="give shares above 0 that leave patients for training",
        )
    return _draw_parts(outcomes, test, validation, seed, stratified)


def assign_test(outcomes: pd.Series, test: float, seed: int) -> pd.Series:
    """Draw the test patients of a system whose validation patients are those of its folds.

    Parameters
    ----------
    outcomes : pandas.Series
        0 or 1 by patient.
    test : float
        Share of patients, held within each outcome; at least one patient of either.
    seed : int
        Of the draw.

    Returns
    -------
    pandas.Series
        ``train`` or ``test`` by patient.

    Raises
    ------
    ConfigError, CohortError
        A share that leaves no part, or fewer than two patients of one outcome.
    """
    if not 0 < test < 1:
        raise ConfigError(
            f"split.test is {test}",
            remedy="give a share above 0 that leaves patients for training",
        )
    return _draw_parts(outcomes, test, 0.0, seed)


def assign_folds(outcomes: pd.Series, folds: int, seed: int) -> pd.Series:
    """Draw the fold of each patient, 0 to ``folds - 1``, stratified by outcome.

    Parameters
    ----------
    outcomes : pandas.Series
        0 or 1 by patient.
    folds : int
        Number of folds; each is the test part once.
    seed : int
        Of the draw, the same for all folds.

    Raises
    ------
    CohortError
        Fewer patients of one outcome than folds.
    """
    rarest = min(int((outcomes == outcome).sum()) for outcome in OUTCOMES)
    if rarest < folds:
        raise CohortError(
            f"only {rarest} patients have the rarer outcome, too few for {folds} folds",
            remedy="use more patients, or lower split.folds in config.yaml",
        )
    ordered = outcomes.sort_index()
    fold = pd.Series(0, index=ordered.index, name="fold")
    drawn = StratifiedKFold(folds, shuffle=True, random_state=seed).split(ordered, ordered)
    for number, (_, tested) in enumerate(drawn):
        fold.iloc[tested] = number
    return fold


def _draw_apart(patients: pd.Index, test: float, validation: float, seed: int) -> pd.Series:
    """Draw the parts of patients who may be few, or none, whatever their outcome."""
    drawn = np.random.default_rng(seed).permutation(np.sort(patients.to_numpy()))
    sizes = [round(share * len(drawn)) for share in (test, validation)]
    names = np.repeat(["test", "validation", "train"], [*sizes, len(drawn) - sum(sizes)])
    return pd.Series(names, index=drawn, dtype=object)


def _draw_parts(
    outcomes: pd.Series, test: float, validation: float, seed: int, stratified: bool = True
) -> pd.Series:
    """Draw the parts of `assign_parts`; a part with a share of 0 does not exist."""
    parts = pd.Series("train", index=outcomes.index, name="split", dtype=object)
    generator = np.random.default_rng(seed)
    n_parts = 1 + (validation > 0) + (test > 0)
    for outcome in OUTCOMES:
        if (n_patients := int((outcomes == outcome).sum())) < n_parts:
            raise CohortError(
                f"only {n_patients} patients have outcome {outcome}; "
                f"each of the {n_parts} parts needs one",
                remedy="use more patients, or widen the cohort in config.yaml",
            )
    groups = [outcomes == 0, outcomes == 1] if stratified else [outcomes.isin([0, 1])]
    for group in groups:
        drawn = generator.permutation(outcomes.index[group].to_numpy())
        n_test = min(max(1, round(test * len(drawn))), len(drawn) - n_parts + 1) if test else 0
        n_validation = max(1, round(validation * len(drawn))) if validation else 0
        n_validation = min(n_validation, len(drawn) - n_test - 1)
        parts[drawn[:n_test]] = "test"
        parts[drawn[n_test : n_test + n_validation]] = "validation"
    return parts
