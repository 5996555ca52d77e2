"""How many visits the patients have, as the page shows it."""

import json
import re
from pathlib import Path

import pandas as pd
from html_pages import Element, rows_of, tables
from made_mortality_results import build_mortality


def test_visits_are_counted_under_both_protocols(results: Path, mortality: Element):
    [table] = tables(mortality, "Patients by number of visits")
    rows = {row[0]: row[1:] for row in rows_of(table)}
    for place, protocol in enumerate(("audited", "published")):
        file = pd.read_csv(results / f"mortality/{protocol}/visits.csv")
        for row in file.itertuples():
            assert rows[str(row.n_visits)][place] == f"{row.patients:,}".replace(",", "\u202f")
    [statistics] = tables(mortality, "Number of visits of a patient")
    assert rows_of(statistics) == [
        ["Patients", "7\u202f880", "7\u202f880"],
        ["Fewest visits", "1", "1"],
        ["Median", "1", "1"],
        ["Mean", "2.01", "2.95"],
        ["Most visits", "15", "17"],
    ]


def test_small_numbers_of_real_visits_are_hidden(real_page: str, real: Element):
    [table] = tables(real, "Patients by number of visits")
    rows = rows_of(table)
    specs = re.search(r'id="specifications">(.*?)</script>', real_page).group(1)
    [chart] = [spec for spec in json.loads(specs).values() if "of visits" in spec["description"]]
    drawn = [point for points in chart["datasets"].values() for point in points]
    assert [point["place"] for point in drawn] == 2 * list(range(1, 13))
    assert [point["value"] for point in drawn if point["place"] == 11] == [None, 21]
    assert "Bars of fewer than 10 patients are not drawn" in table.text
    cells = [cell.replace("\u202f", "") for row in rows for cell in row[1:]]
    assert min(int(cell) for cell in cells if cell.isdigit() and cell != "0") >= 10
    # 13 to 17 visits have few patients: one row, which does not show the largest number.
    assert [row for row in rows if row[0] in ("10", "11")] == [
        ["10", "12", "43"],
        ["11", "<10", "21"],
    ]
    assert rows[-1] == ["13+", "hidden", "hidden"]
    [statistics] = tables(real, "Number of visits of a patient")
    assert rows_of(statistics)[1][1:] == ["1", "1"]
    assert rows_of(statistics)[-1] == ["Most visits", ">\u202f10", ">\u202f12"]


def test_visits_that_are_hidden_in_the_file_stay_so(tmp_path: Path):
    folder = tmp_path / "mortality/audited"
    folder.mkdir(parents=True)
    (folder / "visits.csv").write_text("n_visits,patients\n1,<10\n2,30\n3,hidden\n5,<10\n")
    (folder / "visits_summary.csv").write_text(
        "statistic,value\npatients,60\nmin,1\nmedian,2\nmean,2.5\nmax,5\n"
    )
    names = ("audited/visits.csv", "audited/visits_summary.csv")
    counts, statistics = build_mortality(tmp_path, tmp_path, *names, synthetic=False).all("table")
    assert rows_of(counts) == [["1", "<10"], ["2", "30"], ["3+", "hidden"]]
    texts = ["60", "<\u202f2", "2", "2.50", ">\u202f2"]
    assert [row[1] for row in rows_of(statistics)] == texts


def test_statistics_of_few_patients_stay_hidden(tmp_path: Path):
    folder = tmp_path / "mortality/audited"
    folder.mkdir(parents=True)
    (folder / "visits.csv").write_text("n_visits,patients\n1,<10\n")
    (folder / "visits_summary.csv").write_text(
        "statistic,value\n" + "".join(f"{name},<10\n" for name in ("patients", "min", "mean"))
    )
    names = ("audited/visits.csv", "audited/visits_summary.csv")
    [table] = build_mortality(tmp_path, tmp_path, *names, synthetic=False).all("table")
    assert [row[1] for row in rows_of(table)] == ["<10", "hidden", "<10", "hidden"]


def test_the_ends_of_visits_are_hidden_where_nothing_says_how_many_have_them(
    results: Path, tmp_path: Path
):
    page = build_mortality(tmp_path, results, "audited/visits_summary.csv", synthetic=False)
    [table] = page.all("table")
    assert [row[1] for row in rows_of(table)] == ["7\u202f880", "hidden", "1", "2.01", "hidden"]
