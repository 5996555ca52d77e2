"""Made-up tables of arrest: what competes with an arrest, and scores with a gap before it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path

import numpy as np
from made_protocol_results import write_csv


def write_ward_files(root: Path, titles: Mapping[str, str], real: bool) -> None:
    """Write them; with ``real``, a count is under ten and hidden."""
    _write_competing(root / "competing_events.csv", real)
    _write_gaps(root / "gaps.csv", titles)


def _write_competing(path: Path, real: bool) -> None:
    """Write the competing events of a hospital that does not record limits of treatment."""
    counts = {
        "all": ("Stays with a planned epoch", "", 405, 85, "yes"),
        "death": ("Died without an arrest", "label 0", 8 if real else 31, 0, "yes"),
        "limits": ("Treatment limited", "label 0", np.nan, np.nan, "no"),
    }
    rows = []
    for event, (text, label, n, events, known) in counts.items():
        small = real and n < 10
        numbers = {"n": n, "patients": n, "events": events, "share": n / 405}
        if small:
            numbers = dict.fromkeys(numbers, np.nan)
        row = {"event": event, "description": text, "label": label, "known": known}
        rows.append({**row, **numbers, "suppressed": small, "data": "synthetic"})
    write_csv(rows, path)


def _write_gaps(path: Path, titles: Mapping[str, str]) -> None:
    rows = []
    for hours, (model, title) in product((24, 1), titles.items()):
        for gap in (0.0, 1.0):
            for score in ("auroc", "auprc", "sensitivity", "specificity"):
                value, less = 0.801 - 0.012 * gap, np.nan if gap == 0 else -0.012
                rows.append(
                    {"model": model, "title": title, "horizon_h": hours}
                    | {"gap_h": gap, "patients": 83, "event_stays": 21, "n": 19812}
                    | {"events": int(541 - 30 * gap), "score": score, "value": value}
                    | {"lower": value - 0.02, "upper": value + 0.02, "difference": less}
                    | {"difference_lower": less - 0.006, "difference_upper": less + 0.006}
                    | {"suppressed": False, "data": "synthetic"}
                )
    write_csv(rows, path)
