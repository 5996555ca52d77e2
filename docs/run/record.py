"""Copy the tables of a default run that README and docs quote to docs/run/, for a test.

python docs/run/record.py results   then tests/test_figures.py says which figures differ
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pandas as pd

REPOSITORY = Path(__file__).parents[2]
RECORDED = "docs/run/"


def record_run(results: Path) -> list[str]:
    """Copy the tables of docs/run/ that docs/figures.csv names from a run of ``make all audit``."""
    listed = pd.read_csv(REPOSITORY / "docs/figures.csv", dtype=str, keep_default_na=False)
    names = {name for source in listed["source"] for name in source.split()}
    found = sorted(name for name in names if name.startswith(RECORDED))
    for name in found:
        target = REPOSITORY / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(results / name.removeprefix(RECORDED), target)
    return found


if __name__ == "__main__":
    print("\n".join(record_run(Path(sys.argv[1] if len(sys.argv) > 1 else "results"))))
