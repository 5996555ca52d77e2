"""Price the leaks of the published protocol, all together and one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from mimicflow.evaluation.predictions import read_predictions
from mimicflow.evaluation.smallest_cell import rounded, shown_sets
from mimicflow.evaluation.statistics.differences import score_differences
from mimicflow.evaluation.study import RESCORED, Study
from mimicflow.mortality.protocols import AUDITED, PUBLISHED
from mimicflow.running.writing import write_csv

ALL = "all"
"""The line of all leaks together: the published protocol as it is."""
SCORES = ("auroc", "auprc", "log_loss")
_ENDS = ("", "_low", "_high")
COLUMNS = [
    *("leak", "model", "title", "score"),
    *(f"{of}{end}" for of in (PUBLISHED, AUDITED) for end in _ENDS),
    *("difference", "low", "high"),
    *("n_published", "n_audited", "n_both", *RESCORED, "data"),
]


def price_leaks(
    predictions: Mapping[tuple[str, str], str | Path],
    priced: Mapping[str, str],
    output: str | Path,
    study: Study,
) -> None:
    """Write the published scores less the audited ones.

    Both are scored on their own test patients, as the choice of patients is one of the leaks; those
    whom both have are left out of both.

    Parameters
    ----------
    predictions : mapping of (protocol, model) to path-like
        Predictions Parquet of the first repeat.
    priced : mapping of str to str
        Key of a protocol -> the protocol that is audited but for this key.
    output : path-like
        CSV to write: `COLUMNS`, a row per leak, model and score, where the predictions of both
        protocols are there. ``leak`` is the key, or ``all``; ``published`` is the score with the
        leak.
    study : Study
        Whose scores they are, the seed of its groups, and who may be shown: where few patients are
        in one of the two only, their numbers are left out.

    Raises
    ------
    InputError, PredictionsError
        A file that cannot be read or scored.
    """
    tables = {run: read_predictions(path) for run, path in predictions.items()}
    counted = _counted(tables, study)
    rows = [
        {"leak": leak, **study.labels(model), **row}
        for leak, protocol in {ALL: PUBLISHED, **priced}.items()
        for of, model in tables
        if of == protocol and (AUDITED, model) in tables
        for row in _differences((protocol, model), tables, counted, study)
    ]
    table = pd.DataFrame(rows, columns=COLUMNS).assign(**RESCORED)
    sizes = ["n_published", "n_audited", "n_both"]
    scores = [f"{of}{end}" for of in (PUBLISHED, AUDITED) for end in _ENDS]
    table = rounded(table, table[sizes].isna().any(axis=1), [*scores, "difference", "low", "high"])
    write_csv(table.astype(dict.fromkeys(sizes, "Int64")), output)


def _counted(tables: Mapping[tuple[str, str], pd.DataFrame], study: Study) -> set[tuple[str, str]]:
    """Return the runs of which the number of patients gives no few away beside the others.

    First are the audited ones, and who is in them of each other.
    """
    rows = {run: table[["stay_id", "subject_id"]] for run, table in tables.items()}
    audited = {run: of for run, of in rows.items() if run[0] == AUDITED}
    sets = {f"{run}": of for run, of in {**audited, **rows}.items()}
    for run, of in rows.items():
        if (AUDITED, run[1]) in rows:
            sets[f"{run} both"] = of[of["stay_id"].isin(rows[AUDITED, run[1]]["stay_id"])]
    shown = shown_sets(sets, study.smallest_cell)
    return {run for run in rows if {f"{run}", f"{run} both"} <= shown}


def _differences(
    run: tuple[str, str],
    tables: Mapping[tuple[str, str], pd.DataFrame],
    counted: set[tuple[str, str]],
    study: Study,
) -> Iterator[dict[str, object]]:
    """Yield each score of both, their difference, and of how many patients they are."""
    published, audited = tables[run], tables[AUDITED, run[1]]
    found = score_differences(published, audited, seed=study.seed)
    sizes: dict[str, object] = {"n_audited": len(audited)} if (AUDITED, run[1]) in counted else {}
    if run in counted:
        sizes["n_published"] = len(published)
        sizes["n_both"] = int(published["stay_id"].isin(audited["stay_id"]).sum())
    for score in SCORES:
        parts = found[score]
        row: dict[str, object] = {"score": score}
        for of, estimate in ((PUBLISHED, parts.first), (AUDITED, parts.second)):
            row |= {f"{of}{end}": value for end, value in zip(_ENDS, estimate, strict=True)}
        yield {
            **row,
            **dict(zip(("difference", "low", "high"), parts.difference, strict=True)),
            **sizes,
        }
