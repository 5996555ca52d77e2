"""Net benefit by hand, against dcurves, and the table of all models."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from dcurves import dca
from made_predictions import draw, table, write, write_titles

from mimicflow.errors import ConfigError
from mimicflow.evaluation.statistics.decision import net_benefit, probability_grid, weigh_decisions

GRID = np.arange(1, 100) / 100


def test_net_benefit_by_hand():
    label = np.array([1, 1, 0, 1, 0])
    probability = np.array([0.9, 0.6, 0.5, 0.2, 0.1])
    # At 0.5: 2 true and 1 false positive of 5, odds 1. At 0.2: 3 and 1, odds 1/4.
    found = net_benefit(label, probability, np.array([0.5, 0.2, 0.95]))
    assert found.tolist() == pytest.approx([1 / 5, 3 / 5 - 1 / 5 / 4, 0])


@pytest.mark.parametrize("digits", [1, 6])  # with and without ties, also with the thresholds
def test_net_benefit_equals_dcurves(digits):
    label, probability = draw(3000)
    frame = pd.DataFrame({"label": label, "model": probability.round(digits)})
    theirs = dca(data=frame, outcome="label", modelnames=["model"], thresholds=GRID)
    for model, column in (("model", frame["model"]), ("all", 1.0), ("none", 0.0)):
        ours = net_benefit(label, np.broadcast_to(column, 3000), GRID)
        expected = theirs[theirs["model"] == model]["net_benefit"]
        assert ours == pytest.approx(expected.to_numpy(), abs=1e-12)


def test_a_weight_is_a_number_of_copies():
    label, probability = draw(50)
    weights = np.random.default_rng(0).integers(0, 3, (4, 50))
    found = net_benefit(label, probability, GRID, weights)
    for row, weight in zip(found, weights, strict=True):
        copies = net_benefit(label.repeat(weight), probability.repeat(weight), GRID)
        assert row == pytest.approx(copies)


@pytest.fixture
def inputs(tmp_path):
    tables = {"a": table(300), "b": table(300, 3, seed=0), "c": table(200, seed=2)}
    tables = {name: frame[frame["split"] == "test"] for name, frame in tables.items()}
    return {
        "predictions": write(tmp_path, tables),
        "subsets": {"a": "multi", "b": "all", "c": "multi"},
        "published_scores": write_titles(tmp_path),
    }


def test_the_table_of_all_models(inputs, tmp_path):
    csv = tmp_path / "decision.csv"
    weigh_decisions(
        **inputs, output=csv, figure=tmp_path / "d.png", thresholds=GRID, draws=100, synthetic=True
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
            **inputs, output=tmp_path / "d.csv", figure=tmp_path / "d.png", thresholds=[0.3],
            draws=200, synthetic=True,
        )  # fmt: skip
        row = pd.read_csv(tmp_path / "d.csv").iloc[0]
        widths.append(row["high"] - row["low"])
        inputs["predictions"] |= write(tmp_path, {"b": frame})
    assert widths[0] == pytest.approx(widths[1])  # copies of a patient's stays say nothing new


@pytest.mark.parametrize("thresholds", [[], [0.0, 0.5], [0.5, 1.0], [float("nan")]])
def test_unusable_thresholds_are_refused(inputs, tmp_path, thresholds):
    with pytest.raises(ConfigError, match="between 0 and 1"):
        weigh_decisions(
            **inputs, output=tmp_path / "d", figure=tmp_path / "f", thresholds=thresholds
        )


def test_a_model_without_a_subset_is_refused(inputs, tmp_path):
    inputs["subsets"].pop("c")
    with pytest.raises(ConfigError, match="no subset of stays given for c"):
        weigh_decisions(**inputs, output=tmp_path / "d", figure=tmp_path / "f", thresholds=[0.5])


def test_the_grid_of_probabilities_has_plain_numbers():
    assert probability_grid(0.1, 0.5, 0.1) == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert probability_grid(0.02, 0.9, 0.02)[-1] == 0.9
    assert probability_grid(0.1, 0.25, 0.1) == [0.1, 0.2]
