import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_arrest_features import (
    COPIES,
    EPOCH_NOISE,
    FEATURES,
    PATIENT_NOISE,
    SIGNAL,
    make_features,
    write_features,
    write_selected,
)

from mimicflow.arrest.selection import (
    SelectionConfig,
    ShapBoruta,
    read_selected,
    select_features,
)
from mimicflow.errors import CohortError, ConfigError, InputError
from mimicflow.learning.fitted_on import FITTED_ON, fitted_on

OPTIONS = {"rounds": 30, "trees": 40, "shadow": "patient"}


def select(folder: Path, frame: pd.DataFrame | None = None, threads=1, **changed) -> pd.DataFrame:
    output = folder / "selected_features.csv"
    features = write_features(folder, frame)
    files = {"rounds": folder / "selection_rounds.csv", "record": folder / "selection.json"}
    select_features(features, {**OPTIONS, **changed}, 0, output, **files, threads=threads)
    return pd.read_csv(output)


def accepted(table: pd.DataFrame) -> set[str]:
    return set(table.loc[table["decision"] == "accepted", "feature"])


def permute_patients(frame: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Give each development patient the label of another, in all epochs."""
    train = frame["split"] == "train"
    labels = frame[train].groupby("subject_id")["label"].max()
    # Within a fold, so that each keeps both outcomes.
    fold = frame[train].groupby("subject_id")["fold"].first()
    generator = np.random.default_rng(seed)
    shuffled = labels.groupby(fold).transform(lambda own: generator.permutation(own.to_numpy()))
    return frame.assign(label=frame["subject_id"].map(shuffled).fillna(frame["label"]).astype(int))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    found = tmp_path_factory.mktemp("selection")
    select(found)
    return found


@pytest.fixture(scope="module")
def usual(folder) -> pd.DataFrame:
    return pd.read_csv(folder / "selected_features.csv")


def test_signal_is_accepted_and_noise_of_every_kind_is_not(usual):
    assert accepted(usual) == set(SIGNAL)
    assert set(usual["feature"]) == {*SIGNAL, *EPOCH_NOISE, *PATIENT_NOISE, *COPIES}


def test_noise_that_ten_shadows_would_let_pass_is_not_accepted(tmp_path):
    # By chance, constant_0 of this seed goes with the label; one shadow per feature accepts it.
    table = select(tmp_path, make_features(seed=2))

    assert accepted(table) <= set(SIGNAL)
    assert table.set_index("feature").loc["constant_0", "decision"] != "accepted"


def test_shadows_of_single_epochs_take_patient_noise_for_signal(tmp_path):
    table = select(tmp_path, shadow="epoch")

    assert len(accepted(table) & set(PATIENT_NOISE)) == len(PATIENT_NOISE)


@pytest.mark.parametrize("seed", range(3))
def test_permuted_labels_leave_nothing(tmp_path, seed):
    frame = permute_patients(make_features(seed=seed), seed)

    with pytest.raises(CohortError, match=r"features\.parquet: none of the 10 features"):
        select(tmp_path, frame)
    assert not (tmp_path / "selected_features.csv").exists()


def test_the_table_says_how_it_was_decided(usual):
    assert usual["importance"].is_monotonic_decreasing
    assert (usual["hits"] <= usual["rounds"]).all()
    kept = usual["decision"] == "accepted"
    assert (usual["importance"] > usual["shadow"])[kept].all()
    # Accepted and tentative features compete to the end, rejected ones until they are rejected.
    assert usual.loc[usual["decision"] != "rejected", "rounds"].nunique() == 1
    assert (usual.loc[usual["decision"] == "rejected", "rounds"] < usual["rounds"].max()).any()


def test_the_record_is_of_development_patients_and_no_others(folder, usual):
    frame = pd.read_parquet(folder / "features.parquet")
    developed = frame.loc[frame["split"] == "train", "subject_id"]
    record = json.loads((folder / "selection.json").read_text())

    assert record == {FITTED_ON: fitted_on(selection=developed)}


def test_the_rounds_say_how_each_feature_came_to_its_decision(folder, usual):
    rounds = pd.read_csv(folder / "selection_rounds.csv")

    assert list(rounds.columns) == ["round", "feature", "importance", "shadow"]
    assert (rounds.groupby("round")["shadow"].nunique() == 1).all()
    assert list(rounds.loc[rounds["round"] == 1, "feature"]) == list(usual["feature"])
    won = rounds["importance"] > rounds["shadow"]
    of_feature = rounds.groupby("feature").agg(
        importance=("importance", "mean"), shadow=("shadow", "mean"), rounds=("round", "size")
    )
    of_feature["hits"] = won.groupby(rounds["feature"]).sum()
    expected = usual.set_index("feature")[of_feature.columns].sort_index()
    pd.testing.assert_frame_equal(of_feature.sort_index(), expected, check_dtype=False)
    # Whoever leaves does not come back.
    last = rounds.groupby("feature")["round"].max()
    assert last.equals(of_feature["rounds"].rename("round"))


def test_the_same_bytes_in_any_order_of_rows_and_with_more_threads(tmp_path):
    few = {"rounds": 10, "trees": 6}
    first = tmp_path / "first"
    first.mkdir()
    frame = make_features(effect=4)
    select(first, frame, **few)
    select(tmp_path, frame.sample(frac=1, random_state=3), threads=2, **few)

    for name in ("selected_features.csv", "selection_rounds.csv"):
        one, two = (folder / name for folder in (first, tmp_path))
        assert one.read_bytes() == two.read_bytes()


def test_a_patient_shadow_holds_whole_series_of_other_patients():
    patient = np.array([0, 1, 1, 2, 2, 2, 3, 3, 3, 3])
    # Tens name the patient, ones the place in the series.
    column = np.array([0, 10, 11, 20, 21, 22, 30, 31, 32, 33], dtype=float)
    boruta = ShapBoruta(patient, SelectionConfig(**OPTIONS), seed=0, threads=1)
    boruta.random_state = np.random.RandomState(0)
    givers = []
    for _ in range(20):
        shadow = boruta._shadow(column)
        owners = [set(shadow[patient == number] // 10) for number in range(4)]
        assert all(len(owner) == 1 for owner in owners)
        givers.append([int(owner.pop()) for owner in owners])
        for number, giver in enumerate(givers[-1]):
            places = shadow[patient == number] % 10
            length = np.count_nonzero(patient == giver)
            assert (np.diff(places) % length == 1 % length).all()
    assert all(sorted(giver) == [0, 1, 2, 3] for giver in givers)
    assert len({tuple(giver) for giver in givers}) > 5


def test_missingness_is_seen(tmp_path):
    frame = make_features()
    generator = np.random.default_rng(1)
    gaps = generator.random(len(frame)) < np.where(frame["label"] == 1, 0.7, 0.2)
    frame["noise_0"] = frame["noise_0"].mask(gaps)

    assert accepted(select(tmp_path, frame)) >= {"noise_0"}


def test_few_rounds_decide_nothing(tmp_path):
    # BorutaPy's own mask takes all features for confirmed ones when none is rejected.
    with pytest.raises(CohortError, match="after 3 rounds"):
        select(tmp_path, rounds=3)


def test_a_constant_and_an_empty_feature_are_rejected(tmp_path):
    table = select(tmp_path, make_features().assign(copy_epochs=1.0, copy_patients=np.nan))

    decisions = table.set_index("feature")["decision"]
    assert decisions[list(COPIES)].tolist() == ["rejected", "rejected"]


@pytest.mark.parametrize("label", [0, 1])
def test_a_single_class(tmp_path, label):
    frame = make_features()
    frame.loc[frame["split"] == "train", "label"] = label

    with pytest.raises(CohortError, match=rf"\d+ epochs, all with label {label}"):
        select(tmp_path, frame)


def test_no_development_epochs(tmp_path):
    with pytest.raises(CohortError, match="0 epochs, none"):
        select(tmp_path, make_features().assign(split="test"))


def test_options_that_cannot_be_used(tmp_path):
    with pytest.raises(ConfigError, match=r"arrest\.selection\.shadow is 'row'"):
        select(tmp_path, shadow="row")
    with pytest.raises(ConfigError, match="must be at least 1"):
        select(tmp_path, rounds=0)


def test_accepted_features_in_the_order_of_the_table(tmp_path):
    features = write_features(tmp_path)
    selected = write_selected(tmp_path, ("noise_1", *SIGNAL))
    assert read_selected(selected, features) == (*SIGNAL, "noise_1")

    write_selected(tmp_path, ())
    with pytest.raises(CohortError, match="no feature is accepted"):
        read_selected(selected, features)
    write_features(tmp_path, make_features().drop(columns="signal_weak"))
    write_selected(tmp_path)
    with pytest.raises(InputError, match="lacks: signal_weak"):
        read_selected(selected, features)
    assert len(FEATURES) == 10
