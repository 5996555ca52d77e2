"""Do models learn from chance? Outcomes were exchanged; what still predicts them is a leak."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.audit.findings import finding, words_of, write_findings
from mimicflow.evaluation.predictions import read_predictions
from mimicflow.evaluation.statistics.delong import auroc_interval
from mimicflow.evaluation.study import Study

CHANCE = 0.5
LIMIT = "0.5 inside the interval"
_CONFIDENCE = 0.95  # that all intervals of all systems hold together
Run = tuple[int, str, str]
Row = dict[str, Any]


def audit_permuted_labels(
    runs: Mapping[Run, str | Path],
    warned: Collection[str],
    tests: int,
    output: str | Path,
    study: Study,
) -> None:
    """Write the AUROC of every model on every permutation, with simultaneous intervals.

    Parameters
    ----------
    runs : mapping of (int, str, str) to path-like
        By permutation, protocol (empty where a system has none) and model: predictions Parquet.
    warned : collection of str
        Protocols that see the future, or are stopped by reported patients: they stand beside the
        others as a warning, and pass or fail nothing.
    tests : int
        Intervals that are judged in all systems of the run: they hold together with a confidence of
        95 % (Šidák 1967, doi:10.1080/01621459.1967.10482935), so that of twenty audits of sound
        models one at most finds something.
    output : path-like
        CSV to write: `mimicflow.audit.findings`, the AUROC in ``number``; ``permutation`` (empty:
        the mean of all), ``protocol, model, title, low, high, level, rows, events, patients``.
    study : Study
        Whose scores they are.

    Raises
    ------
    PredictionsError
        Predictions that cannot be scored.
    """
    level = simultaneous_level(tests)
    named = words_of(dict.fromkeys(model for _, _, model in runs), study)
    words = {
        (protocol, model): f"{named[model]}, {protocol} protocol" if protocol else named[model]
        for _, protocol, model in runs
    }
    rows = [
        _row(run, words[run[1:]], path, run[1] in warned, level, study)
        for run, path in runs.items()
    ]
    means = list(_means(pd.DataFrame(rows), words, warned, study))
    write_findings([*means, *rows], output, study, counts=("rows", "events", "patients"))


def simultaneous_level(tests: int) -> float:
    """Return the level of each of so many intervals that all hold with a confidence of 95 %."""
    return float(_CONFIDENCE ** (1 / max(tests, 1)))


def _row(run: Run, words: str, path: str | Path, warning: bool, level: float, study: Study) -> Row:
    permutation, protocol, model = run
    table = read_predictions(path, key=study.key)
    label, patient = table["label"].to_numpy(), table["subject_id"].to_numpy()
    auroc, low, high = auroc_interval(
        label, table["probability"].to_numpy(), level=level, patient=patient
    )
    unknown = bool(np.isnan([low, high]).any())
    judged = not (warning or unknown)
    return finding(
        f"permutation {permutation}: {words}" + (", too few for an interval" if unknown else ""),
        auroc,
        LIMIT if judged else "",
        bool(low <= CHANCE <= high) if judged else None,
        permutation=permutation,
        protocol=protocol,
        model=model,
        title=study.title(model),
        low=low,
        high=high,
        level=level,
        rows=len(table),
        events=int(label.sum()),
        patients=len(np.unique(patient)),
    )


def _means(
    rows: pd.DataFrame,
    words: Mapping[tuple[str, str], str],
    warned: Collection[str],
    study: Study,
) -> Iterator[Row]:
    """Yield the mean of each model over the permutations, for reading."""
    for (protocol, model), of in rows.groupby(["protocol", "model"], sort=False):
        warning = ", a warning: it sees what it should not" if protocol in warned else ""
        of_all = f"mean of {len(of)} permutations" if len(of) > 1 else "the only permutation"
        yield finding(
            f"{of_all}: {words[protocol, model]}{warning}",
            float(of["number"].mean()),
            permutation=None,
            protocol=protocol,
            model=model,
            title=study.title(model),
        )
