"""The chapter of alarms on the page."""

from pathlib import Path

import pandas as pd
from html_pages import Element, drawn, headings, of_model, rows_of, tables
from made_arrest_results import SILENCES, build_arrest


def test_alarms_are_reported_by_silence(results: Path, arrest: Element):
    file = pd.read_csv(results / "arrest/hrv/alarms.csv")
    chosen = file[(file["rule"] != "sweep") & (file["silence_min"] == 60)].set_index("measure")
    [table] = tables(arrest, "Alarms at the threshold of each model")
    heading = next(row for row in rows_of(table) if row[0].startswith("Heart-rate"))
    assert heading == [
        "Heart-rate variability: threshold 0.043 (specificity 0.8 out of fold); "
        "21 event stays; 62 control stays, 57.2 monitored days"
    ]
    rows = of_model(table, "Heart-rate variability")
    assert [row[0] for row in rows] == ["none", "30 min", "60 min", "120 min"]
    of = chosen.loc["event_sensitivity"]
    assert rows[2][1] == f"{of['value']:.3f} ({of['lower']:.3f}–{of['upper']:.3f})"
    of = chosen.loc["event_sensitivity_chance"]
    assert rows[2][2] == f"{of['value']:.3f} ({of['lower']:.3f}–{of['upper']:.3f})"
    assert rows[2][3:5] == ["12.4 (10.9–13.9)", "3.1–19.2"]
    of = chosen.loc["false_alarms_per_day"]
    assert rows[2][6] == f"{of['value']:.2f} ({of['lower']:.2f}–{of['upper']:.2f})"
    assert len(of_model(table, "Vital signs")) == len(SILENCES)


def test_false_alarms_are_compared_at_the_same_sensitivity(arrest: Element):
    [table] = tables(arrest, "announces as many arrests as heart-rate variability")
    assert "Silence 60 min. Held out: 21 event stays, 62 control stays." in table.text
    assert headings(table)[-1] == "Difference to heart-rate variability (95 % CI)"
    first, second = rows_of(table)
    assert first[:3] == ["Heart-rate variability", "0.050", "0.762"]
    assert first[3:] == ["0.714 (0.514–0.914)", "4.20 (2.20–6.20)", "–"]
    assert second[4] == "9.70 (7.70–11.70)"
    assert second[5].startswith("5.50 (1.50–9.50)") and "excludes 0" in second[5]


def test_alarms_are_drawn_for_every_threshold(arrest: Element, html: str):
    points = drawn(html, "against false alarms per patient-day")
    assert len(points) == 2 * len(SILENCES) * 41
    assert sum(point["chosen"] for point in points) == 2 * len(SILENCES)
    assert all(0 <= point["chance"] <= 1 for point in points)
    assert '"field":"chance"' in html
    assert '"value":"60 min"' in html  # the silence in the middle is shown first
    [table] = tables(arrest, "Every 4th threshold")
    rows = of_model(table, "Heart-rate variability, silence 60 min")
    assert len(rows) == 11
    assert rows[-1][:2] == ["the model's threshold", "0.043"]


def test_suppressed_alarms_have_no_figures(results: Path, tmp_path: Path):
    folder = tmp_path / "arrest/hrv"
    folder.mkdir(parents=True)
    file = pd.read_csv(results / "arrest/hrv/alarms.csv")
    events = ~file["measure"].isin(["false_alarms_per_day", "control_stays_alarmed"])
    file.loc[events, ["value", "lower", "upper", "stays", "patients", "days"]] = None
    file.loc[events, "suppressed"] = True
    file.to_csv(folder / "alarms.csv", index=False)
    page = build_arrest(tmp_path, tmp_path, "hrv/alarms.csv", synthetic=False)
    [table] = page.all("table")  # no point has both measures: nothing is drawn
    rows = rows_of(table)
    assert "event stays" not in rows[0][0]
    assert rows[1][1:6] == ["–"] * 5
    assert rows[1][6] != "–"
