"""Bring the tables of a default run that README and docs quote, and write their figures anew.

python docs/run/record.py results   copies to docs/run/ what docs/figures.csv names, and writes each
                                    figure of kind ``table`` anew, there and in its document
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

REPOSITORY = Path(__file__).parents[2]
RECORDED = "docs/run/"
ONE = r"\d+(?:,\d{3})*(?:\.\d+)?"
NUMBERS = re.compile(rf"((?<![\w.–])−?(?:{ONE}|\.\d+)|(?<=–)(?:{ONE}|\.\d+))(?!\w)( ?%)?")
"""Every number of a piece of text, signed, and whether it is per cent."""


def with_values(text: str, values: Iterable[float]) -> str:
    """Return a piece of text with other numbers in place of its own, each written likewise."""
    left = iter(values)

    def write(found: re.Match[str]) -> str:
        number, unit = found[1], found[2] or ""
        decimals = len(number.partition(".")[2])
        value = round(next(left) * (100 if unit else 1), decimals) + 0.0  # no −0.000
        written = f"{value:,.{decimals}f}".replace("-", "−")
        return (written.removeprefix("0") if number.startswith(".") else written) + unit

    return NUMBERS.sub(write, text)


def record_run(results: Path) -> list[str]:
    """Copy the tables and write their figures; return what is written now.

    Parameters
    ----------
    results : path-like
        The folder of a run of ``make all`` with the default configuration.
    """
    listed = pd.read_csv(REPOSITORY / "docs/figures.csv", dtype=str, keep_default_na=False)
    changed = []
    for source in sorted({name for name in listed["source"] if name.startswith(RECORDED)}):
        (REPOSITORY / source).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(results / source.removeprefix(RECORDED), REPOSITORY / source)
    for row in listed[listed["source"].str.startswith(RECORDED)].itertuples():
        found = pd.read_csv(REPOSITORY / row.source).query(row.row)[row.columns.split()]
        if len(found) != 1:
            sys.exit(f"{row.source} has {len(found)} rows of {row.row}: mend docs/figures.csv")
        text = with_values(row.figures, found.iloc[0])
        if text != row.figures:
            folder = REPOSITORY if row.document == "README.md" else REPOSITORY / "docs"
            document = folder / row.document
            document.write_text(document.read_text("utf-8").replace(row.figures, text), "utf-8")
            listed.loc[row.Index, "figures"] = text
            changed.append(f"{row.document}: {text}")
    listed.to_csv(REPOSITORY / "docs/figures.csv", index=False, lineterminator="\n")
    return changed


if __name__ == "__main__":
    print("\n".join(record_run(Path(sys.argv[1] if len(sys.argv) > 1 else "results"))))
