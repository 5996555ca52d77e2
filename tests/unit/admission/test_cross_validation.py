"""The files of the published five-fold code, of patients out of fold."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from mimicflow.admission.cross_validation import write_cross_validation, write_fold
from mimicflow.admission.published import HISTORY
from mimicflow.evaluation.study import Study


@pytest.fixture
def pooled(tmp_path):
    generator = np.random.default_rng(0)
    n = 120
    label = np.arange(n) % 2
    frame = pd.DataFrame({"stay_id": np.arange(n), "subject_id": np.arange(n), "label": label})
    frame = frame.assign(fold=np.arange(n) // 4 % 3, split="test")
    frame["probability"] = 0.3 * label + 0.7 * generator.random(n)
    inner = frame.assign(fold=(frame["fold"] + 1) % 3, split="validation", probability=label)
    pd.concat([frame, inner]).to_parquet(tmp_path / "pooled.parquet")
    return frame


def test_the_pooled_files_hold_folds_and_all_together(pooled, tmp_path):
    names = {"summary": "s.csv", "predictions": "p.csv", "curves": "c.npz", "roc": "r", "prc": "q"}
    outputs = {name: tmp_path / file for name, file in names.items()}

    study = Study(synthetic=True)
    write_cross_validation("All stays", tmp_path / "pooled.parquet", outputs, study)

    summary = pd.read_csv(outputs["summary"]).set_index("metric")["value"]
    by_fold = [roc_auc_score(f["label"], f["probability"]) for _, f in pooled.groupby("fold")]
    assert summary["val_auc_mean"] == pytest.approx(np.mean(by_fold))
    assert summary["val_auc_std"] == pytest.approx(np.std(by_fold, ddof=1))
    expected = average_precision_score(pooled["label"], pooled["probability"])
    assert summary["pooled_ap"] == pytest.approx(expected)
    assert summary["n_samples"] == 120
    table = pd.read_csv(outputs["predictions"])
    assert list(table) == ["stay_id", "true_label", "pred_prob", "fold"]
    assert table["pred_prob"].tolist() == pytest.approx(pooled["probability"].tolist())
    with np.load(outputs["curves"], allow_pickle=False) as arrays:
        assert arrays["roc_auc"] == pytest.approx(summary["pooled_auc"])
    assert all(outputs[name].stat().st_size > 5000 for name in ("roc", "prc"))


def test_sizes_of_real_patients_are_known_to_tens(pooled, tmp_path, texts):
    """So are those of the model of another subset, which may differ by a few."""
    rows = pd.read_parquet(tmp_path / "pooled.parquet")
    rows[~rows["stay_id"].isin([1, 2, 3])].to_parquet(tmp_path / "pooled.parquet")
    outputs = {name: tmp_path / name for name in ("summary", "predictions", "roc", "prc")}
    outputs["curves"] = tmp_path / "c.npz"

    write_cross_validation("All stays", tmp_path / "pooled.parquet", outputs, Study())

    summary = pd.read_csv(outputs["summary"]).set_index("metric")["value"]
    assert summary["n_samples"] == 120
    assert (summary == summary.round(3)).all()
    assert any("n ≈ 120, 60 events" in text for text in texts)


def test_a_fold_has_its_weights_history_and_figure(tmp_path):
    (tmp_path / "model.pth").write_bytes(b"weights")
    history = pd.DataFrame([[1, 0.7, 0.7, 0.6, 0.6, 0.5, True]], columns=HISTORY)
    history.to_csv(tmp_path / "history.csv", index=False)
    outputs = {name: tmp_path / f"out_{name}" for name in ("checkpoint", "metrics", "loss")}

    write_fold("Fold 1", tmp_path / "model.pth", tmp_path / "history.csv", outputs, Study())

    assert outputs["checkpoint"].read_bytes() == b"weights"
    pd.testing.assert_frame_equal(pd.read_csv(outputs["metrics"]), history)
    assert outputs["loss"].stat().st_size > 5000
