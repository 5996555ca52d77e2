"""Two runs side by side: paired where the same patients were tested, and said where not."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from html_pages import read_page
from made_results import write_report_files

from mimicflow.errors import ConfigError, InputError, StorageError
from mimicflow.report.changes import compare_runs

MODEL = "all_stays_model"


def predict(results: Path, shift: float, first: int = 0) -> None:
    """Write predictions of one model: a patient per stay, of whom a larger shift orders more."""
    draw = np.random.default_rng(1)
    label = np.arange(200) % 2
    probability = 1 / (1 + np.exp(-(shift * label + draw.normal(size=200))))
    frame = pd.DataFrame({"stay_id": np.arange(200) + first, "subject_id": np.arange(200) + first})
    frame = frame.assign(fold=0, split="test", label=label, probability=probability)
    folder = results / "admission/nested" / MODEL
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(folder / "predictions.parquet")


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    before = write_report_files(tmp_path / "before")
    after = tmp_path / "after/results"
    shutil.copytree(before, after)
    predict(before, 1.0)
    predict(after, 2.0)
    return before, after


def of_model(folder: Path) -> pd.DataFrame:
    table = pd.read_csv(folder / "changes.csv")
    own = table.query(f"system == 'admission' and protocol == 'nested' and model == '{MODEL}'")
    return own.set_index("score")


def test_the_same_patients_are_paired_and_the_others_are_not(runs, tmp_path: Path):
    said = compare_runs(*runs, tmp_path / "out")

    auroc = of_model(tmp_path / "out").loc["auroc"]
    assert auroc["paired"] and auroc["difference"] > 0
    assert auroc["difference_low"] < auroc["difference"] < auroc["difference_high"]
    table = pd.read_csv(tmp_path / "out/changes.csv")
    others = table[table["model"] != MODEL]
    assert not others["paired"].any() and others["difference_low"].isna().all()
    assert (others["difference"] == 0).all()  # the tables of scores are the same
    assert any("not paired" in line for line in said)
    page = read_page((tmp_path / "out/changes.html").read_text(encoding="utf-8"))
    assert page.all("h2")[0].text == "Hospital admission"
    assert "no: other patients, or no predictions" in page.text


def test_another_table_of_its_name_is_not_written_over(runs, tmp_path: Path):
    (tmp_path / "changes.csv").write_text("mine\n")

    with pytest.raises(ConfigError, match=r"changes\.csv is there, and is no table of this"):
        compare_runs(*runs, tmp_path)

    assert (tmp_path / "changes.csv").read_text() == "mine\n"
    for _ in "12":  # the second time over its own
        compare_runs(*runs, tmp_path / "out")
    with pytest.raises(StorageError, match="cannot be made a folder"):
        compare_runs(*runs, tmp_path / "changes.csv")


def test_other_patients_are_not_paired(runs, tmp_path: Path):
    predict(runs[1], 2.0, first=1)
    compare_runs(*runs, tmp_path / "out")

    auroc = of_model(tmp_path / "out").loc["auroc"]
    assert not auroc["paired"] and pd.isna(auroc["difference_low"])


def test_of_real_patients_unpaired_scores_are_rounded(runs, tmp_path: Path):
    for run in runs:
        for path in run.glob("*/*/scores.csv"):
            frame = pd.read_csv(path)
            frame.assign(data="real", value=frame["value"] + 1 / 7).to_csv(path, index=False)
    compare_runs(*runs, tmp_path / "out")

    table = pd.read_csv(tmp_path / "out/changes.csv")
    unpaired = table.loc[~table["paired"], "before_value"]
    assert np.allclose(unpaired, unpaired.round(3)) and set(table["data"]) == {"real"}
    assert not {"n", "patients", "events"} & set(table)


def test_what_only_one_run_has_is_named(runs, tmp_path: Path):
    shutil.rmtree(runs[1] / "mortality")
    said = compare_runs(*runs, tmp_path / "out")

    assert any("Only in the earlier run: mortality audited lstm" in line for line in said)


def test_a_folder_without_scores_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="no scores"):
        compare_runs(tmp_path, tmp_path, tmp_path / "out")
