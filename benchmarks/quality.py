"""Which epochs are kept, and how right their beats and measures are: our rule beside the published.

Real recordings and made ECG (real rhythms and real beats put together, with drawn noise) are never
mixed. Needs the open recordings in MIMICFLOW_SHARED_DATA; with ``--write`` docs/quality.md gets the
tables.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import numpy as np
from _quality.holters import table_of_holters
from _quality.made import KINDS, draw_epoch
from _quality.people import PARTS, People
from _quality.short import table_of_short
from _quality.tables import (
    judge_made,
    markdown,
    table_of_detectors,
    table_of_kinds,
    table_of_lost,
    table_of_noise,
    table_of_records,
)
from _runs import REPOSITORY

DOCUMENT = REPOSITORY / "docs/quality.md"
BEGIN, END = "<!-- tables of benchmarks/quality.py -->", "<!-- end of the tables -->"


def report(shared: Path, part: str, people_of_each: int, seed: int) -> str:
    """Return all tables as Markdown."""
    rng = np.random.default_rng([seed, PARTS.index(part)])
    people = People(shared, part)
    epochs = [draw_epoch(rng, people, kind) for kind in KINDS for _ in range(people_of_each)]
    judged = judge_made(epochs, rng)
    sections = {
        "Real recordings, epoch by epoch": table_of_records(shared),
        f"Made ECG, {len(epochs)} epochs, without and with noise": table_of_noise(judged),
        "Made ECG without noise, kept by rhythm": table_of_kinds(judged),
        "Made ECG of which a part is lost or has no beats": table_of_lost(epochs, rng),
        "F1 of the detectors, within 150 ms": table_of_detectors(epochs, shared),
        "Beats of Holters, without samples": table_of_holters(shared),
        "Real beats of ten seconds, F1 within 150 ms": table_of_short(shared),
    }
    return "\n\n".join(f"### {head}\n\n{markdown(table)}" for head, table in sections.items())


def main() -> int:
    """Print the tables, or write them into the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=PARTS, default="report", help="whose rhythms and beats")
    parser.add_argument("--people", type=int, default=20, help="epochs of each kind of rhythm")
    parser.add_argument("--seed", type=int, default=5, help="1 to 4 were looked at")
    parser.add_argument("--write", action="store_true", help="into docs/quality.md")
    asked = parser.parse_args()
    shared = Path(os.environ.get("MIMICFLOW_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    tables = report(shared, asked.part, asked.people, asked.seed)
    if asked.write:
        before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        DOCUMENT.write_text(f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}", encoding="utf-8")
    print(tables)
    return 0


if __name__ == "__main__":
    sys.exit(main())
