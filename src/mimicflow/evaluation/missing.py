"""Count what was not measured, by feature and outcome."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.evaluation.smallest_cell import is_few, to_tens
from mimicflow.evaluation.study import Study
from mimicflow.reference import reference
from mimicflow.running.writing import write_csv

COLUMNS = ["feature", "n", "missing", "share", "share_without_event", "share_with_event"]
COLUMNS += ["handling", "suppressed", "data"]
VITALS = ("temperature", "heartrate", "resprate", "o2sat", "sbp", "dbp", "pain")
_NO_FEATURES = ["stay_id", "subject_id", "epoch_id", "hadm_id", "label", "split", "fold"]
_NO_FEATURES += ["start", "end", "hours_to_arrest"]


def count_missing(
    features: str | Path,
    cohort: str | Path,
    output: str | Path,
    study: Study,
    *,
    system: str,
    vitals: str | Path | None = None,
) -> None:
    """Write how often each feature is missing, without and with the outcome.

    Parameters
    ----------
    features : path-like
        Parquet, a row per stay or epoch, NaN where not measured; with ``label`` where the outcome
        is not that of the stay.
    cohort : path-like
        Parquet: ``stay_id, subject_id, label``.
    output : path-like
        CSV to write, `COLUMNS`: ``n`` rows, of them ``missing`` and their share, in all and by
        outcome, and what is done with them (``reference/missing.csv``). Features that the reference
        does not list cannot be missing.
    study : Study
        Of real patients numbers are rounded to tens, and shares are those of the rounded numbers;
        those of fewer patients than its smallest cell, missing or measured, are suppressed.
    system : str
        Whose features they are.
    vitals : path-like, optional
        Parquet of all readings (``vitals_long_cleaned.parquet``): the first of a stay is counted.
    """
    table = pd.read_parquet(features)
    own = ["stay_id", *(name for name in ("subject_id", "label") if name not in table)]
    table = table.merge(pd.read_parquet(cohort)[own], on="stay_id", validate="many_to_one")
    if vitals is not None:
        readings = pd.read_parquet(vitals)
        first = readings[readings["source"] == 1].set_index("stay_id")
        for vital in VITALS:
            measured = first.loc[first[f"real_{vital}"] == 1, vital]
            table[f"first reading, {vital}"] = table["stay_id"].map(measured)
    listed = pd.read_csv(reference("missing.csv"))
    listed = listed[listed["system"] == system]
    rows = []
    for feature in table.columns.difference(_NO_FEATURES, sort=False):
        for of in listed.itertuples():
            if fnmatchcase(str(feature), of.pattern):
                rows.append({"feature": feature, **_count(table, feature, study)})
                rows[-1]["handling"] = of.handling
                break
    found = pd.DataFrame(rows, columns=COLUMNS[:-1]).assign(data=study.data)
    found = found.astype({"n": "Int64", "missing": "Int64"})
    write_csv(found[COLUMNS], output)


def _count(table: pd.DataFrame, feature: str, study: Study) -> dict[str, object]:
    """Return how often a feature is missing; nothing where that shows a few patients."""
    missing, event = table[feature].isna(), table["label"] == 1
    patient = table["subject_id"]
    cells = [patient[a & b].nunique() for a in (missing, ~missing) for b in (event, ~event)]
    smallest = study.smallest_cell
    if is_few(smallest, *cells):
        return {"n": to_tens(len(table), smallest), "suppressed": True}
    number = [to_tens((missing & of).sum(), smallest) for of in (event | True, ~event, event)]
    of_all = [to_tens(of.sum(), smallest) for of in (event | True, ~event, event)]
    shares = [n / all_ if all_ else np.nan for n, all_ in zip(number, of_all, strict=True)]
    names = ("share", "share_without_event", "share_with_event")
    counts = {"n": of_all[0], "missing": number[0]}
    return {**counts, **dict(zip(names, shares, strict=True)), "suppressed": False}
