from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mimicflow.errors import CohortError, ConfigError
from mimicflow.learning.splits import (
    LEAST_ECGS,
    assign_folds,
    assign_parts,
    keep_inner_patients,
    patients_tested,
    split_patients,
    stays_of_model,
)

ONE_SPLIT = {"test": 0.2, "validation": 0.1, "stratified": True, "folds": 5, "fold": "none"}


def cohort(n_patients: int = 200) -> pd.DataFrame:
    """Two stays of each patient; a quarter of the patients is admitted in one of them."""
    patients = np.repeat(np.arange(n_patients), 2)
    labels = ((patients % 4 == 0) & (np.arange(2 * n_patients) % 2 == 1)).astype(int)
    return pd.DataFrame(
        {"stay_id": 1000 + np.arange(2 * n_patients), "subject_id": patients, "label": labels}
    )


def split(frame: pd.DataFrame, folder: Path, seed: int = 0, **options: object) -> pd.DataFrame:
    frame.to_parquet(folder / "stays.parquet")
    split_patients(
        folder / "stays.parquet", {**ONE_SPLIT, **options}, seed, folder / "spine.parquet"
    )
    return pd.read_parquet(folder / "spine.parquet")


def test_patients_are_never_in_two_parts(tmp_path: Path) -> None:
    spine = split(cohort(), tmp_path)
    assert (spine.groupby("subject_id")["split"].nunique() == 1).all()
    assert list(spine) == ["stay_id", "subject_id", "label", "split"]


LATE = "2017 - 2019"


def people(folder: Path, n_patients: int = 200) -> list[Path]:
    """Write two shards of patients, of whom every fifth is late, and a few later still."""
    groups = ["2008 - 2010", "2011 - 2013", "2014 - 2016", "2014 - 2016", LATE]
    frame = pd.DataFrame({"subject_id": np.arange(n_patients)})
    frame["anchor_year_group"] = [groups[patient % 5] for patient in frame["subject_id"]]
    frame.loc[frame["subject_id"] % 40 == 9, "anchor_year_group"] = "2020 - 2022"
    paths = [folder / f"{shard}.parquet" for shard in (0, 1)]
    for shard, path in enumerate(paths):
        frame[frame["subject_id"] % 2 == shard].to_parquet(path)
    return paths


def by_time(folder: Path, test_from: str = LATE, **options: object) -> pd.Series:
    cohort().assign(died=np.arange(400) // 2 % 7 == 0).to_parquet(folder / "stays.parquet")
    options = {**ONE_SPLIT, "test_from": test_from, **options}
    files = [folder / "stays.parquet", folder / "spine.parquet"]
    split_patients(files[0], options, 0, files[1], patients=people(folder))
    return pd.read_parquet(files[1]).groupby("subject_id")["split"].agg(lambda parts: set(parts))


def test_a_split_by_time_tests_the_patients_of_later_years(tmp_path: Path) -> None:
    parts = by_time(tmp_path)
    late = parts.index % 5 == 4
    assert all(part == {"test"} for part in parts[late])
    early = parts[~late].map(lambda part: next(iter(part)))
    assert early.value_counts().to_dict() == {"train": 144, "validation": 16}
    # Who is drawn apart does not move the others.
    apart = by_time(tmp_path, apart="died")
    assert (apart[late] == parts[late]).all()
    # Folds are drawn as without it.
    assert sum(part == {"test"} for part in by_time(tmp_path, fold=0)) == 40


def test_years_of_which_all_have_one_outcome_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="the 5 patients from 2020 - 2022 on do not have both"):
        by_time(tmp_path, "2020 - 2022")


def test_shares_hold_within_each_outcome(tmp_path: Path) -> None:
    patients = (
        split(cohort(), tmp_path).groupby("subject_id").agg({"label": "max", "split": "first"})
    )
    counts = patients.groupby("label")["split"].value_counts().to_dict()
    assert counts == {
        (0, "train"): 105,
        (0, "test"): 30,
        (0, "validation"): 15,
        (1, "train"): 35,
        (1, "test"): 10,
        (1, "validation"): 5,
    }


