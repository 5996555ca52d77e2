"""What would another setting have scored? The same patients, LightGBM fitted once more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.audit.findings import finding, words_of, write_findings
from mimicflow.audit.scenarios import Setting, settings
from mimicflow.evaluation.predictions import read_predictions
from mimicflow.evaluation.smallest_cell import ShownSets
from mimicflow.evaluation.statistics.differences import score_differences
from mimicflow.evaluation.study import RESCORED, Study

SCORES = {"auroc": "AUROC", "auprc": "AUPRC", "brier": "Brier score"}
Pair = tuple[str | Path, str | Path]
Row = dict[str, Any]


def audit_settings(
    system: str, runs: Mapping[tuple[str, str], Pair], output: str | Path, study: Study
) -> None:
    """Write the score of a run under other settings, less that of the run itself.

    Parameters
    ----------
    system : {"admission", "mortality", "arrest"}
        Whose settings they are.
    runs : mapping of (str, str) to pair of path-like
        By setting and model: its predictions as configured and under the setting.
    output : path-like
        CSV to write: `mimicflow.audit.findings`, the difference in ``number``, for reading only;
        ``setting, rescored, model, title, score, run`` and ``other`` with their intervals,
        ``low, high`` of the difference, ``rows, events, patients`` of both, ``reading`` in the
        first row of each.
    study : Study
        Whose scores they are, and the seed of its groups.

    Raises
    ------
    PredictionsError
        Predictions that cannot be scored.
    """
    known = {setting.name: setting for setting in settings(system)}
    words = words_of(dict.fromkeys(model for _, model in runs), study)
    rows: list[Row] = []
    shown: dict[str | Path, ShownSets] = {}
    for (name, model), (configured, under) in runs.items():
        run, other = (read_predictions(path, key=study.key) for path in (configured, under))
        if configured not in shown:
            shown[configured] = ShownSets(run["subject_id"], study.smallest_cell)
            shown[configured].may_be(np.ones(len(run), dtype=bool), run["label"] == 1)
        found = _differences(known[name], model, run, other, study, shown[configured])
        rows += [{**row, "what": row["what"].format(words[model])} for row in found]
    if not rows:
        rows = [finding("no other setting is asked for (audit.settings)", np.nan)]
    counted = [name for name in ("rows", "events", "patients") if name in rows[0]]
    write_findings(rows, output, study, counts=counted)


def _differences(
    setting: Setting,
    model: str,
    run: pd.DataFrame,
    other: pd.DataFrame,
    study: Study,
    shown: ShownSets,
) -> Iterator[Row]:
    """Yield a row per score; one without numbers where nobody with both outcomes is left."""
    if "gap_h" in setting.overlay:
        other = _before(other, setting.overlay["gap_h"])
    else:
        # The same rows of both, so that nothing but the setting differs.
        other = other[other[study.key].isin(run[study.key])]
    shared = run[study.key].isin(other[study.key])
    sizes = _sizes(run, shared.to_numpy(), shown)
    if "gap_h" not in setting.overlay:
        run = run[shared]
    about: Row = {"setting": setting.name, **RESCORED}
    about |= {"model": model, "title": study.title(model)}
    if run["label"].nunique() < 2 or other["label"].nunique() < 2:
        what = f"{setting.title}: too few patients to be compared"
        yield finding(what, np.nan, **about, **sizes, reading=setting.reading)
        return
    found = score_differences(other, run, seed=study.seed, key=study.key)
    for score, words in SCORES.items():
        what = f"{setting.title}: {words} of {{}}"
        row = _row(what, found[score], {**about, "score": score}, sizes)
        yield {**row, "reading": setting.reading if score == next(iter(SCORES)) else ""}


def _sizes(run: pd.DataFrame, shared: np.ndarray, shown: ShownSets) -> Row:
    """Return how many are compared, unless that gives a few real patients away."""
    event = (run["label"] == 1).to_numpy()
    if not shown.may_be(shared, shared & event):
        return dict.fromkeys(("rows", "events", "patients"), np.nan)
    return {
        "rows": int(shared.sum()),
        "events": int((shared & event).sum()),
        "patients": run.loc[shared, "subject_id"].nunique(),
    }


def _before(predictions: pd.DataFrame, hours: float) -> pd.DataFrame:
    """Return the rows of events that end at least so many hours before them, and all controls."""
    late = (predictions["label"] == 1) & (predictions["hours_to_arrest"] < hours)
    return predictions[~late]


def _row(what: str, found: Any, about: Row, sizes: Row) -> Row:
    sides: Row = {}
    for side, estimate in (("run", found.second), ("other", found.first)):
        sides |= {side: estimate.value, f"{side}_low": estimate.low, f"{side}_high": estimate.high}
    difference = {"low": found.difference.low, "high": found.difference.high}
    return finding(what, found.difference.value, **about, **difference, **sides, **sizes)
