"""The tables of calibration, before and after each correction."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_predictions import table, write, write_titles

from mimicflow.evaluation.calibration_table import SCORES, calibrate_models
from mimicflow.evaluation.statistics.bootstrap import bootstrap, interval
from mimicflow.evaluation.statistics.recalibration import recalibrate


@pytest.fixture
def run(tmp_path):
    def run(tables, **options):
        calibrate_models(
            write(tmp_path, tables),
            dict.fromkeys(tables, "all"),
            write_titles(tmp_path),
            tmp_path / "calibration.csv",
            tmp_path / "reliability.csv",
            tmp_path / "reliability.png",
            draws=60,
            seed=3,
            **options,
        )
        assert (tmp_path / "reliability.png").stat().st_size > 10_000
        return [pd.read_csv(tmp_path / f"{name}.csv") for name in ("calibration", "reliability")]

    return run


def test_every_score_before_and_after_each_correction(run, tmp_path):
    measured, bins = run({"a": table(600, 2, 1), "x": table(400)}, synthetic=True)
    names = ["model", "title", "recalibration"]
    assert list(measured.columns) == [*names, "score", "value", "low", "high"]
    counts = ["bin", "n", "events"]
    assert list(bins.columns) == [*names, *counts, "predicted", "observed", "low", "high"]
    for model, title in (("a", "Model A"), ("x", "x")):
        rows = measured[measured["model"] == model]
        assert set(rows["title"]) == {title}
        assert rows["score"].tolist() == [*SCORES] * 4
        methods = ["none", "temperature", "isotonic", "beta"]
        assert rows["recalibration"].drop_duplicates().tolist() == methods
    values = measured[measured["model"] == "a"].set_index(["recalibration", "score"])["value"]
    for score in ("brier", "log_loss", "ece", "ici"):
        assert values["beta", score] < values["none", score]
    assert abs(values["beta", "calibration_intercept"]) < 0.2
    assert values["none", "calibration_intercept"] < -0.5
    sizes = bins.groupby(["model", "recalibration"])["n"].sum()
    assert (sizes["a"] == 600).all() and (sizes["x"] == 400).all()


def test_intervals_are_by_patient_and_the_index_has_none(run, tmp_path):
    measured, _ = run({"a": table(600, 2, 1)}, synthetic=True)
    corrected = recalibrate(tmp_path / "a.parquet")
    drawn = bootstrap(corrected["label"], corrected["beta"], corrected["subject_id"], 60, 3)
    rows = measured[measured["recalibration"] == "beta"].set_index("score")
    for score in SCORES[:-1]:
        assert tuple(rows.loc[score, ["low", "high"]]) == pytest.approx(interval(drawn[score]))
    assert measured.loc[measured["score"] == "ici", ["low", "high"]].isna().all(axis=None)


def test_without_validation_patients_only_the_model_itself_is_shown(run):
    frame = table(200)
    measured, bins = run({"a": frame[frame["split"] == "test"]}, synthetic=True)
    assert set(measured["recalibration"]) == set(bins["recalibration"]) == {"none"}


def test_a_slope_that_is_not_defined_has_no_interval(run):
    frame = table(200)
    frame["probability"] = 0.4
    measured, bins = run({"a": frame[frame["split"] == "test"]}, synthetic=True)
    slope = measured[measured["score"] == "calibration_slope"]
    assert slope[["value", "low", "high"]].isna().all(axis=None)
    assert bins["bin"].tolist() == [1]


def test_bins_of_real_patients_are_never_small(run):
    frame = table(400, shift=-3)
    generator = np.random.default_rng(0)
    frame["label"] = (generator.random(len(frame)) < frame["probability"]).astype(int)
    frame = frame[frame["split"] == "test"]
    _, synthetic = run({"a": frame}, synthetic=True)
    _, real = run({"a": frame}, synthetic=False)
    assert synthetic["events"].min() < 10 <= real["events"].min()
    assert len(real) < len(synthetic) and real["n"].sum() == 400
