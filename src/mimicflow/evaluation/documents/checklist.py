"""Write the TRIPOD+AI checklist and the PROBAST+AI self-check of a system from its run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from mimicflow.evaluation.documents.facts import environment, gather
from mimicflow.evaluation.study import Study
from mimicflow.reference import reference
from mimicflow.running.writing import atomic_output, write_csv

FILLED, OPEN = "filled", "open"
CHECKLISTS = {
    "tripod_ai": (reference("tripod_ai.csv"), "tripod_ai.md.j2"),
    "probast_ai": (reference("probast_ai.csv"), "probast_ai.md.j2"),
}
"""Checklist -> its items, its template."""

FOR_THE_AUTHOR = "Open – for the author"


def write_checklist(
    system: str,
    files: Mapping[str, str | Path],
    output: str | Path,
    table: str | Path,
    study: Study,
    models: Iterable[str | Path] = (),
    audit: Iterable[str | Path] = (),
    protocol: str = "nested",
    judged_by: str | None = None,
    changed: Mapping[str, Any] | None = None,
    checklist: str = "tripod_ai",
) -> None:
    """Write a checklist: the items of its authors, in our own words.

    ``tripod_ai`` is that of Collins et al. (BMJ 2024;385:e078378), ``probast_ai`` asks what Moons
    et al. (BMJ 2025;388:e082505) ask of quality and risk of bias.

    How an item is answered stands in ``reference/{checklist}.csv``: ``answer`` and ``place`` are
    texts in which facts of the run are named, ``needs`` are the facts without which the item stays
    open. An item without answer is for the author. What is known to mislead answers items of
    ``probast_ai`` with no (``answers_no`` of ``reference/limits.csv``).

    Parameters
    ----------
    system, files, study, models, audit, protocol, judged_by, changed
        As in `mimicflow.evaluation.documents.facts.gather`.
    output : path-like
        Markdown.
    table : path-like
        CSV: item, section, topic, applies (D development, E evaluation), asks, status (filled or
        open), answer, place, data.
    checklist : str
        A key of `CHECKLISTS`.
    """
    items_of, template = CHECKLISTS[checklist]
    facts = gather(system, files, study, models, audit, protocol, judged_by, changed)
    made = environment()
    listed = pd.read_csv(items_of, keep_default_na=False, dtype=str)
    denied = listed[listed["item"].isin(facts["against"])]
    facts["no"] = {of: denied["item"][denied["applies"].str.contains(of)].tolist() for of in "DE"}
    items = [_answer(item, facts, made) for item in listed.to_dict("records")]
    frame = pd.DataFrame(items).assign(data=study.data)
    write_csv(frame, table)
    n_filled = int((frame["status"] == FILLED).sum())
    text = made.get_template(template).render(
        facts, items=items, n_filled=n_filled, n_open=len(items) - n_filled
    )
    with atomic_output(output) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _answer(
    item: Mapping[str, str], facts: Mapping[str, Any], made: jinja2.Environment
) -> dict[str, str]:
    """Return an item with its status, answer and place."""
    lacking = [need for need in item["needs"].split() if need not in facts]
    kept = {name: item[name] for name in ("item", "section", "topic", "applies", "asks")}
    against = facts["against"].get(item["item"], [])
    answer, place = "", ""
    if not lacking:
        answer, place = (
            " ".join(made.from_string(item[name]).render(facts).split())
            for name in ("answer", "place")
        )
    elif facts["protocol"] != facts["judged_by"]:
        answer = f"Shown of the protocol to judge by alone ({facts['judged_by']})"
    else:
        answer = f"{FOR_THE_AUTHOR}: this run lacks {', '.join(lacking)}"
    if against:
        answer = " ".join(["No.", *against, answer])
    elif lacking or not answer:
        return {**kept, "status": OPEN, "answer": answer or FOR_THE_AUTHOR, "place": ""}
    return {**kept, "status": FILLED, "answer": answer, "place": place}