def test_the_order_of_rows_is_of_no_account_but_the_seed_is(tmp_path: Path) -> None:
    first = split(cohort(), tmp_path)
    shuffled = split(cohort().sample(frac=1, random_state=1), tmp_path)
    pd.testing.assert_frame_equal(first, shuffled)
    assert (split(cohort(), tmp_path, seed=1)["split"] != first["split"]).any()


def test_three_patients_of_each_outcome_are_enough() -> None:
    outcomes = pd.Series([0, 0, 0, 1, 1, 1])
    parts = assign_parts(outcomes, 0.2, 0.1, seed=0)
    assert parts.groupby(outcomes).value_counts().tolist() == [1] * 6


@pytest.mark.parametrize("labels", [[0] * 10, [1] * 10, [0] * 8 + [1] * 2])
def test_too_few_of_one_outcome(tmp_path: Path, labels: list[int]) -> None:
    frame = pd.DataFrame({"stay_id": range(10), "subject_id": range(10), "label": labels})
    with pytest.raises(CohortError, match=r"stays.parquet: only \d patients have outcome"):
        split(frame, tmp_path)
    assert not (tmp_path / "spine.parquet").exists()


@pytest.mark.parametrize(("test", "validation"), [(0.0, 0.1), (0.2, 0.0), (0.6, 0.4)])
def test_impossible_shares(test: float, validation: float) -> None:
    with pytest.raises(ConfigError, match=r"split\.test"):
        assign_parts(pd.Series([1]), test, validation, 0)


def test_each_patient_is_tested_in_exactly_one_fold(tmp_path: Path) -> None:
    spines = [split(cohort(), tmp_path, fold=fold) for fold in range(5)]
    tested = [set(spine.loc[spine["split"] == "test", "subject_id"]) for spine in spines]
    assert sum(map(len, tested)) == len(set().union(*tested)) == 200
    for spine in spines:
        assert (spine.groupby("subject_id")["split"].nunique() == 1).all()
        patients = spine.groupby("subject_id").agg({"label": "max", "split": "first"})
        assert patients.groupby("label")["split"].value_counts().to_dict() == {
            (0, "train"): 108,
            (0, "test"): 30,
            (0, "validation"): 12,
            (1, "train"): 36,
            (1, "test"): 10,
            (1, "validation"): 4,
        }


def with_ecgs(n_patients: int = 200) -> pd.DataFrame:
    """Every third stay has two ECGs; of their patients, every fifth is admitted."""
    frame = cohort(n_patients)
    frame["n_ecg"] = 1 + (frame["stay_id"] % 3 == 0)
    frame["label"] = (frame["subject_id"] % 5 == 0).astype(int)
    return frame


def test_as_published_the_folds_of_several_ecgs_are_stratified_within_these_stays(
    tmp_path: Path,
) -> None:
    tested: list[int] = []
    for fold in range(5):
        split(with_ecgs(), tmp_path, fold=fold)
        shared, own = (
            stays_of_model(tmp_path / "spine.parquet", "multi", "validation", multi)
            for multi in ("shared", "own")
        )
        assert list(shared["stay_id"]) == list(own["stay_id"])
        assert (shared["split"] != own["split"]).any()
        test = own[own["split"] == "test"].drop_duplicates("subject_id")
        drawn = own.drop_duplicates("subject_id")
        for label in (0, 1):  # a fifth of the patients with either outcome, but for rounding
            share = (drawn["label"] == label).sum() / 5
            assert abs((test["label"] == label).sum() - share) < 1
        assert (own.groupby("subject_id")["split"].nunique() == 1).all()
        tested += list(test["subject_id"])
    assert sorted(tested) == sorted(own["subject_id"].unique())


