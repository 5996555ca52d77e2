from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mimicflow.arrest.folds import split_arrest_patients
from mimicflow.errors import CohortError, ConfigError

OPTIONS = {"test": 0.2, "folds": 5}


def stays(n_patients: int = 200) -> pd.DataFrame:
    """Two stays of each patient; every fourth patient has an arrest in the second."""
    number = np.repeat(np.arange(n_patients), 2)
    second = np.arange(2 * n_patients) % 2 == 1
    return pd.DataFrame(
        {
            "stay_id": [f"s{row:04d}" for row in range(2 * n_patients)],
            "subject_id": [f"p{patient}" for patient in number],
            "age": 50.0 + number % 40,
            "label": ((number % 4 == 0) & second).astype("int64"),
        }
    )


def split(frame: pd.DataFrame, folder: Path, seed: int = 0, **options: float) -> pd.DataFrame:
    frame.to_parquet(folder / "stays.parquet")
    split_arrest_patients(
        folder / "stays.parquet", {**OPTIONS, **options}, seed, folder / "spine.parquet"
    )
    return pd.read_parquet(folder / "spine.parquet")


def test_parts_and_folds_share_no_patient(tmp_path: Path) -> None:
    spine = split(stays(), tmp_path)

    places = spine.groupby("subject_id")[["split", "fold"]].nunique()
    assert (places == 1).all(axis=None)
    assert list(spine) == ["stay_id", "subject_id", "age", "label", "split", "fold"]
    assert spine["fold"].dtype == "int64"
    assert (spine["fold"] == -1).equals(spine["split"] == "test")


def test_the_same_share_of_event_patients_everywhere(tmp_path: Path) -> None:
    patients = split(stays(), tmp_path).groupby("subject_id")[["label", "split", "fold"]].max()

    counts = patients.groupby(["split", "fold"])["label"].agg(["size", "sum"])
    assert counts.loc[("test", -1)].tolist() == [40, 10]
    assert counts.loc["train"].to_numpy().tolist() == [[32, 8]] * 5


def test_the_order_of_rows_is_of_no_account_but_the_seed_is(tmp_path: Path) -> None:
    first = split(stays(), tmp_path)

    shuffled = split(stays().sample(frac=1, random_state=1), tmp_path)
    pd.testing.assert_frame_equal(first, shuffled)
    assert (split(stays(), tmp_path, seed=1)["split"] != first["split"]).any()


def test_folds_are_drawn_again_with_the_same_test_patients(tmp_path: Path) -> None:
    five, three = split(stays(), tmp_path), split(stays(), tmp_path, folds=3)

    assert five["split"].equals(three["split"])
    assert sorted(three["fold"].unique()) == [-1, 0, 1, 2]


def test_too_few_events_for_the_folds(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match=r"stays\.parquet: only 4 patients have the rarer"):
        split(stays(20), tmp_path)  # 5 event patients, one of them tested
    assert not (tmp_path / "spine.parquet").exists()


def test_stays_of_one_class(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match=r"stays\.parquet: only 0 patients have outcome 1"):
        split(stays().assign(label=0), tmp_path)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_that_leaves_a_part_empty(tmp_path: Path, share: float) -> None:
    with pytest.raises(ConfigError, match=r"split\.test is"):
        split(stays(), tmp_path, test=share)
