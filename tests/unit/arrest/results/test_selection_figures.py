"""The figure of the rounds of Boruta says what the tables say."""

from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.axes import Axes

from mimicflow.arrest.results.selection_figures import draw_selection
from mimicflow.errors import InputError
from mimicflow.evaluation.study import Study

SELECTED = pd.DataFrame(
    {
        "feature": ["HTI", "TINN", "GI"],
        "hits": [4, 2, 0],
        "rounds": [4, 4, 2],
        "decision": ["accepted", "tentative", "rejected"],
    }
)
IMPORTANCE = {"HTI": [9, 8, 9, 8], "TINN": [1, 6, 1, 6], "GI": [0, 1]}


def write(folder, selected=SELECTED):
    rounds = [
        {"round": place, "feature": feature, "importance": value, "shadow": 5}
        for feature, values in IMPORTANCE.items()
        for place, value in enumerate(values, start=1)
    ]
    paths = [folder / "selected.csv", folder / "rounds.csv", folder / "selection.png"]
    selected.to_csv(paths[0], index=False)
    pd.DataFrame(rounds).to_csv(paths[1], index=False)
    return paths


def test_features_stand_in_order_with_their_rounds_and_decisions(tmp_path, monkeypatch, texts):
    boxes = {}
    boxplot = Axes.boxplot

    def gather(axes, values, **options):
        boxes.update(zip(options["positions"], map(list, values), strict=True))
        return boxplot(axes, values, **options)

    monkeypatch.setattr(Axes, "boxplot", gather)
    draw_selection(*write(tmp_path), Study(synthetic=True), model="hrv")

    assert boxes == dict(enumerate(IMPORTANCE.values()))
    names = list(dict.fromkeys(text for text in texts if text in IMPORTANCE))
    assert names == ["HTI", "TINN", "GI"]
    assert {"4 of 4", "2 of 4", "0 of 2"} <= set(texts)
    assert {"accepted (1)", "tentative (1)", "rejected (1)", "best shadow, all rounds"} <= set(
        texts
    )
    assert "Heart-rate variability: 3 features in 4 rounds of Boruta" in texts
    assert "SYNTHETIC DATA – not patients" in texts


def test_of_many_features_the_leading_ones_are_drawn(tmp_path, texts):
    many = pd.concat([SELECTED.head(1).assign(feature=f"f{n}") for n in range(60)])
    paths = write(tmp_path, many)
    rounds = [(1, f"f{n}", 0.5, 0.1) for n in range(60)]
    pd.DataFrame(rounds, columns=["round", "feature", "importance", "shadow"]).to_csv(
        paths[1], index=False
    )
    draw_selection(*paths, Study(), model="hrv")

    assert any("50 of 60 features" in text for text in texts)
    assert "f49" in texts and "f50" not in texts


def test_a_table_without_its_columns_stops(tmp_path):
    paths = write(tmp_path, SELECTED.drop(columns="hits"))
    with pytest.raises(InputError, match=r"selected\.csv: columns missing: hits"):
        draw_selection(*paths, Study(), model="hrv")
    assert not paths[2].exists()