def test_tested_patients_are_those_of_either_split(tmp_path: Path) -> None:
    split(with_ecgs(), tmp_path, fold=0)
    path = tmp_path / "spine.parquet"
    of_models = [stays_of_model(path, stays, "validation", "own") for stays in LEAST_ECGS]
    tested = {patient for own in of_models for patient in own.query("split == 'test'").subject_id}
    assert set(patients_tested(path)) == tested
    assert len(tested) > of_models[0].query("split == 'test'").subject_id.nunique()


@pytest.mark.parametrize("multi", ["shared", "own"])
def test_inner_patients_are_all_that_no_model_tests(tmp_path: Path, multi: str) -> None:
    """With a split that is shared nobody else is left out, or trials would train on fewer."""
    split(with_ecgs(), tmp_path)
    path, inner = tmp_path / "spine.parquet", tmp_path / "inner.parquet"
    keep_inner_patients(path, inner, multi=multi)

    for stays in LEAST_ECGS:
        whole = stays_of_model(path, stays, "validation", multi)
        kept = stays_of_model(inner, stays, "validation", multi)
        assert set(kept["split"]) == {"train", "validation"}
        if multi == "shared":
            expected = whole[whole["split"] != "test"].reset_index(drop=True)
            pd.testing.assert_frame_equal(kept, expected)


def test_a_model_of_all_stays_knows_one_split_and_test_patients_may_stop_it(tmp_path: Path) -> None:
    spine = split(with_ecgs(), tmp_path)
    stays = stays_of_model(tmp_path / "spine.parquet", "all", "test", "own")
    assert stays["split"].tolist() == spine["split"].replace("validation", "train").tolist()
    assert spine.loc[spine["n_ecg"] == 1, "split_multi"].isna().all()


def test_too_few_stays_of_several_ecgs_stop_only_the_model_that_wants_their_own_split(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    split(with_ecgs().assign(n_ecg=[2] * 3 + [1] * 397), tmp_path)
    assert "no split among the stays with several ECGs: only 1 patients" in caplog.text
    assert len(stays_of_model(tmp_path / "spine.parquet", "multi", "validation", "shared")) == 3
    with pytest.raises(CohortError, match="the 3 stays with several ECGs are too few"):
        stays_of_model(tmp_path / "spine.parquet", "multi", "validation", "own")


def test_without_strata_the_shares_hold_over_all_patients(tmp_path: Path) -> None:
    spine = split(cohort(), tmp_path, stratified=False)
    patients = spine.groupby("subject_id")["split"].first()
    assert patients.value_counts().to_dict() == {"train": 140, "test": 40, "validation": 20}


def test_folds_need_patients_of_each_outcome() -> None:
    with pytest.raises(CohortError, match="only 4 patients have the rarer outcome"):
        assign_folds(pd.Series([0] * 20 + [1] * 4), 5, seed=0)


def test_patients_stay_in_the_parts_of_another_spine_and_new_ones_train(tmp_path: Path) -> None:
    """So that a cohort by other rules is tested on the same patients."""
    before = split(with_ecgs(), tmp_path)
    fewer = with_ecgs()[lambda stays: stays["subject_id"] >= 10]
    new = fewer.tail(4).assign(subject_id=900, stay_id=lambda stays: stays["stay_id"] + 5000)
    pd.concat([fewer, new]).to_parquet(tmp_path / "other.parquet")
    before.to_parquet(tmp_path / "kept.parquet")

    split_patients(
        tmp_path / "other.parquet",
        ONE_SPLIT,
        7,
        tmp_path / "spine.parquet",
        kept=tmp_path / "kept.parquet",
    )

    after = pd.read_parquet(tmp_path / "spine.parquet").set_index("stay_id")
    same = before.set_index("stay_id").loc[lambda stays: stays.index.isin(after.index)]
    for column in ("split", "split_multi"):
        pd.testing.assert_series_equal(after.loc[same.index, column], same[column])
        assert set(after.loc[after["subject_id"] == 900, column].dropna()) == {"train"}
    assert after["split_multi"].isna().equals(after["n_ecg"] < LEAST_ECGS["multi"])
