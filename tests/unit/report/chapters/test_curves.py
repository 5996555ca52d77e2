"""A band is drawn of one line, and where it would cover the others it is not."""

from pathlib import Path

import pandas as pd
import pytest
from html_pages import drawn

from mimicflow.evaluation.study import Study
from mimicflow.report import ProtocolFiles, SharedFiles, SystemFiles, build_report

TITLE = "ECG, vital signs and static"


@pytest.mark.parametrize(("half", "said"), [(0.01, False), (1.0, True)])
def test_a_wide_band_is_not_drawn_and_that_is_said(results: Path, tmp_path: Path, half, said):
    folder = results / "admission/nested"
    frame = pd.read_csv(folder / "decision.csv").query("stays == 'all'")
    frame = frame.assign(low=frame["net_benefit"] - half, high=frame["net_benefit"] + half)
    frame.to_csv(tmp_path / "decision.csv", index=False)
    files = ProtocolFiles(scores=folder / "scores.csv", decision=tmp_path / "decision.csv")
    systems = {"admission": SystemFiles(protocols={"nested": files})}
    build_report("T", systems, SharedFiles(), tmp_path / "page.html", Study(synthetic=True))

    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert ("Of so few patients a band would cover the lines" in html) is said
    assert (f"with the 95 % band of {TITLE}" in html) is not said
    assert ('"type":"area"' in html) is not said
    assert {point["title"] for point in drawn(html, "Decision curves")} >= {TITLE, "Treat all"}
