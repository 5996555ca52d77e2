"""Net benefit of all models, and of treating all or nobody."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_predictions import TITLES, table, write

from mimicflow.errors import ConfigError
from mimicflow.evaluation.decisions import weigh_decisions
from mimicflow.evaluation.study import Study

GRID = np.arange(1, 100) / 100


@pytest.fixture
def inputs(tmp_path):
    tables = {"a": table(300), "b": table(300, 3, seed=0), "c": table(200, seed=2)}
    tables = {name: frame[frame["split"] == "test"] for name, frame in tables.items()}
    return {
        "predictions": write(tmp_path, tables),
        "subsets": {"a": "multi", "b": "all", "c": "multi"},
    }


def test_the_table_of_all_models(inputs, tmp_path):
    csv = tmp_path / "decision.csv"
    weigh_decisions(
        **inputs,
        decision=csv,
        figure=tmp_path / "d.png",
        study=Study(synthetic=True, titles=TITLES),
        thresholds=GRID,
    )
    found = pd.read_csv(csv)
    columns = ["model", "title", "stays", "threshold", "net_benefit", "low", "high"]
    assert list(found.columns) == columns
    models = found[["model", "title", "stays"]].drop_duplicates().to_numpy().tolist()
    assert models == [
        ["b", "Model B", "all"],
        ["treat_all", "Treat all", "all"],
        ["treat_none", "Treat none", "all"],
        ["a", "Model A", "multi"],
        ["c", "c", "multi"],
        ["treat_all", "Treat all", "multi"],
        ["treat_none", "Treat none", "multi"],
    ]
    assert len(found) == 7 * len(GRID)
    assert (found["low"] <= found["net_benefit"] + 1e-9).mean() > 0.99
    none = found[found["model"] == "treat_none"]
    assert (none[["net_benefit", "low", "high"]] == 0).all(axis=None)
    b = pd.read_parquet(inputs["predictions"]["b"])
    everyone = found[(found["model"] == "treat_all") & (found["stays"] == "all")]
    share = b["label"].mean()
    expected = share - (1 - share) * GRID / (1 - GRID)
    assert everyone["net_benefit"].tolist() == pytest.approx(expected)
    # Calibrated predictions are worth at least as much as treating all or nobody.
    best = np.maximum(expected, 0)
    assert (found[found["model"] == "b"]["net_benefit"].to_numpy() - best).mean() > 0


def test_the_interval_is_that_of_patients(inputs, tmp_path):
    frame = pd.read_parquet(inputs["predictions"]["b"])
    twice = pd.concat([frame, frame.assign(stay_id=frame["stay_id"] + 1000)])
    inputs["predictions"] |= write(tmp_path, {"b": twice})
    widths = []
    for _ in range(2):
        weigh_decisions(
            **inputs, decision=tmp_path / "d.csv", figure=tmp_path / "d.png", thresholds=[0.3],
            study=Study(synthetic=True),
        )  # fmt: skip
        row = pd.read_csv(tmp_path / "d.csv").iloc[0]
        widths.append(row["high"] - row["low"])
        inputs["predictions"] |= write(tmp_path, {"b": frame})
    assert widths[0] == pytest.approx(widths[1])  # copies of a patient's stays say nothing new


@pytest.mark.parametrize("thresholds", [[], [0.0, 0.5], [0.5, 1.0], [float("nan")]])
def test_unusable_thresholds_are_refused(inputs, tmp_path, thresholds):
    with pytest.raises(ConfigError, match="between 0 and 1"):
        weigh_decisions(
            **inputs,
            decision=tmp_path / "d",
            figure=tmp_path / "f",
            study=Study(),
            thresholds=thresholds,
        )


def test_a_model_without_a_subset_is_refused(inputs, tmp_path):
    inputs["subsets"].pop("c")
    with pytest.raises(ConfigError, match="no subset of stays given for c"):
        weigh_decisions(
            **inputs,
            decision=tmp_path / "d",
            figure=tmp_path / "f",
            study=Study(),
            thresholds=[0.5],
        )


def test_of_few_real_patients_no_threshold_is_weighed_and_the_figure_says_nothing(tmp_path):
    few = table(16)[lambda rows: rows["split"] == "test"]
    weigh_decisions(
        write(tmp_path, {"a": few}),
        {"a": "all"},
        decision=tmp_path / "decision.csv",
        figure=tmp_path / "decision.png",
        study=Study(),
        thresholds=GRID,
    )
    found = pd.read_csv(tmp_path / "decision.csv")
    assert len(found) == 3 * len(GRID)
    assert found.loc[found["model"] == "a", ["net_benefit", "low", "high"]].isna().all(axis=None)
    assert (tmp_path / "decision.png").exists()
