"""Choose thresholds on the validation patients of each fold, and apply them to its tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.evaluation.predictions import PredictionsError, folds_of, read_predictions
from mimicflow.evaluation.smallest_cell import ShownSets
from mimicflow.evaluation.statistics.metrics import Rules, choose_thresholds

GIVEN = "probability"
"""The rule of thresholds that are not chosen: the probabilities from which on somebody acts."""


def choose_by_fold(
    path: str | Path, rules: Rules, *, key: str = "stay_id"
) -> dict[int, dict[str, float]]:
    """Choose the thresholds of every fold on its own validation patients.

    Parameters
    ----------
    path : path-like
        Predictions Parquet with rows of the split ``validation``.
    rules : mapping
        As `mimicflow.evaluation.statistics.metrics.choose_thresholds` takes them. Those of
        `GIVEN` are thresholds themselves: nothing is chosen then.
    key : str
        Column that names a row.

    Returns
    -------
    dict of int to dict of str to float
        By fold, then by rule. Empty where the table has no validation patients, as those of the
        published protocols: nothing can be chosen honestly there.

    Raises
    ------
    PredictionsError
        When the table is not sound, or the validation patients of a fold are of one class.
    """
    if isinstance(given := rules.get(GIVEN), Sequence):
        by_rule = {f"{GIVEN}_{threshold:.10g}": float(threshold) for threshold in given}
        return {int(fold): by_rule for fold in np.unique(folds_of(read_predictions(path, key=key)))}
    if "validation" not in set(pd.read_parquet(path, columns=["split"])["split"]):
        return {}
    validation = read_predictions(path, "validation", key=key)
    chosen = {}
    for fold, rows in validation.groupby(folds_of(validation)):
        if rows["label"].nunique() < 2:
            raise PredictionsError(
                f"all {len(rows)} validation rows of fold {fold} have the same label",
                file=path,
                remedy="no threshold can be chosen: use more patients or a larger inner share",
            )
        chosen[int(fold)] = choose_thresholds(
            rows["label"].to_numpy(),
            rows["probability"].to_numpy(),
            rules,
            rows["subject_id"].to_numpy(),
        )
    return chosen


def rule_to_act_by(thresholds: Mapping[int, Mapping[str, float]]) -> str:
    """Return the first rule that promises something and has a threshold in every fold.

    Youden's index, which promises nothing, stands in where there is none; empty where there is no
    threshold at all.
    """
    found = pd.DataFrame.from_dict(thresholds, orient="index")
    rules = [str(rule) for rule in found if found[rule].notna().all()]
    return next((rule for rule in rules if rule != "youden"), next(iter(rules), ""))


def decide(
    predictions: pd.DataFrame, thresholds: Mapping[int, Mapping[str, float]]
) -> pd.DataFrame:
    """Apply to every row the thresholds that were chosen for its fold.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `read_predictions` returns it; without a ``fold`` column all rows are of fold 0.
    thresholds : mapping of int to mapping of str to float
        By fold, then by rule, as `choose_by_fold` returns them.

    Returns
    -------
    pandas.DataFrame
        A column per rule, a row per prediction: 1 where the probability is at least the
        threshold, else 0; NaN where the fold has no threshold by that rule.

    Raises
    ------
    PredictionsError
        When a fold has no thresholds at all.
    """
    fold = folds_of(predictions)
    missing = sorted(set(fold) - set(thresholds))
    if missing:
        raise PredictionsError(
            f"no thresholds were chosen for fold {', '.join(map(str, missing))}",
            remedy="every fold needs validation patients of its own",
        )
    by_row = (
        pd.DataFrame.from_dict(thresholds, orient="index").loc[fold].set_axis(predictions.index)
    )
    flagged = by_row.le(predictions["probability"], axis="index").astype(float)
    return flagged.where(by_row.notna())


def shown_columns(predictions: pd.DataFrame, flagged: pd.DataFrame, smallest: int) -> list[str]:
    """Return the columns of which readers may know who is flagged, and who is not, of each class.

    Whoever knows two of them can subtract: between two thresholds lies nobody of a class, or as
    many patients as the smallest cell.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `read_predictions` returns it.
    flagged : pandas.DataFrame
        As `decide` returns it; earlier columns are shown rather than later ones.
    smallest : int
        Fewest patients that a count may stand for; 0 shows all.
    """
    if not smallest:
        return list(flagged)
    yes = flagged.eq(1).to_numpy()
    known = flagged.notna().to_numpy()
    rows = pd.DataFrame({"patient": predictions["subject_id"].to_numpy()})
    pattern = np.packbits(np.column_stack([predictions["label"] == 1, yes, known]), axis=1)
    rows["pattern"] = np.unique(pattern, axis=0, return_inverse=True)[1].ravel()
    # Rows that no threshold parts stand for each other: of many patients a few are enough.
    few = rows.drop_duplicates().groupby("pattern").head(smallest)
    event = (predictions["label"] == 1).to_numpy()[few.index]
    shown = ShownSets(few["patient"], smallest)
    shown.are_known(event, patients=False)
    found = []
    for column, rule in enumerate(flagged):
        of_rule, of_others = (
            known[few.index, column] & (yes[few.index, column] == answer)
            for answer in (True, False)
        )
        cells = [part & of for part in (of_rule, of_others) for of in (event, ~event)]
        if shown.may_be(*cells, patients=False):
            found.append(rule)
    return found
