"""Price the known defects of the published pipeline: scores under our rule and under its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from mimicflow.admission.protocols import defects
from mimicflow.evaluation.predictions import read_predictions
from mimicflow.evaluation.smallest_cell import rounded, shown_sets
from mimicflow.evaluation.statistics.calibrated import CalibrationError, calibration_errors
from mimicflow.evaluation.statistics.differences import score_differences
from mimicflow.evaluation.study import RESCORED, Study
from mimicflow.running.scenarios import words_of_keys
from mimicflow.running.writing import write_csv

SCORES = ("auroc", "auprc", "brier", "calibration_intercept", "calibration_slope")
ERROR = "ece"
"""The score that has no interval, but what a perfectly calibrated model has."""


def price_defects(
    predictions: Mapping[tuple[int, str], tuple[str | Path, str | Path]],
    output: str | Path,
    study: Study,
) -> None:
    """Write the scores under either side of each defect, and their difference.

    Parameters
    ----------
    predictions : mapping of (int, str) to pair of path-like
        By row of ``reference/defects.csv`` and model: predictions Parquet under our rule and
        under the published one. The same file twice says that the rule does not touch the model.
    output : path-like
        CSV: a line per row, model and score; rows that cannot be switched have no figures.
        ``difference`` is published less ours, for `ERROR` without an interval; ``paired`` is true
        where both sides are scored on the same patients, and hence with the same ones left out.
    study : Study
        Whose scores they are, the seed of its groups, and who may be shown: where few stays are on
        one side only, or differ from those of another row, their number is left out.
    """
    counted = _counted(predictions.values(), study)
    lines = []
    for _, entry in defects().iterrows():
        head = {"row": entry["row"], "defect": entry["defect"], "key": _key(entry)}
        head |= {"ours": entry["ours"], "published": entry["published"]}
        tail = {"note": entry["note"], **RESCORED, "data": study.data}
        priced = [model for row, model in predictions if row == entry["row"]]
        if not priced:
            lines.append({**head, **tail})
        for model in priced:
            ours, published = predictions[entry["row"], model]
            named = {**head, "model": model, "title": study.title(model)}
            if ours == published:
                lines.append({**named, **tail, "note": "does not touch this model"})
                continue
            lines += [
                {**named, **line, **tail} for line in _compare(ours, published, counted, study)
            ]
    table = pd.DataFrame(lines, columns=_COLUMNS)
    hidden = table["score"].notna() & table[["n_ours", "n_published"]].isna().any(axis=1)
    write_csv(rounded(table, hidden, _NUMBERS), output)


_ENDS = ("value", "low", "high")
_SIDES = ("ours", "published")
_NUMBERS = [f"{side}_{end}" for side in _SIDES for end in (*_ENDS, "calibrated_up_to")]
_NUMBERS += ["difference", "difference_low", "difference_high"]
_COLUMNS = [
    *("row", "defect", "key", "ours", "published", "model", "title", "score"),
    *(*_NUMBERS, "n_ours", "n_published", "paired"),
    *("note", *RESCORED, "data"),
]


def _key(entry: pd.Series) -> str:
    """Return the configuration keys that switch a defect."""
    return words_of_keys(entry["published_overlay"] or entry["ours_overlay"])


def _counted(pairs: Iterable[tuple[str | Path, str | Path]], study: Study) -> set[str]:
    """Return the predictions of which the number of stays gives no few away beside the others."""
    if not study.smallest_cell:
        return {str(path) for pair in pairs for path in pair}
    ours, published = zip(*pairs, strict=True)
    tables = {str(path): read_predictions(path) for path in dict.fromkeys([*ours, *published])}
    rows = {path: table[["stay_id", "subject_id"]] for path, table in tables.items()}
    return shown_sets(rows, study.smallest_cell)


def _compare(
    ours: str | Path, published: str | Path, counted: set[str], study: Study
) -> list[dict[str, object]]:
    """Score both sides, and the published one less ours."""
    tables = [read_predictions(path) for path in (ours, published)]
    differences = score_differences(tables[1], tables[0], seed=study.seed)
    lines = []
    for score in SCORES:
        found = differences[score]
        line: dict[str, object] = {"score": score}
        for side, estimate in zip(_SIDES, (found.second, found.first), strict=True):
            line |= {f"{side}_{end}": part for end, part in zip(_ENDS, estimate, strict=True)}
        line |= {"difference": found.difference.value, "paired": found.paired}
        line |= {"difference_low": found.difference.low, "difference_high": found.difference.high}
        lines.append(line)
    # The difference of two errors that cannot be negative has no interval that holds.
    errors = [_error(table, study) for table in tables]
    line = {"score": ERROR, "paired": lines[0]["paired"]}
    for side, error in zip(_SIDES, errors, strict=True):
        line |= {f"{side}_{end}": part for end, part in error._asdict().items()}
    lines.append(line | {"difference": errors[1].value - errors[0].value})
    sizes = {
        f"n_{side}": len(table) if str(path) in counted else None
        for side, path, table in zip(_SIDES, (ours, published), tables, strict=True)
    }
    return [line | sizes for line in lines]


def _error(table: pd.DataFrame, study: Study) -> CalibrationError:
    label, probability = table["label"].to_numpy(), table["probability"].to_numpy()
    patient = table["subject_id"].to_numpy()
    return calibration_errors(label, probability, patient, seed=study.seed, errors=[ERROR])[ERROR]
