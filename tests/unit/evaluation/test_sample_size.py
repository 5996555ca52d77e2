"""Needed against had, in patients; few real ones are hidden."""

import pandas as pd
import pytest

from mimicflow.errors import InputError
from mimicflow.evaluation.sample_size import COLUMNS, judge_sample_size
from mimicflow.evaluation.study import Study


def table(tmp_path, auroc=0.89, events=174, size=1000, tested=200, **study):
    """A cohort of which every patient has two stays, the second without the outcome."""
    cohort = pd.DataFrame({"subject_id": range(size + tested)})
    cohort["split"] = ["train"] * size + ["test"] * tested
    cohort["label"] = [1] * events + [0] * (size - events) + [1] * 50 + [0] * (tested - 50)
    pd.concat([cohort, cohort.assign(label=0)]).to_parquet(tmp_path / "cohort.parquet")
    row = {"model": "main", "score": "auroc", "threshold_rule": None, "value": auroc}
    scores = pd.DataFrame([row | {"patients": tested}, {**row, "model": "other", "value": 0.5}])
    scores.to_csv(tmp_path / "scores.csv", index=False)
    judge_sample_size(
        tmp_path / "scores.csv",
        tmp_path / "cohort.parquet",
        tmp_path / "out.csv",
        Study(**study),
        model="main",
        predictors=24,
    )
    found = pd.read_csv(tmp_path / "out.csv")
    assert found.columns.tolist() == COLUMNS
    return found.set_index("criterion")


def test_patients_are_counted_and_not_their_stays(tmp_path):
    found = table(tmp_path, synthetic=True)

    assert found.loc["optimism", ["needed", "had", "needed_events", "had_events"]].tolist() == [
        *(660, 1000, 115, 174)
    ]
    assert found["met"].tolist() == [True, True, True, False, False, False]
    assert found.loc["auroc", "had"] == 200
    assert set(found["data"]) == {"synthetic"}


def test_too_few_patients_do_not_meet_it(tmp_path):
    found = table(tmp_path, size=500, events=87, synthetic=True)

    assert not found.loc["shrinkage", "met"]
    assert found.loc["overall_risk", "met"]


def test_without_discrimination_no_number_of_patients_will_do(tmp_path):
    found = table(tmp_path, auroc=0.45, synthetic=True)

    assert pd.isna(found.loc["shrinkage", "needed"])
    assert found.loc["shrinkage", "met"] == False  # noqa: E712
    assert found.loc["overall_risk", "needed"] == 221


def test_an_auroc_of_one_says_nothing_of_how_well_it_is_known(tmp_path):
    found = table(tmp_path, auroc=1.0, synthetic=True)

    assert found.loc["auroc", ["needed", "met"]].isna().all()
    assert found.loc["shrinkage", "met"]


def test_few_real_events_are_hidden_and_all_that_follows_from_them(tmp_path):
    found = table(tmp_path, events=6)

    assert found["suppressed"].all()
    hidden = ["event_share", "cox_snell", "needed", "had", "needed_events", "had_events", "met"]
    assert found[hidden].isna().all(axis=None)
    assert not table(tmp_path, events=60)["suppressed"].any()


def test_scores_without_the_model_are_refused(tmp_path):
    table(tmp_path)
    with pytest.raises(InputError, match="no AUROC of absent"):
        judge_sample_size(
            tmp_path / "scores.csv",
            tmp_path / "cohort.parquet",
            tmp_path / "out.csv",
            Study(),
            model="absent",
            predictors=1,
        )
