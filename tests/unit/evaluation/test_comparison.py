"""The comparison table: one row per model, of test patients, beside the published scores."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from mimicflow.errors import ConfigError
from mimicflow.evaluation.comparison import compare_models
from mimicflow.evaluation.study import Study
from mimicflow.evaluation.titles import published_scores


def predictions(path, seed: int, n: int = 120) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "stay_id": np.arange(n),
            "subject_id": 1000 + np.arange(n) // 2,
            "split": np.where(np.arange(n) < n // 3, "validation", "test"),
            "label": np.arange(n) % 2,
        }
    )
    frame["probability"] = 0.4 * frame["label"] + 0.6 * generator.random(n)
    frame.to_parquet(path)
    return frame


def test_scores_of_test_patients_beside_the_published(tmp_path):
    models = {"multi_stays_ECGonly": "multi", "all_stays_model": "all", "mine": "all"}
    tables = {m: predictions(tmp_path / f"{m}.parquet", i) for i, m in enumerate(models)}
    paths = {m: tmp_path / f"{m}.parquet" for m in models}
    output, figure = tmp_path / "comparison.csv", tmp_path / "comparison.png"
    compare_models(paths, models, output, figure, Study(synthetic=True))

    table = pd.read_csv(output).set_index("model")
    assert table.index.tolist() == ["all_stays_model", "mine", "multi_stays_ECGonly"]
    row = table.loc["all_stays_model"]
    test = tables["all_stays_model"].query("split == 'test'")
    assert (row["n"], row["events"], row["patients"]) == (80, 40, 40)
    for column, score in (
        ("auroc", roc_auc_score),
        ("auprc", average_precision_score),
        ("brier", brier_score_loss),
    ):
        assert row[column] == pytest.approx(score(test["label"], test["probability"]))
        assert row[f"{column}_low"] < row[column] < row[f"{column}_high"]
    assert (row["published_auroc"], row["published_auprc"]) == (0.911, 0.889)
    assert (row["title"], row["data"]) == ("ECG, vital signs and static", "synthetic")
    assert table.loc["mine", "title"] == "mine"
    assert math.isnan(table.loc["mine", "published_auroc"])
    assert figure.stat().st_size > 0

    first = output.read_bytes(), figure.read_bytes()
    compare_models(paths, models, output, figure, Study(synthetic=True))
    assert first == (output.read_bytes(), figure.read_bytes())


def test_models_of_other_stays_side_by_side_are_pointed_out(tmp_path, caplog):
    predictions(tmp_path / "a.parquet", 0)
    predictions(tmp_path / "b.parquet", 0, n=90)
    paths = {"a": tmp_path / "a.parquet", "b": tmp_path / "b.parquet"}
    stays = {"a": "all", "b": "all"}
    compare_models(paths, stays, tmp_path / "c.csv", tmp_path / "c.png", Study())
    assert "not scored on the same stays" in caplog.text
    assert set(pd.read_csv(tmp_path / "c.csv")["data"]) == {"real"}


def test_a_model_without_its_subset(tmp_path):
    with pytest.raises(ConfigError, match="no subset of stays given for mine"):
        compare_models({"mine": "x"}, {}, tmp_path / "c.csv", tmp_path / "c.png", Study())


def test_the_published_scores_are_those_of_the_paper():
    scores = published_scores().dropna(subset="auroc")
    arrest = scores.loc[["hrv", "clinical"]]
    scores = scores.drop(arrest.index)
    assert arrest["auroc"].tolist() == [0.881, 0.735]
    assert scores["auroc"].tolist() == [0.852, 0.886, 0.911, 0.859, 0.911, 0.924]
    assert scores["auprc"].tolist() == [0.813, 0.849, 0.889, 0.794, 0.865, 0.889]
