"""Does a feature alone predict too well, or that it is missing? Each is asked by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mimicflow.arrest.features import KEYS
from mimicflow.audit.findings import finding, write_findings
from mimicflow.concepts import Paths, as_list, static_features
from mimicflow.evaluation.predictions import read_predictions
from mimicflow.evaluation.smallest_cell import about, is_few, to_tens
from mimicflow.evaluation.statistics.delong import auroc_interval
from mimicflow.evaluation.statistics.metrics import Estimate
from mimicflow.evaluation.study import RESCORED, Study
from mimicflow.mortality.baselines import bag_features
from mimicflow.mortality.embedding import read_visits
from mimicflow.mortality.inputs import MortalityInputs

Row = dict[str, Any]
Files = Mapping[str, Paths]
_TOGETHER = 0.95  # confidence that all intervals of a table hold
_VITALS = ("temperature", "heartrate", "resprate", "o2sat", "sbp", "dbp", "pain")


def audit_single_features(
    system: str,
    files: Files,
    models: Mapping[str, str | Path],
    limits: Mapping[str, float],
    output: str | Path,
    study: Study,
) -> None:
    """Write the AUROC of every feature alone, and of its being missing, on the test patients.

    What is missing gets the median of the training patients, so that it says nothing, and being
    missing a row of its own. Which direction means the outcome is seen on training patients.

    Parameters
    ----------
    system : {"admission", "mortality", "arrest"}
        Whose features they are.
    files : mapping of str to path or paths
        Of admission ``features, vitals, spine``; of mortality ``spine, sequences, visits``; of
        arrest ``features``.
    models : mapping of str to path-like
        Model -> its predictions, beside which the features stand.
    limits : mapping of str to float
        ``single_auroc`` and ``missing_auroc``: what the interval of a feature, of its being
        missing, may not lie above.
    output : path-like
        CSV to write: `mimicflow.audit.findings`, the AUROC in ``number``; models, then features,
        the best first; ``feature, low, high, direction, missing_share, reaches_model, patients``
        (all those tested, and for features those who have another value than most), ``rescored``.
        Intervals are by patient; those of features hold together with a confidence of 95 %.
        Features of which fewer test patients than the smallest cell have another value than most
        are left out; of real patients also those with two values of which either, with or without
        the outcome, only a few have: whoever knows the AUROC can work out how many.
    study : Study
        Whose features they are.

    Raises
    ------
    InputError, PredictionsError
        Files that cannot be read.
    """
    table = _READ[system](files)
    features = [name for name in table if name not in ("subject_id", "split", "label")]
    judged = list(_alone(table, features, study))
    level = _TOGETHER ** (1 / max(len(judged), 1))
    rows = list(_of_models(models, study))
    reached = max((row["low"] for row in rows), default=np.inf)
    found = [_judge(column, level, limits[column.kind], reached) for column in judged]
    found.sort(key=lambda row: -row["number"])
    scored = [{**row, **RESCORED} for row in (*rows, *found)]
    write_findings(scored, output, study, counts=("patients",))


def _of_models(models: Mapping[str, str | Path], study: Study) -> Iterator[Row]:
    for model, path in models.items():
        test = read_predictions(path, key=study.key)
        found = auroc_interval(
            test["label"].to_numpy(),
            test["probability"].to_numpy(),
            patient=test["subject_id"].to_numpy(),
        )
        yield finding(
            f"the whole model: {study.title(model)}",
            found.value,
            feature="",
            low=found.low,
            high=found.high,
            patients=test["subject_id"].nunique(),
        )


class _Column(NamedTuple):
    """A feature of the test patients, or that it is missing."""

    kind: str
    """Key of the limits."""
    feature: str
    rows: pd.DataFrame
    """``subject_id, label, value``; a higher value means the outcome, to the training patients."""
    direction: int
    """1, or -1: ``value`` is the negative of what the feature says."""
    missing: float
    """Share of the rows; NaN if it would show a few real patients."""
    patients: float
    """Who have another value than most; likewise."""


def _alone(table: pd.DataFrame, features: list[str], study: Study) -> Iterator[_Column]:
    """Yield what is judged: features and missing patterns that enough patients differ in."""
    tested = (table["split"] == "test").to_numpy()
    training = (table["split"] == "train").to_numpy()
    everybody = table.loc[tested, "subject_id"].nunique()
    for name in features:
        value = table[name].astype(float)
        missing = value.isna()
        share = _share(table[tested], missing[tested], study.smallest_cell)
        filled = value.fillna(value[training].median())
        for kind, column in (("single_auroc", filled), ("missing_auroc", missing.astype(float))):
            rows = table[["subject_id", "label"]].assign(value=column)
            test = rows[tested]
            other = test["value"] != test["value"].mode().max()
            differ = test.loc[other, "subject_id"].nunique()
            if differ < study.smallest or test["value"].isna().any():
                continue
            if test["value"].nunique() == 2 and _few(test, other, study.smallest_cell):
                continue
            direction = 1 if _auroc(rows[training]).value >= 0.5 else -1
            oriented = test.assign(value=test["value"] * direction)
            shown = about(differ, study.smallest_cell, differ, everybody - differ)
            yield _Column(kind, name, oriented, direction, share, shown)


def _few(rows: pd.DataFrame, have: pd.Series, smallest: int) -> bool:
    """Return whether a few patients have this, or have it not, with or without the outcome."""
    event = rows["label"] == 1
    cells = [rows.loc[a & b, "subject_id"].nunique()
             for a in (have, ~have) for b in (event, ~event)]  # fmt: skip
    return is_few(smallest, *cells)


def _share(rows: pd.DataFrame, missing: pd.Series, smallest: int) -> float:
    """Return the share of rows in which a feature is missing, unless that shows a few patients."""
    if _few(rows, missing, smallest):
        return np.nan
    return to_tens(int(missing.sum()), smallest) / max(to_tens(len(rows), smallest), 1)


_WORDS = {
    "single_auroc": ("{} alone", {1: "higher", -1: "lower"}),
    "missing_auroc": ("that {} is missing", {1: "missing", -1: "there"}),
}
"""What a row says, and which values mean the outcome."""


def _judge(column: _Column, level: float, limit: float, reached: float) -> Row:
    """Return the row of a feature: it passes unless its interval lies above the limit.

    One that is never wrong does not pass either, however few patients there are.
    """
    found = _auroc(column.rows, level)
    what, direction = _WORDS[column.kind]
    passed = not (found.low > limit or found.value == 1)
    # Without an interval nothing can be said, but that the outcome itself is there.
    unknown = bool(np.isnan(found.low)) and passed
    return finding(
        what.format(column.feature),
        found.value,
        f"interval not above {limit:g}, value below 1",
        None if unknown else passed,
        feature=column.feature,
        low=found.low,
        high=found.high,
        direction=direction[column.direction],
        missing_share=column.missing,
        reaches_model="yes" if found.value >= reached else "",
        patients=column.patients,
    )


def _auroc(rows: pd.DataFrame, level: float = 0.95) -> Estimate:
    return auroc_interval(
        rows["label"].to_numpy(),
        rows["value"].to_numpy(dtype=float),
        level=level,
        patient=rows["subject_id"].to_numpy(),
    )


def _of_admission(files: Files) -> pd.DataFrame:
    """Return static features, first and last vital signs, and how often these were read."""
    spine = pd.read_parquet(str(files["spine"]))[["stay_id", "subject_id", "split", "label"]]
    static = pd.read_parquet(str(files["features"]))
    static = static[["stay_id", *static_features()["name"]]]
    by_stay = (
        pd.read_parquet(str(files["vitals"])).sort_values(["stay_id", "source"]).groupby("stay_id")
    )
    vitals = [
        by_stay[list(_VITALS)].first().add_suffix("_first"),
        by_stay[list(_VITALS)].last().add_suffix("_last"),
        by_stay.size().rename("n_readings"),
    ]
    table = spine.merge(static, on="stay_id").join(pd.concat(vitals, axis=1), on="stay_id")
    return table.drop(columns="stay_id")


def _of_mortality(files: Files) -> pd.DataFrame:
    """Return what LightGBM sees of a stay, and of every code whether its visits have it."""
    data = MortalityInputs(str(files["spine"]), str(files["sequences"]))
    bag = bag_features("lightgbm", data.sequences.means()[data.visit_rows], data.patient_features())
    visits = read_visits(as_list(files["visits"]), data.stays["stay_id"].to_numpy()).to_pandas()
    codes = visits[["stay_id", "codes"]].explode("codes").dropna().drop_duplicates()
    often = codes["codes"].value_counts()
    codes = codes[codes["codes"].isin(often.index[often >= _LEAST])]
    has = pd.crosstab(codes["stay_id"], codes["codes"]).reindex(data.stays["stay_id"], fill_value=0)
    whose = data.stays[["subject_id", "split", "label"]]
    return pd.concat([whose, bag, has.reset_index(drop=True)], axis=1)


_LEAST = 20
"""Stays that a code has at least, in all parts: of the others too few are tested."""


def _of_arrest(files: Files) -> pd.DataFrame:
    """Return all that the model of both sees of an epoch: measures, vital features, slopes."""
    table = pd.read_parquet(str(files["features"]))
    dropped = [name for name in KEYS if name not in ("subject_id", "split", "label")]
    return table.drop(columns=dropped)


_READ: dict[str, Callable[[Files], pd.DataFrame]] = {
    "admission": _of_admission,
    "mortality": _of_mortality,
    "arrest": _of_arrest,
}
