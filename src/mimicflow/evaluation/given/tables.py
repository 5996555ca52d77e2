"""Write all tables and figures of given predictions, as the rules of the workflow write them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from mimicflow.errors import ConfigError
from mimicflow.evaluation.calibration_table import calibrate_models
from mimicflow.evaluation.decisions import weigh_decisions
from mimicflow.evaluation.given.predictions import Predictions, without_groups
from mimicflow.evaluation.given.values import TEST, VALIDATION
from mimicflow.evaluation.predictions import PredictionsError
from mimicflow.evaluation.scores import RULES, compare_pairs, score_models
from mimicflow.evaluation.statistics.decision import probability_grid
from mimicflow.evaluation.statistics.metrics import Rules
from mimicflow.evaluation.study import Study
from mimicflow.evaluation.subgroups import score_subgroups
from mimicflow.evaluation.thresholds import GIVEN
from mimicflow.running.writing import write_parquet

NET_BENEFIT = {"lowest": 0.02, "highest": 0.9, "step": 0.02}
"""Threshold probabilities of the decision curves."""
TABLES = (
    *("scores", "folds", "curves", "calibration", "reliability"),
    *("decision", "comparisons", "subgroups"),
)
FIGURES = ("roc", "prc", "reliability", "decision", "subgroups")


def rules_of(predictions: Predictions, thresholds: Sequence[float]) -> tuple[Rules, str]:
    """Return how thresholds come about, and a sentence that says so.

    Parameters
    ----------
    predictions : Predictions
        With rows of validation or without.
    thresholds : sequence of float
        Those that the reader gave, which are used as given.

    Raises
    ------
    ConfigError
        A threshold outside 0 to 1.
    """
    if wrong := [threshold for threshold in thresholds if not 0 <= threshold <= 1]:
        raise ConfigError(
            f"--threshold {wrong[0]:g} is no probability", remedy="give a number from 0 to 1"
        )
    if thresholds:
        at = ", ".join(f"{threshold:.10g}" for threshold in thresholds)
        return {GIVEN: list(thresholds)}, f"sensitivity, PPV and so on are those at {at}, as given"
    if all((table["split"] == VALIDATION).any() for table in predictions.tables.values()):
        return RULES, "thresholds are chosen on the rows of validation"
    return RULES, (
        "no threshold is given, and none can be chosen on the very rows that are scored (Youden's "
        "index would flatter them): sensitivity and PPV need --threshold, or rows of validation"
    )


def write_tables(
    predictions: Predictions, folder: Path, work: Path, study: Study, rules: Rules, file: Path
) -> None:
    """Write all tables and figures that make sense for these predictions.

    Parameters
    ----------
    predictions : Predictions
        As `mimicflow.evaluation.given.predictions.match` returns them.
    folder : Path
        Where to write, each under its name in `TABLES` or `FIGURES`.
    work : Path
        Where rows of patients lie meanwhile.
    study : Study
        Whose predictions they are.
    rules : mapping
        As `rules_of` returns them.
    file : Path
        What the reader gave: errors are about it.

    Raises
    ------
    PredictionsError
        What cannot be scored.
    """
    subsets, paths = predictions.subsets, {}
    for place, (model, table) in enumerate(predictions.tables.items()):
        paths[model] = work / f"{place}.parquet"
        write_parquet(without_groups(table[table["split"].isin([TEST, VALIDATION])]), paths[model])
    table = {name: folder / f"{name}.csv" for name in TABLES}
    figure = {name: folder / f"{name}.png" for name in FIGURES}
    folds = any("fold" in of for of in predictions.tables.values())
    with _answered_for(file):
        wanted = {name: table[name] for name in ("scores", "curves")}
        wanted |= {"folds": table["folds"]} if folds else {}
        wanted |= {name: figure[name] for name in ("roc", "prc")}
        score_models(paths, subsets, wanted, study, rules=rules, published=False)
        calibrate_models(
            paths, subsets, table["calibration"], table["reliability"], figure["reliability"], study
        )
        grid = probability_grid(**NET_BENEFIT)
        weigh_decisions(
            paths, subsets, table["decision"], figure["decision"], study, thresholds=grid
        )
        if len(subsets) > len(set(subsets.values())):
            compare_pairs(paths, subsets, table["comparisons"], study)
        if predictions.groups:
            _write_groups(predictions, work, file)
            score_subgroups(
                paths,
                subsets,
                work / "groups.parquet",
                work / "cohort.parquet",
                table["subgroups"],
                {next(iter(paths)): figure["subgroups"]},
                study,
                rules,
                names=predictions.groups,
            )


def _write_groups(predictions: Predictions, work: Path, file: Path) -> None:
    """Write the groups and the label of every row that some model predicts."""
    rows = ["stay_id", "subject_id", "label"]
    everyone = []
    for table in predictions.tables.values():
        if set(predictions.groups) <= set(table.columns):
            test = table[table["split"] == TEST]
            everyone.append(test[[*rows, *predictions.groups]])
    members = pd.concat(everyone).drop_duplicates()
    if members["stay_id"].duplicated().any():
        raise PredictionsError(
            "rows of the same id have different groups",
            file=file,
            remedy="give each row one value in every column of --group, or leave the column out",
        )
    write_parquet(members[["stay_id", *predictions.groups]], work / "groups.parquet")
    write_parquet(members[rows], work / "cohort.parquet")


@contextmanager
def _answered_for(file: Path) -> Iterator[None]:
    """Let errors about tables of ours be about the file of which they were made."""
    try:
        yield
    except PredictionsError as error:
        raise PredictionsError(
            error.message,
            file=file,
            remedy="correct these rows in the file, or leave them out, and evaluate it again",
        ) from error
