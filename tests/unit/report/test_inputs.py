from pathlib import Path

import pytest

from mimicflow.errors import InputError
from mimicflow.report.inputs import label, read_table, sort_files, texts_of, words


def test_files_are_known_by_their_place():
    names = ["cohort/flow.csv", "admission/nested/scores.csv", "admission/nested/folds.csv"]
    names += [
        "admission/explanations/importance.csv",
        "admission/explanations/ecg_true_positive.png",
    ]
    names += ["mortality/single/scores.csv", "manifest.json", "ecg/excluded.csv", "run.json"]
    systems, shared = sort_files([f"results/{name}" for name in names])
    root = Path("results")
    assert list(systems) == ["admission", "mortality"]
    assert systems["admission"].flow == root / "cohort/flow.csv"
    assert systems["admission"].protocols["nested"].scores == root / "admission/nested/scores.csv"
    assert systems["admission"].protocols["nested"].folds == root / "admission/nested/folds.csv"
    assert systems["admission"].importance == root / "admission/explanations/importance.csv"
    assert [path.name for path in systems["admission"].ecgs] == ["ecg_true_positive.png"]
    assert systems["admission"].table_one is None
    assert shared.manifest == root / "manifest.json"
    assert shared.excluded == root / "ecg/excluded.csv"


def test_files_of_mortality_are_known_by_protocol_and_model():
    names = ["mortality/comparison.csv", "mortality/leak.csv", "mortality/manifest.json"]
    names += [f"mortality/audited/{name}.csv" for name in ("attrition", "visits", "neighbours")]
    names += ["mortality/audited/gru/history.csv", "mortality/audited/gru/confusion.csv"]
    names += ["mortality/published/lstm/classification_report.csv"]
    names += ["benchmarks/mortality/times.csv"]
    systems, shared = sort_files([f"results/{name}" for name in names])
    files, root = systems["mortality"], Path("results/mortality")
    assert (files.comparison, files.leak) == (root / "comparison.csv", root / "leak.csv")
    assert files.manifest == root / "manifest.json"
    assert files.times == Path("results/benchmarks/mortality/times.csv")
    assert shared.manifest is None
    assert files.protocols["audited"].visits == root / "audited/visits.csv"
    assert files.protocols["audited"].models["gru"].history == root / "audited/gru/history.csv"
    assert files.protocols["audited"].models["gru"].confusion == root / "audited/gru/confusion.csv"
    assert list(files.protocols["published"].models) == ["lstm"]


def test_files_of_arrest_are_known_by_model_without_a_protocol():
    names = ["attrition.csv", "exclusions.csv", "epochs.csv", "comparison.csv"]
    names += ["hrv_over_time.csv", "single/scores.csv", "clinical/shap.csv"]
    of_model = ["metrics", "alarms", "calibration", "shap", "selected_features"]
    names += [f"hrv/{name}.csv" for name in of_model]
    systems, _ = sort_files([f"results/arrest/{name}" for name in names])
    files, root = systems["arrest"], Path("results/arrest")
    for name in ("attrition", "exclusions", "epochs", "comparison", "hrv_over_time"):
        assert getattr(files, name) == root / f"{name}.csv"
    assert files.protocols["single"].scores == root / "single/scores.csv"
    for name in of_model:
        assert getattr(files.models["hrv"], name) == root / "hrv" / f"{name}.csv"
    assert files.models["clinical"].shap == root / "clinical/shap.csv"
    assert files.models["clinical"].alarms is None


@pytest.mark.parametrize(
    "path",
    [
        "elsewhere/manifest.json",
        "results/sepsis/nested/scores.csv",
        "results/admission/other/scores.csv",
        "results/admission/nested/predictions.parquet",
        "results/admission/nested/reliability.png",
        "results/admission/explanations/ecg_other.png",
        "results/ecg/flow.csv",
        # what only mortality has
        "results/admission/comparison.csv",
        "results/admission/manifest.json",
        "results/admission/nested/attrition.csv",
        "results/admission/nested/all_stays_model/history.csv",
        "results/mortality/audited/med2vec.kv",
        "results/mortality/audited/lstm/predictions.parquet",
        "results/mortality/audited/lstm/scores.csv",
        "results/mortality/other/lstm/history.csv",
        # what only arrest has, and where
        "results/mortality/epochs.csv",
        "results/mortality/audited/lstm/alarms.csv",
        "results/admission/lightgbm_all/shap.csv",
        "results/arrest/metrics.csv",
        "results/arrest/single/metrics.csv",
        "results/arrest/single/hrv/metrics.csv",
        "results/arrest/explanations/shap.csv",
        "results/arrest/hrv/predictions.parquet",
        "results/arrest/hrv/trials.csv",
        "results/arrest/hrv/history.csv",
        "results/arrest/hrv/shap.png",
        "results/arrest/leak.csv",
    ],
)
def test_a_file_without_a_place_is_refused(path: str):
    with pytest.raises(InputError, match="does not know what this file is"):
        sort_files([path])


def test_an_unlisted_key_keeps_its_own_words():
    assert label("score", "auroc") == "AUROC"
    assert label("score", "net_benefit") == "net benefit"


def test_a_system_has_words_of_its_own_or_those_of_all():
    own, shared = (words("protocols", "published", name) for name in ("mortality", "admission"))
    assert own["title"] == shared["title"] == "Published protocol"
    assert "visits after the prediction" in own["text"]
    assert shared["text"].startswith("Folds by patient")
    assert words("sections", "curves", "mortality")["title"] == "Discrimination"


def test_only_an_empty_cell_is_missing(tmp_path: Path):
    (tmp_path / "a.csv").write_text("level,n\nNone,1\n,2\n")
    assert read_table(tmp_path / "a.csv")["level"].fillna("-").tolist() == ["None", "-"]


def test_every_system_says_what_it_predicts_for_whom_and_when():
    needed = texts_of("systems")[["title", "question", "who", "prediction_time", "positive_class"]]
    assert (needed != "").all(axis=None)
    assert set(texts_of("protocols")["optimistic"]) == {"yes", "no"}
