"""The files of the first release, under their names, of test patients."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from mimicflow.admission.published import CONFUSION, HISTORY, combine_performance, write_performance
from mimicflow.errors import ConfigError, InputError
from mimicflow.evaluation.study import Study

QUICK = Study()


@pytest.fixture
def run(tmp_path) -> dict[str, object]:
    """What training leaves behind; the validation rows would give a perfect score."""
    generator = np.random.default_rng(0)
    n = 90
    label = np.arange(n) % 2
    split = np.where(np.arange(n) < 30, "validation", "test")
    noisy = 0.3 * label + 0.7 * generator.random(n)
    pd.DataFrame(
        {
            "stay_id": np.arange(n),
            "subject_id": np.arange(n),
            "split": split,
            "label": label,
            "probability": np.where(split == "test", noisy, label),
        }
    ).to_parquet(tmp_path / "predictions.parquet")
    history = pd.DataFrame([[1, 0.7, 0.7, 0.6, 0.6, 0.5, True]], columns=HISTORY)
    history.assign(seconds=3)[["seconds", *HISTORY]].to_csv(tmp_path / "history.csv", index=False)
    confusion = pd.DataFrame([[1, 5, 5, 5, 5, 0.5, 0.5, 0.5, 0.6, 0.5]], columns=CONFUSION)
    confusion.to_csv(tmp_path / "confusion.csv", index=False)
    (tmp_path / "model.pth").write_bytes(b"weights")
    return {
        "name": "All stays, ECG only",
        "predictions": tmp_path / "predictions.parquet",
        "history": tmp_path / "history.csv",
        "confusion": tmp_path / "confusion.csv",
        "checkpoint": tmp_path / "model.pth",
    }


@pytest.mark.parametrize(
    ("style", "names", "areas"),
    [
        ("ecg_only", {"fpr", "tpr", "prec", "rec", "auc", "ap"}, ("auc", "ap")),
        ("multimodal", {"fpr", "tpr", "prec", "rec", "roc_auc", "pr_auc"}, ("roc_auc", "pr_auc")),
    ],
)
def test_curves_have_the_published_names_and_are_of_test_patients(
    run, tmp_path, style, names, areas
):
    write_performance(style, **run, outputs={"curves": tmp_path / "c.npz"}, study=Study())
    test = pd.read_parquet(run["predictions"]).query("split == 'test'")
    with np.load(tmp_path / "c.npz", allow_pickle=False) as arrays:
        assert set(arrays) == names
        assert all(arrays[name].dtype == np.float64 for name in names)
        assert arrays[areas[0]] == pytest.approx(roc_auc_score(test.label, test.probability))
        assert arrays[areas[1]] == pytest.approx(
            average_precision_score(test.label, test.probability)
        )
        fpr, tpr, _ = roc_curve(test.label, test.probability)
        np.testing.assert_array_equal(arrays["fpr"], fpr)
        np.testing.assert_array_equal(arrays["tpr"], tpr)
        assert arrays["rec"][0] == 1.0
        assert arrays["prec"][-1] == 1.0


def test_all_files_of_a_model(run, tmp_path):
    outputs = {
        "checkpoint": "all_stays_best.pth",
        "curves": "all_stays_roc_prc.npz",
        "final_curves": "all_stays_ECGonly_ROCPRC.npz",
        "loss": "all_stays_loss.png",
        "metrics": "all_stays_metrics.csv",
        "confusion": "all_stays_confusion.csv",
        "confusion_figure": "confusion.png",
        "roc": "roc.png",
        "prc": "prc.png",
    }
    folder = tmp_path / "performance"
    paths = {key: folder / name for key, name in outputs.items()}
    write_performance("ecg_only", **run, outputs=paths, study=Study(synthetic=True))
    assert {path.name for path in folder.iterdir()} == set(outputs.values())
    assert paths["checkpoint"].read_bytes() == b"weights"
    assert pd.read_csv(paths["metrics"]).columns.tolist() == HISTORY
    assert pd.read_csv(paths["confusion"]).columns.tolist() == CONFUSION
    assert paths["curves"].read_bytes() == paths["final_curves"].read_bytes()
    assert paths["roc"].read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("positive", "classes"),
    [("ADMITTED", ("Home", "Admitted")), ("HOME", ("Admitted", "Home"))],
)
def test_the_confusion_figure_names_what_the_label_stands_for(
    run, tmp_path, monkeypatch, positive, classes
):
    drawn = {}
    monkeypatch.setattr(
        "mimicflow.admission.published.draw_confusion", lambda *a, **style: drawn.update(style)
    )
    outputs = {"confusion_figure": tmp_path / "c.png"}
    write_performance("ecg_only", **run, outputs=outputs, study=QUICK, positive_class=positive)
    assert drawn["classes"] == classes


def test_the_combined_files(run, tmp_path):
    paths = {
        "curves": tmp_path / "combined_roc_prc_data.npz",
        "final_curves": tmp_path / "All_features_ROCPRC_data.npz",
        "roc": tmp_path / "combined_roc.png",
        "prc": tmp_path / "combined_prc.png",
    }
    both = pd.read_parquet(run["predictions"])
    both[both["stay_id"] >= 60].to_parquet(tmp_path / "multi.parquet")
    combine_performance(run["predictions"], tmp_path / "multi.parquet", paths, Study())
    with np.load(paths["curves"], allow_pickle=False) as arrays:
        parts = ("fpr", "tpr", "auc", "prec", "rec", "pr")
        assert set(arrays) == {f"{which}_{part}" for which in ("multi", "all") for part in parts}
        multi, test = both.query("stay_id >= 60"), both.query("split == 'test'")
        assert arrays["multi_auc"] == pytest.approx(roc_auc_score(multi.label, multi.probability))
        assert arrays["all_auc"] == pytest.approx(roc_auc_score(test.label, test.probability))
        assert arrays["all_auc"] != arrays["multi_auc"]
        assert arrays["all_pr"] == pytest.approx(
            average_precision_score(test.label, test.probability)
        )
    assert all(path.stat().st_size for path in paths.values())


def test_what_is_unknown_or_incomplete_is_named(run, tmp_path):
    with pytest.raises(ConfigError, match="unknown style 'other'"):
        write_performance("other", **run, outputs={}, study=QUICK)
    with pytest.raises(ConfigError, match="unknown output plot"):
        write_performance("ecg_only", **run, outputs={"plot": tmp_path / "x.png"}, study=QUICK)
    with pytest.raises(ConfigError, match="unknown output loss"):
        combine_performance(run["predictions"], run["predictions"], {"loss": "x.png"}, QUICK)
    pd.read_csv(run["history"]).drop(columns="val_ap").to_csv(run["history"], index=False)
    with pytest.raises(InputError, match="columns missing: val_ap"):
        write_performance("ecg_only", **run, outputs={}, study=QUICK)
