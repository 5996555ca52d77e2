"""Say how many patients a system needs, and how many it has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.errors import InputError
from mimicflow.evaluation.smallest_cell import ShownSets
from mimicflow.evaluation.statistics import sample_size as needed
from mimicflow.evaluation.study import Study
from mimicflow.reference import reference
from mimicflow.running.writing import write_csv


def judge_sample_size(
    scores: str | Path,
    cohort: str | Path,
    output: str | Path,
    study: Study,
    *,
    model: str,
    predictors: int,
) -> None:
    """Write needed and present patients by the criteria of ``reference/sample_size.csv``.

    The criteria count independent patients, so that patients are counted, not their rows: one with
    any event is an event.

    Parameters
    ----------
    scores : path-like
        CSV of `mimicflow.evaluation.scores`: the AUROC of the model, and on how many patients.
    cohort : path-like
        Parquet: ``subject_id, split, label`` of every stay. Who is not in the test split develops.
    output : path-like
        CSV to write: purpose, criterion, title, model, predictors, auroc, event_share, cox_snell,
        needed and had (patients), needed_events and had_events (patients with the outcome), met,
        suppressed, data. What no number of patients meets has no ``needed``: a model that does not
        discriminate explains nothing; nor has the AUROC's where it is 1, and then it is not said
        whether it is met.
    study : Study
        Numbers of fewer patients than its smallest cell are suppressed, and what follows from them.
    model : str
        The one that the system is about.
    predictors : int
        How many it may choose from; each costs at least one parameter.

    Raises
    ------
    InputError
        Scores without an AUROC of the model.
    """
    auroc, tested = _tested(scores, model)
    patients = pd.read_parquet(cohort, columns=["subject_id", "split", "label"])
    developing = patients["split"] != "test"
    having = developing & (patients["label"] == 1)
    share = _size(patients, having) / max(_size(patients, developing), 1)
    shown = ShownSets(patients["subject_id"], study.smallest_cell).may_be(developing, having)
    needs = _needs(auroc, share, predictors)
    rows = []
    for criterion in pd.read_csv(reference("sample_size.csv")).to_dict("records"):
        develops = criterion["purpose"] == "development"
        had = float(_size(patients, developing)) if develops else tested
        need = float(np.ceil(needs[criterion["criterion"]]))
        rows.append(
            {name: criterion[name] for name in ("purpose", "criterion", "title")}
            | {"needed": need, "had": had, "needed_events": need * share}
            | {"had_events": _size(patients, having) if develops else np.nan}
            | {"met": None if np.isnan([had, need]).any() else had >= need}
        )
    table = pd.DataFrame(rows).replace(np.inf, np.nan)
    table["needed_events"] = np.ceil(table["needed_events"])
    table = table.astype(dict.fromkeys(_COUNTS, "Int64")).assign(
        model=model,
        predictors=predictors,
        auroc=auroc,
        event_share=share,
        cox_snell=needed.cox_snell(auroc, share),
        suppressed=not shown,
        data=study.data,
    )
    if not shown:
        # All of it follows from how many develop, and how many of them have the outcome.
        table[["event_share", "cox_snell", *_COUNTS, "met"]] = None
    write_csv(table[COLUMNS], output)


_COUNTS = ["needed", "had", "needed_events", "had_events"]
COLUMNS = [
    *("purpose", "criterion", "title", "model", "predictors", "auroc", "event_share", "cox_snell"),
    *(*_COUNTS, "met", "suppressed", "data"),
]


def _size(patients: pd.DataFrame, rows: pd.Series) -> int:
    return int(patients.loc[rows, "subject_id"].nunique())


def _tested(scores: str | Path, model: str) -> tuple[float, float]:
    """Return the AUROC of a model and on how many patients it was scored; NaN where hidden."""
    table = pd.read_csv(scores)
    row = table[(table["model"] == model) & (table["score"] == "auroc")]
    row = row[row["threshold_rule"].isna()]
    if row.empty or row["value"].isna().all():
        raise InputError(
            f"there is no AUROC of {model}", file=scores, remedy="run the rule of the scores again"
        )
    return float(row["value"].iloc[0]), float(row["patients"].iloc[0])


def _needs(auroc: float, share: float, predictors: int) -> dict[str, float]:
    """Return the size that each criterion asks for; infinite where no size will do."""
    if not 0 < share < 1:
        return dict.fromkeys(pd.read_csv(reference("sample_size.csv"))["criterion"], np.inf)
    r2 = needed.cox_snell(auroc, share)
    return {
        "shrinkage": needed.for_shrinkage(r2, predictors),
        "optimism": needed.for_optimism(r2, predictors, share),
        "overall_risk": needed.for_overall_risk(share),
        "ratio": needed.for_ratio(share),
        "slope": needed.for_slope(*needed.predicted(auroc, share)) if r2 else np.inf,
        "auroc": needed.for_auroc(auroc, share),
    }
