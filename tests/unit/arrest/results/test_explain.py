"""SHAP values of a model of trees on held-out epochs."""

from __future__ import annotations

import json
from dataclasses import replace

import lightgbm
import made_arrest_predictions as made
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from scipy.stats import spearmanr

from mimicflow.arrest.results.explain import (
    COLUMNS,
    DEPENDENCE,
    dependence,
    explain_arrest_model,
    rank_features,
    shap_values,
)
from mimicflow.arrest.results.explain_figures import within_reach
from mimicflow.errors import CheckpointError, ConfigError, InputError
from mimicflow.evaluation.study import Study
from mimicflow.hrv.preprocessing import Preprocessing

MADE = Study(synthetic=True)


class Files:
    def __init__(self, folder):
        self.table = made.features(stays=60, events=24, per_stay=20)
        self.features = made.write(folder, {"features": self.table})["features"]
        train = self.table[self.table["split"] == "train"]
        options = {"objective": "binary", "num_leaves": 6, "num_threads": 1, "verbose": -1}
        data = lightgbm.Dataset(train[made.MEASURES], train["label"])
        self.booster = lightgbm.train(options, data, 40)
        self.folder = folder / "hrv"
        self.folder.mkdir()
        self.booster.save_model(self.folder / "model.txt")
        calibration = {"a": 1.0, "b": 1.0, "c": 0.0, "method": "beta", "n": 1, "events": 1}
        (self.folder / "calibration.json").write_text(json.dumps(calibration))
        model = {
            "kind": "hrv",
            "features": made.MEASURES,
            "rounds": 40,
            "epoch_minutes": 5,
            "preprocessing": Preprocessing().as_options(),
            "horizon_h": [0.5, 24],
            "threshold": {"specificity_0.8": 0.1},
            "synthetic": True,
            "mimicflow": "0",
        }  # fmt: skip
        (self.folder / "model.json").write_text(json.dumps(model))
        self.outputs = {
            "shap": folder / "shap.csv",
            "dependence": folder / "dependence.csv",
            "ranking_figure": folder / "shap.png",
            "dots_figure": folder / "shap_dots.png",
            "dependence_figure": folder / "dependence.png",
        }

    def explain(self, study=MADE, **more):
        explain_arrest_model(self.features, self.folder, self.outputs, study, **more)
        return pd.read_csv(self.outputs["shap"]), pd.read_csv(self.outputs["dependence"])


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def test_values_sum_to_the_margin(files):
    values = files.table[made.MEASURES].to_numpy()
    assert np.isnan(values).any()
    found = shap_values(files.booster, values)
    assert found.shape == (len(values), len(made.MEASURES) + 1)
    margin = files.booster.predict(values, raw_score=True)
    np.testing.assert_allclose(found.sum(axis=1), margin, atol=1e-9)
    assert np.ptp(margin) > 1


def test_ranking_on_test_epochs_alone(files, texts):
    table, _ = files.explain()
    assert list(table.columns) == COLUMNS
    test = files.table[files.table["split"] == "test"]
    shap = files.booster.predict(test[made.MEASURES], pred_contrib=True)[:, :-1]
    expected = pd.Series(np.abs(shap).mean(axis=0), made.MEASURES).sort_values(ascending=False)
    assert table["feature"].to_list() == expected.index.to_list()
    assert table["mean_abs_shap"].to_list() == pytest.approx(expected.to_list())
    assert (table["lower"] < table["mean_abs_shap"]).all()
    assert (table["upper"] > table["mean_abs_shap"]).all()
    assert set(table["n"]) == {len(test)}
    found = table.set_index("feature")
    assert found.loc[["TINN", "HTI", "IALS"], "published_rank"].to_list() == [1, 2, 3]
    assert np.isnan(found.at["GI", "published_rank"])
    assert found.at["HTI", "direction"] < 0 < found.at["IALS", "direction"]
    place = made.MEASURES.index("HTI")
    assert found.at["HTI", "direction"] == pytest.approx(spearmanr(test["HTI"], shap[:, place])[0])
    assert found.at["LF", "known_share"] == pytest.approx(test["LF"].notna().mean())
    assert found.at["TINN", "unit"] == "ms"
    assert "HTI  (published: 2)" in texts
    assert "SYNTHETIC DATA – not patients" in texts


def test_interval_is_by_patient():
    # Epochs of a patient are copies: twice as many say nothing more.
    shap = np.repeat([[-4.0], [1.0], [2.0], [3.0], [2.0], [1.5]], 2, axis=0)
    epochs = pd.DataFrame({"subject_id": np.repeat(list("abcdef"), 2), "x": np.arange(12.0)})
    rows = [rank_features(epochs[::step], ["x"], shap[::step], Study()).loc[0] for step in (1, 2)]
    ends = ["mean_abs_shap", "lower", "upper"]
    assert rows[0][ends].to_list() == pytest.approx(rows[1][ends].to_list())
    assert rows[0]["lower"] < rows[0]["mean_abs_shap"] < rows[0]["upper"]


