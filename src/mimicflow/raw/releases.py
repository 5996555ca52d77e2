"""Name the public release that raw tables are of, by the numbers of rows of all tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from mimicflow.raw.tables import TABLES

UNKNOWN = "unknown"
SYNTHETIC = "synthetic"


def releases_of(table_path: str, rows: int) -> list[str]:
    """Return the public releases whose table has exactly this many rows.

    A dictionary may have the same rows in several.
    """
    known = _known()
    return sorted(known[(known["table"] == table_path) & (known["rows"] == rows)]["release"])


@cache
def _known() -> pd.DataFrame:
    return pd.read_csv(Path(__file__).parent / "tables/versions.csv")


def as_text(releases: list[str]) -> str:
    """Return the releases of a table as one text."""
    return " or ".join(releases) or UNKNOWN


def settle_releases(reports: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, str], list[str]]:
    """Find for each table the release that fits the others of its module.

    Parameters
    ----------
    reports : mapping
        ``module/table`` -> report of the ingest.

    Returns
    -------
    releases : dict of str to str
        ``module/table`` -> its release.
    misfits : list of str
        A sentence for each table that is of no release or of another one, while others of its
        module are of one: it may have been cut off.
    """
    releases, misfits = {}, []
    for module in sorted({TABLES[path].module for path in reports}):
        found: dict[str, list[str]] = {}
        for path in sorted(reports):
            if TABLES[path].module != module:
                continue
            releases[path] = str(reports[path]["release"])
            if releases[path] != SYNTHETIC:
                found[path] = releases_of(path, reports[path]["rows"])
        votes = Counter(release for fitting in found.values() for release in fitting)
        most = max(votes.values(), default=0)
        chosen = [release for release in sorted(votes) if votes[release] == most]
        for path, fitting in found.items():
            releases[path] = as_text([name for name in fitting if name in chosen] or fitting)
            if chosen and not set(fitting) & set(chosen):
                misfits.append(
                    f"{path}: {reports[path]['rows']} rows are of "
                    f"{f'{as_text(fitting)}' if fitting else 'no known release'}, but other tables "
                    f"of {module} are of {as_text(chosen)}: the file may be cut off, or not its own"
                )
    return releases, misfits
