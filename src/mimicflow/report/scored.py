"""What has been scored so far: a small table of all systems, made-up patients beside their truth.

Scores and intervals are those of the tables ``comparison.csv``, which hide what real patients ask
to be hidden. The truth is read here and by no rule: no model can have seen it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.metrics import roc_auc_score
from tabulate import tabulate

from mimicflow.errors import InputError
from mimicflow.evaluation.predictions import read_predictions
from mimicflow.evaluation.titles import full_titles

SYSTEMS = pd.read_csv(Path(__file__).parent / "scored.csv", keep_default_na=False)
"""Where each system has its tables, of which column only the first value is shown (the protocol to
judge by, the primary horizon), and where predictions and truth lie."""

_SYNTHETIC = (
    "synthetic: made-up patients; the scores say that the workflow works, not how well it predicts."
)
_TRUTH = "truth: AUROC of what the outcomes were drawn from; no model does better but by chance."


def read_scores(results: str | Path) -> pd.DataFrame:
    """Return a row per model that has been scored, the systems in order.

    Parameters
    ----------
    results : path-like
        Folder of the results.

    Returns
    -------
    pandas.DataFrame
        ``system, of`` (the protocol, the horizon, or ""), ``model, title, n, patients, auroc,
        auroc_low, auroc_high, truth, data``. Sizes that are hidden, and a truth that is not known,
        are missing.

    Raises
    ------
    InputError
        Nothing has been scored in this folder.
    """
    parts = [_of_system(Path(results), system) for system in SYSTEMS.itertuples()]
    scored = [part for part in parts if len(part)]
    if not scored:
        raise InputError(
            "nothing has been scored here", file=results, remedy="run `mimicflow run first` first"
        )
    return pd.concat(scored, ignore_index=True)


def add_truth(predictions: pd.DataFrame, system: str, results: str | Path) -> pd.DataFrame:
    """Return predictions of made-up patients with what is known of them, as column ``truth``.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `mimicflow.evaluation.predictions.read_predictions` returns them.
    system : {"admission", "mortality", "arrest"}
        Of the predictions.
    results : path-like
        Folder of the results, with the made-up hospital.

    Returns
    -------
    pandas.DataFrame
        The truth is the probability from which each outcome was drawn; for epochs at the bedside
        the hidden state at their ends. Missing of rows that the hospital does not know. Ids of
        stays are text.
    """
    of = SYSTEMS.set_index("system").loc[system]
    truth = pd.read_parquet(Path(results, of["truth"])).rename(columns={of["known"]: "truth"})
    # A registry may have letters in its ids.
    truth, predictions = (table.astype({"stay_id": "str"}) for table in (truth, predictions))
    if system != "arrest":
        return predictions.merge(truth[["stay_id", "truth"]], on="stay_id", how="left")
    ordered = predictions.sort_values("end")
    states = truth[["stay_id", "time", "truth"]].sort_values("time")
    return pd.merge_asof(ordered, states, left_on="end", right_on="time", by="stay_id")


def as_lines(scored: pd.DataFrame) -> list[str]:
    """Return the table as text, with what its words mean.

    Parameters
    ----------
    scored : pandas.DataFrame
        As `read_scores` returns it.
    """
    rows = [("system", "model", "rows", "patients", "AUROC (95 % interval)", "truth", "data")]
    for row in scored.itertuples():
        system = " ".join(part for part in (row.system, row.of) if part)
        rows.append(
            (
                *(system, row.title, _count(row.n), _count(row.patients)),
                *(_interval(row), f"{row.truth:.3f}" if pd.notna(row.truth) else "–", row.data),
            )
        )
    lines = tabulate(rows, tablefmt="plain", disable_numparse=True).splitlines()
    notes = {_SYNTHETIC: scored["data"] == "synthetic", _TRUTH: scored["truth"].notna()}
    return [*map(str.rstrip, lines), "", *(note for note, rows in notes.items() if rows.any())]


def _of_system(results: Path, of: Any) -> pd.DataFrame:
    """Return the rows of a system; those of the main model alone, if they are newer, count."""
    files = [file for pattern in of.tables.split() for file in results.glob(pattern)]
    tables = [pd.read_csv(file) for file in sorted(files, key=lambda file: file.stat().st_mtime)]
    if not tables:
        return pd.DataFrame()
    table = pd.concat(tables).assign(of="")
    if of.first_of:
        first = table[of.first_of].iloc[0]
        table = table[table[of.first_of] == first].assign(of=of.first.format(first))
    table = table.drop_duplicates("model", keep="last")
    if of.system == "admission":
        titles = table.set_index("model")["title"].to_dict()
        table["title"] = table["model"].map(full_titles(titles, table.set_index("model")["stays"]))
    table["truth"] = [_truth(results, of, row) for row in table.itertuples()]
    columns = ["of", "model", "title", "n", "patients", "auroc", "auroc_low", "auroc_high"]
    return table[[*columns, "truth", "data"]].assign(system=of.system)


def _truth(results: Path, of: Any, row: Any) -> float:
    """Return the AUROC of the truth in the rows of a model; NaN where it is not known."""
    predictions = results / of.predictions.format(model=row.model, first=row.of)
    known = predictions.exists() and (results / of.truth).exists()
    if row.data != "synthetic" or not known:
        return float("nan")
    table = add_truth(read_predictions(predictions, key=of.row), of.system, results)
    if table["truth"].isna().any():
        return float("nan")
    return float(roc_auc_score(table["label"], table["truth"]))


def _count(number: float) -> str:
    return f"{number:,.0f}" if pd.notna(number) else "–"


def _interval(row: Any) -> str:
    interval = f" ({row.auroc_low:.3f}–{row.auroc_high:.3f})" if pd.notna(row.auroc_low) else ""
    return f"{row.auroc:.3f}{interval}"
