"""What the page says where a specificity or PPV cannot be promised."""

from pathlib import Path

import pandas as pd
import pytest
from html_pages import Element, rows_of, tables
from made_arrest_results import build_arrest

WORDS = "cannot be promised with these data"


@pytest.fixture(scope="module")
def page(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Element:
    """Return a page of a model none of whose thresholds can be promised."""
    root = tmp_path_factory.mktemp("thresholds")
    names = ["hrv/alarms.csv", "hrv/metrics.csv", "single/scores.csv", "matched_alarms.csv"]
    for name in names:
        file = pd.read_csv(results / "arrest" / name).astype(object)
        if name == "hrv/alarms.csv":
            file = file[file["rule"] == "sweep"]
        elif name == "hrv/metrics.csv":
            file["threshold"] = None
        elif name == "single/scores.csv":
            file.loc[file["threshold_rule"] == "ppv_0.8", ["value", "low", "high"]] = None
        else:
            file.loc[:, "threshold":"suppressed"] = None
        (root / "arrest" / name).parent.mkdir(parents=True, exist_ok=True)
        file.to_csv(root / "arrest" / name, index=False)
    return build_arrest(root, root, *names)


def test_scores_say_it(page: Element):
    [table] = tables(page, "at thresholds chosen on validation patients")
    row = next(row for row in rows_of(table) if row[1] == "PPV 0.8")
    assert [cell for cell in row[2:] if cell] == [WORDS]
    assert WORDS not in next(row for row in rows_of(table) if row[1] == "Youden's index")


def test_horizons_say_it(page: Element):
    [table] = tables(page, "at the threshold of each horizon")
    rows = [row for row in rows_of(table) if row[0] == "Within 24 h"]
    assert rows and all(row[1] == WORDS for row in rows)


def test_alarms_say_it(page: Element):
    [table] = tables(page, "Alarms at the threshold of each model")
    assert [row for row in rows_of(table) if WORDS in row[0]]
    [table] = tables(page, "announces as many arrests as")
    assert all(row[1] == WORDS for row in rows_of(table))
    [table] = tables(page, "Every 4th threshold")
    assert rows_of(table)  # the curve needs no threshold
