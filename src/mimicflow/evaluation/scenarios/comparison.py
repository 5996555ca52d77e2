"""Compare the main model under other configurations with that of the configuration itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.evaluation.figures.canvas import figure_file
from mimicflow.evaluation.figures.differences import draw_differences
from mimicflow.evaluation.models import counted_models, without_sizes
from mimicflow.evaluation.predictions import read_predictions
from mimicflow.evaluation.statistics.clusters import holm, rarer
from mimicflow.evaluation.statistics.delong import compare_aurocs
from mimicflow.evaluation.statistics.differences import score_differences
from mimicflow.evaluation.statistics.jackknife import estimate, jackknife
from mimicflow.evaluation.study import RESCORED, Study
from mimicflow.running.own_scenarios import CONFIGURATION
from mimicflow.running.writing import write_csv

AS_CONFIGURED = "its keys do not touch this model"
_DIFFERENCE = ("difference", "difference_low", "difference_high", "p")
_COLUMNS = [
    *("scenario", "repeat_of", "keys", "system", "model", "title", "optimistic"),
    *("patients", "n", "events", "auroc", "auroc_low", "auroc_high"),
    *("difference", "difference_low", "difference_high", "paired", "p", "p_holm"),
    *("repeats", "auroc_mean", "auroc_sd", "note", *RESCORED, "data"),
]


@dataclass(frozen=True)
class ScenarioRun:
    """The main model of a system under a scenario.

    Parameters
    ----------
    scenario : str
        Its name; `CONFIGURATION` for the configuration itself.
    system, model : str
        Whose main model it is, and what that is called.
    predictions : path-like
        Its predictions table: that of the configuration where its keys do not touch the model.
    repeat_of : str
        The scenario that this one repeats with other seeds; empty for none.
    keys : str
        What it changes, for instance ``vitals.ranges: none``.
    optimistic : bool
        Whether the reported patients, or what comes after the prediction, take part.
    """

    scenario: str
    system: str
    model: str
    predictions: str | Path
    repeat_of: str = ""
    keys: str = ""
    optimistic: bool = False


def compare_scenarios(
    runs: Sequence[ScenarioRun], table: str | Path, figure: str | Path, study: Study
) -> None:
    """Write the table and the figure of scenarios beside the configuration itself.

    Parameters
    ----------
    runs : sequence of ScenarioRun
        Of each system first the one of the configuration itself.
    table : path-like
        CSV, a row per scenario and system: what it changes (``keys``), sizes, AUROC with its 95 %
        interval, and its ``difference`` to the configuration itself. Of the same rows it is
        ``paired``: DeLong's, clustered by patient, with ``p`` and ``p_holm``, corrected for all
        scenarios of the table but repeats. Of other patients or rows there is no test. What is
        repeated has ``repeats``, their number, and mean and SD (n - 1) of their AUROCs.
    figure : path-like
        PNG: the same, without the repeats.
    study : Study
        Whose scores they are, and who may be shown: sizes that give away a few patients are left
        out, and scores beside them rounded.

    Raises
    ------
    PredictionsError
        A table that cannot be scored.
    """
    tables = {run.predictions: read_predictions(run.predictions, key=study.key) for run in runs}
    configured: dict[str, pd.DataFrame] = {}
    rows = []
    for run in runs:
        first = configured.setdefault(run.system, tables[run.predictions])
        row = _scored(tables[run.predictions], study) | RESCORED
        row |= {"title": study.title(run.model), "data": study.data}
        if run.scenario != CONFIGURATION:
            row |= _compared(tables[run.predictions], first, study)
        rows.append(vars(run) | row)
    found = pd.DataFrame(rows, columns=_COLUMNS)
    found["p"] = found["p"].mask(found["repeat_of"] != "")
    found["p_holm"] = holm(found["p"].to_numpy(dtype=np.float64))
    found = _without_sizes(_with_repeats(found), runs, study)
    write_csv(found, table)
    drawn = (found["repeat_of"] == "") & (found["note"] != AS_CONFIGURED)
    _draw(found[drawn], figure, study)


def _scored(table: pd.DataFrame, study: Study) -> dict[str, Any]:
    """Return sizes and AUROC of a table of predictions."""
    label, patient = table["label"].to_numpy(), table["subject_id"].to_numpy()
    aurocs = jackknife(label, table["probability"].to_numpy(), patient, study.seed)["auroc"]
    value, low, high = estimate("auroc", aurocs, rarer(label, patient))
    sizes = {"patients": len(np.unique(patient)), "n": len(table), "events": int(label.sum())}
    return {**sizes, "auroc": value, "auroc_low": low, "auroc_high": high}


def _compared(table: pd.DataFrame, configured: pd.DataFrame, study: Study) -> dict[str, Any]:
    """Return the difference of two AUROCs, tested where both are of the same rows."""
    if table is configured:
        return {"note": AS_CONFIGURED}
    named = [study.key, "subject_id", "label"]
    if table[named].equals(configured[named]):
        label, patient = table["label"].to_numpy(), table["subject_id"].to_numpy()
        test = compare_aurocs(label, table["probability"], configured["probability"], patient)
        return dict(
            zip(_DIFFERENCE, (test.difference, test.low, test.high, test.p), strict=True)
        ) | {"paired": True}
    found = score_differences(table, configured, seed=study.seed, key=study.key)["auroc"]
    note = "other test patients or rows than those of the configuration: not paired"
    return dict(zip(_DIFFERENCE, found.difference, strict=False)) | {"paired": False, "note": note}


def _with_repeats(found: pd.DataFrame) -> pd.DataFrame:
    """Return the table with number, mean and SD of the repeats of each row that has any."""
    repeated = found[found["repeat_of"] != ""].groupby(["repeat_of", "system"])["auroc"]
    spread = repeated.agg(repeats="size", auroc_mean="mean", auroc_sd="std").astype(
        {"repeats": "Int64"}
    )
    rest = found.drop(columns=list(spread))
    return rest.join(spread, on=["scenario", "system"])[_COLUMNS]


def _without_sizes(found: pd.DataFrame, runs: Sequence[ScenarioRun], study: Study) -> pd.DataFrame:
    """Leave out the sizes of what differs by few patients from what is shown before it."""
    files = {str(run.predictions): run.predictions for run in runs}
    counted = counted_models(files, dict.fromkeys(files, "all"), study)
    names = found["model"]
    by_file = found.assign(model=[str(run.predictions) for run in runs])
    return without_sizes(by_file, counted).assign(model=names)


def _draw(found: pd.DataFrame, path: str | Path, study: Study) -> None:
    """Draw a row of panels for each system: AUROC, and its difference to the configuration."""
    systems = dict(list(found.groupby("system", sort=False)))
    heights = [1.2 + 0.45 * len(rows) for rows in systems.values()]
    with figure_file(path, study, (9, 0.4 + sum(heights))) as figure:
        panels = figure.subplots(
            len(systems), 2, sharey="row", squeeze=False, height_ratios=heights
        )
        for pair, (system, rows) in zip(panels, systems.items(), strict=True):
            draw_differences(
                tuple(pair),
                [_name(row) for _, row in rows.iterrows()],
                rows[["auroc", "auroc_low", "auroc_high"]].to_numpy(dtype=np.float64),
                rows[list(_DIFFERENCE[:3])].to_numpy(dtype=np.float64)[1:],
                title=f"{system}: {rows['title'].iloc[0]}",
                to="the configuration",
            )


def _name(row: pd.Series) -> str:
    """Return the name of a scenario, with mean and SD of its repeats below, if it has several."""
    if pd.isna(row["auroc_sd"]):
        return str(row["scenario"])
    mean, sd = (f"{row[name]:.3f}" for name in ("auroc_mean", "auroc_sd"))
    return f"{row['scenario']}\nmean {mean}, SD {sd} of {row['repeats']} seeds"
