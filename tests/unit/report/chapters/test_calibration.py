"""The chapter of calibration on the page."""

from pathlib import Path

import pandas as pd
from html_pages import Element, headings, rows_of, tables


def test_an_error_of_calibration_stands_beside_that_of_calibrated_models(
    results: Path, arrest: Element
):
    file = pd.read_csv(results / "arrest/single/calibration.csv")
    [table] = tables(arrest, "before and after recalibration")
    assert "ECE (calibrated up to)" in headings(table)
    place = headings(table).index("ECE (calibrated up to)")
    assert set(file.loc[file["score"] == "ece", "calibrated_up_to"]) == {0.03}
    cells = {row[1]: row[place] for row in rows_of(table)}
    assert cells["None"].startswith("0.060 (≤ 0.030)")
    assert "larger than in 95 % of perfectly calibrated models" in cells["None"]
    assert cells["Beta"] == "0.010 (≤ 0.030)"
    assert "what 95 % of perfectly calibrated models do not exceed" in arrest.text
