"""Bars of attributions are comparable between models, and nothing is called nothing."""

import json
import re
from pathlib import Path

import pandas as pd

from mimicflow.evaluation.study import Study
from mimicflow.report import SharedFiles, SystemFiles, build_report


def test_attributions_share_one_scale_and_say_where_they_are_nothing(results: Path, tmp_path: Path):
    frame = pd.read_csv(results / "admission/explanations/attributions.csv")
    nothing = frame["model"] == "multiple_ECG_stays_model"
    frame.loc[nothing, "mean_abs"] /= 1000
    frame.to_csv(tmp_path / "attributions.csv", index=False)
    systems = {"admission": SystemFiles(attributions=tmp_path / "attributions.csv")}
    build_report("T", systems, SharedFiles(), tmp_path / "page.html", Study(synthetic=True))

    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "next to nothing: no feature moves the log odds by 0.01 on average" in html
    [spec] = json.loads(re.search(r'id="specifications">(.*?)</script>', html).group(1)).values()
    bars = next(layer for layer in spec["layer"] if layer["mark"]["type"] == "bar")
    assert bars["encoding"]["x"]["scale"]["domain"] == [0, frame["mean_abs"].max()]
