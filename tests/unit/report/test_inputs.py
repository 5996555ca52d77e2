from pathlib import Path

import pytest

from mimicflow.errors import InputError
from mimicflow.report.inputs import label, read_table, reference, sort_files


def test_files_are_known_by_their_place():
    names = ["cohort/flow.svg", "admission/nested/scores.csv", "admission/nested/folds.csv"]
    names += [
        "admission/explanations/importance.csv",
        "admission/explanations/ecg_true_positive.png",
    ]
    names += ["mortality/single/scores.csv", "manifest.json", "ecg/excluded.csv", "run.json"]
    systems, shared = sort_files([f"results/{name}" for name in names])
    root = Path("results")
    assert list(systems) == ["admission", "mortality"]
    assert systems["admission"].flow == root / "cohort/flow.svg"
    assert systems["admission"].protocols["nested"].scores == root / "admission/nested/scores.csv"
    assert systems["admission"].protocols["nested"].folds == root / "admission/nested/folds.csv"
    assert systems["admission"].importance == root / "admission/explanations/importance.csv"
    assert [path.name for path in systems["admission"].ecgs] == ["ecg_true_positive.png"]
    assert systems["admission"].table_one is None
    assert shared.manifest == root / "manifest.json"
    assert shared.excluded == root / "ecg/excluded.csv"


@pytest.mark.parametrize(
    "path",
    [
        "elsewhere/manifest.json",
        "results/sepsis/nested/scores.csv",
        "results/admission/other/scores.csv",
        "results/admission/nested/predictions.parquet",
        "results/admission/nested/reliability.png",
        "results/admission/explanations/ecg_other.png",
        "results/ecg/flow.svg",
    ],
)
def test_a_file_without_a_place_is_refused(path: str):
    with pytest.raises(InputError, match="does not know what this file is"):
        sort_files([path])


def test_an_unlisted_key_keeps_its_own_words():
    assert label("score", "auroc") == "AUROC"
    assert label("score", "net_benefit") == "net benefit"


def test_only_an_empty_cell_is_missing(tmp_path: Path):
    (tmp_path / "a.csv").write_text("level,n\nNone,1\n,2\n")
    assert read_table(tmp_path / "a.csv")["level"].fillna("-").tolist() == ["None", "-"]


def test_every_system_says_what_it_predicts_for_whom_and_when():
    needed = reference("systems")[["title", "question", "who", "prediction_time", "positive_class"]]
    assert (needed != "").all(axis=None)
    assert set(reference("protocols")["optimistic"]) == {"yes", "no"}
