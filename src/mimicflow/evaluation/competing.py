"""Count what happens instead of the outcome, and say what the label makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.evaluation.smallest_cell import ShownSets
from mimicflow.evaluation.study import Study
from mimicflow.reference import reference
from mimicflow.running.writing import write_csv

COLUMNS = [
    *("event", "description", "label", "known", "n", "patients", "events", "share"),
    *("suppressed", "data"),
]


def count_competing_events(
    rows: pd.DataFrame,
    found: Mapping[str, np.ndarray | pd.Series],
    output: str | Path,
    study: Study,
    *,
    system: str,
) -> None:
    """Write how many rows each competing event has, and how many of them have the outcome.

    Parameters
    ----------
    rows : pandas.DataFrame
        ``subject_id`` and ``label`` (1, 0, or missing where the row is left out), a row per stay.
    found : mapping of str to array of bool
        Which rows have each event of ``reference/competing_events.csv``. Of one that is not here
        nobody knows.
    output : path-like
        CSV to write: `COLUMNS`, first all rows. ``label`` says what the label makes of the event,
        ``known`` is ``no`` where the tables do not say; ``n`` counts stays, ``events`` those with
        the outcome, ``share`` is that of all stays.
    study : Study
        Counts of fewer patients than its smallest cell are suppressed, and those from which one of
        fewer could be worked out.
    system : str
        Whose events they are.
    """
    facts = pd.read_csv(reference("competing_events.csv"), keep_default_na=False)
    facts = facts[facts["system"] == system]
    sets = {"all": np.ones(len(rows), dtype=bool)} | {
        event: np.asarray(of, dtype=bool) for event, of in found.items()
    }
    shown = ShownSets(rows["subject_id"], study.smallest_cell)
    table = pd.DataFrame(
        [
            {"event": fact.event, "description": fact.description, "label": fact.label}
            | _count(rows, sets.get(str(fact.event)), shown)
            for fact in facts.itertuples()
        ]
    ).assign(data=study.data)
    write_csv(table.astype(dict.fromkeys(("n", "patients", "events"), "Int64"))[COLUMNS], output)


def _count(rows: pd.DataFrame, having: np.ndarray | None, shown: ShownSets) -> dict[str, Any]:
    """Return the counts of one event, as far as they may be shown."""
    nothing = dict.fromkeys(("n", "patients", "events", "share"))
    if having is None:
        return {"known": "no", **nothing, "suppressed": False}
    if not shown.may_be(having):
        return {"known": "yes", **nothing, "suppressed": True}
    outcome = having & (rows["label"] == 1).to_numpy(dtype=bool)
    return {
        "known": "yes",
        "n": int(having.sum()),
        "patients": rows.loc[having, "subject_id"].nunique(),
        "events": int(outcome.sum()) if shown.may_be(outcome) else None,
        "share": having.mean() if len(rows) else None,
        "suppressed": False,
    }