def test_dependence_by_bin():
    value = np.r_[np.arange(40.0), np.nan, np.nan]
    shap = np.r_[np.arange(40.0) * 2, 7.0, 9.0]
    patient = np.r_[np.arange(40) // 2 % 5, 0, 1]
    table = dependence(value, shap, patient).set_index("bin")
    assert table.loc[0, "shap"] == 8
    assert len(table) == 21
    assert table.loc[3, ["n", "value", "value_low", "value_high", "shap"]].to_list() == [
        2, 4.5, 4, 5, 9,
    ]  # fmt: skip
    assert table.loc[3, "shap_q90"] == pytest.approx(8 + 0.9 * 2)
    assert dependence(value, shap, patient, smallest=2)["bin"].to_list() == [0]
    assert dependence(value[:40], shap[:40], patient[:40])["bin"].min() == 1


def test_dependence_table_and_real_bins(files, texts):
    _, bins = files.explain(top=2)
    assert list(bins.columns) == DEPENDENCE
    assert bins["feature"].nunique() == 2
    table, bins = files.explain(top=8, study=Study())
    assert (bins["patients"] >= 10).all()
    assert bins[["value_low", "value_high"]].isna().all(axis=None)
    assert table["events"].notna().all()
    table, bins = files.explain(top=2, study=Study(smallest=100))
    assert bins.empty
    assert table["events"].isna().all()
    assert "too few patients\nto be shown" in texts


@pytest.fixture
def dots(monkeypatch):
    """The places of the dots of each feature that a figure draws, the first feature last."""
    drawn = []
    scatter = Axes.scatter

    def gather(axes, x, y, *arguments, **options):
        drawn.append(np.asarray(x))
        return scatter(axes, x, y, *arguments, **options)

    monkeypatch.setattr(Axes, "scatter", gather)
    return drawn


def test_every_epoch_is_a_dot_of_each_feature(files, dots):
    np.random.seed(3)
    files.explain()
    first, after = files.outputs["dots_figure"].read_bytes(), np.random.random()
    test = files.table[files.table["split"] == "test"]
    # Those of which the value is known, and grey those of which it is not.
    of_feature = [np.r_[known, other] for known, other in zip(dots[::2], dots[1::2], strict=True)]
    shap = files.booster.predict(test[made.MEASURES], pred_contrib=True)[:, :-1]
    order = np.argsort(np.abs(shap).mean(axis=0))
    assert len(of_feature) == len(made.MEASURES)
    for places, feature in zip(of_feature, order, strict=True):
        assert np.sort(places) == pytest.approx(np.sort(shap[:, feature]))
    np.random.seed(4)
    files.explain()
    assert files.outputs["dots_figure"].read_bytes() == first
    np.random.seed(3)
    assert np.random.random() == after  # the generator of others is left as it was


def test_a_dot_lies_no_further_out_than_some_patients_reach():
    patient = np.repeat(np.arange(6), 2)
    values = np.c_[np.arange(12.0), np.r_[np.zeros(11), 50.0]]
    found = within_reach(values, patient, 3)
    # The lowest of each patient: 0, 2, 4, …; the highest: 1, 3, 5, …, 11.
    assert [found[:, 0].min(), found[:, 0].max()] == [4, 7]
    assert found[:, 1].max() == 0  # one patient alone
    for place in (found[:, 0].min(), found[:, 0].max()):
        assert len(set(patient[found[:, 0] == place])) >= 3
    assert within_reach(values, patient, 0) is values


def test_of_few_real_patients_no_dot_is_drawn(files, dots, texts):
    files.explain(study=Study())
    assert dots
    dots.clear()
    n = files.table.loc[files.table["split"] == "test", "subject_id"].nunique()
    files.explain(study=Study(smallest=n // 2 + 1))
    assert not dots
    assert "too few patients\nto be shown" in texts


def test_many_epochs_are_drawn_by_the_seed(files):
    first, _ = files.explain(rows=100)
    assert set(first["n"]) == {100}
    again, _ = files.explain(rows=100)
    pd.testing.assert_frame_equal(first, again)
    other, _ = files.explain(rows=100, study=replace(MADE, seed=1))
    assert not first["mean_abs_shap"].equals(other["mean_abs_shap"])


def test_files_that_do_not_fit(files):
    frame = pd.read_parquet(files.features)
    frame.drop(columns="GI").to_parquet(files.features)
    with pytest.raises(InputError, match=r"features\.parquet: cannot be read, or lacks one of"):
        files.explain()
    frame[frame["split"] == "train"].to_parquet(files.features)
    with pytest.raises(InputError, match="no test epochs"):
        files.explain()
    (files.folder / "model.txt").unlink()
    with pytest.raises(CheckpointError):
        files.explain()
    files.outputs.pop("shap")
    with pytest.raises(ConfigError, match="dependence_figure"):
        files.explain()
