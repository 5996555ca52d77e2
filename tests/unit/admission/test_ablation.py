"""Ablation: paired differences, the same stays, a table and a forest."""

from __future__ import annotations

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from mimicflow.admission.ablation import COLUMNS, ablate_branches
from mimicflow.evaluation.predictions import PredictionsError
from mimicflow.evaluation.study import Study

N = 400
FEW = {"full": 0.0, "ecg": 2.0}


def predictions(path, noise, rows=slice(None)):
    generator = np.random.default_rng(0)
    risk = generator.normal(size=N)
    label = (risk + generator.normal(size=N) > 0).astype(int)
    blurred = risk + noise * np.random.default_rng(1).normal(size=N)
    frame = pd.DataFrame(
        {
            "stay_id": 100 + np.arange(N),
            "subject_id": np.arange(N) // 2,
            "split": "test",
            "label": label,
            "probability": 1 / (1 + np.exp(-blurred)),
        }
    )
    frame.iloc[rows].to_parquet(path)
    return path


@pytest.fixture
def tables(tmp_path):
    noises = {"full": 0.0, "ecg": 2.0, "vitals": 0.3, "static": 0.0}
    return {name: predictions(tmp_path / name, noise) for name, noise in noises.items()}


def run(folder, tables, **changes):
    tables = {**tables, **changes}
    full = tables.pop("full")
    ablate_branches(
        "all_stays_model", full, tables, folder / "ablation.csv", folder / "ablation.png",
        Study(synthetic=True, titles={"all_stays_model": "Everything"}),
    )  # fmt: skip
    return pd.read_csv(folder / "ablation.csv")


def test_values_and_differences(tmp_path, tables):
    table = run(tmp_path, tables)
    assert table.columns.tolist() == COLUMNS
    assert table["removed"].unique().tolist() == ["ecg", "vitals", "static"]
    full, without = (pd.read_parquet(tables[name]) for name in ("full", "ecg"))
    scored = {
        "auroc": roc_auc_score, "auprc": average_precision_score, "brier": brier_score_loss,
    }  # fmt: skip
    ecg = table[table["removed"] == "ecg"].set_index("score")
    for score, function in scored.items():
        expected = function(without["label"], without["probability"])
        whole = function(full["label"], full["probability"])
        row = ecg.loc[score]
        assert row["value"] == pytest.approx(expected)
        assert row["full_value"] == pytest.approx(whole)
        assert row["difference"] == pytest.approx(expected - whole)
        assert row["low"] < row["value"] < row["high"]
        assert row["difference_low"] < row["difference"] < row["difference_high"]
    assert ecg.loc["auroc", "difference_high"] < 0
    assert (table[["patients", "n", "events"]] == [N // 2, N, full["label"].sum()]).all(axis=None)


def test_differences_are_paired(tmp_path, tables):
    table = run(tmp_path, tables)
    same = table[table["removed"] == "static"]  # the very predictions of the whole model
    assert (same[["difference", "difference_low", "difference_high"]] == 0).all(axis=None)
    near = table[(table["removed"] == "vitals") & (table["score"] == "auroc")].iloc[0]
    paired = near["difference_high"] - near["difference_low"]
    assert paired < 0.5 * (near["high"] - near["low"])


def test_the_figure_is_wide_and_the_same_again(tmp_path, tables):
    run(tmp_path, tables)
    first = (tmp_path / "ablation.png").read_bytes()
    height, width, _ = matplotlib.image.imread(tmp_path / "ablation.png").shape
    assert width == 1800
    assert height > 600
    run(tmp_path, tables)
    assert (tmp_path / "ablation.png").read_bytes() == first


def test_of_few_patients_the_figure_says_that_there_is_no_interval(tmp_path, texts):
    few = {name: predictions(tmp_path / name, noise, slice(0, 6)) for name, noise in FEW.items()}
    run(tmp_path, few)
    written = " ".join(texts)
    assert "(no interval)" in written
    assert "nan" not in written


def test_other_stays_are_refused(tmp_path, tables):
    fewer = predictions(tmp_path / "fewer", 1.0, slice(0, 300))
    with pytest.raises(PredictionsError, match="300 and 400 rows, 300 of them"):
        run(tmp_path, tables, ecg=fewer)
    assert not (tmp_path / "ablation.csv").exists()
