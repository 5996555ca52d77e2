import json
from dataclasses import fields
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from made_arrest_features import (
    BEST,
    SIGNAL,
    make_features,
    write_features,
    write_selected,
    write_weights,
)
from sklearn.metrics import log_loss, roc_auc_score

from mimicflow.arrest.model_folder import load_model
from mimicflow.arrest.selection import select_features
from mimicflow.arrest.training import FitFiles, fit_arrest_model
from mimicflow.arrest.tuning import tune_arrest_model
from mimicflow.errors import CohortError
from mimicflow.evaluation.predictions import read_predictions
from mimicflow.hrv.preprocessing import Preprocessing

TUNING = {
    **{"initial": 2, "further": 1, "max_rounds": 60, "patience": 20, "space": "wide"},
    "min_rounds": 10,
}
OPTIONS = {
    "tuning": TUNING,
    "preprocessing": Preprocessing().as_options(),
    "epoch_minutes": 5,
    "event_window_h": [0.5, 24],
    "specificity": 0.8,
    "confidence": "none",
}
SUFFIXES = {
    "model": "model.txt",
    "calibration": "calibration.json",
    "description": "model.json",
    "predictions": "predictions.parquet",
    "rounds": "rounds.csv",
}


def fit(folder: Path, frame=None, best=None, accepted=SIGNAL, threads=1, **changed) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "best_params.json").write_text(json.dumps({**BEST, **(best or {})}))
    fit_arrest_model(
        write_features(folder, frame),
        write_selected(folder, accepted),
        folder / "best_params.json",
        write_weights(folder, frame),
        {**OPTIONS, **changed},
        seed=0,
        synthetic=True,
        kind="hrv",
        outputs={name: folder / file for name, file in SUFFIXES.items()},
        threads=threads,
    )
    return folder


def beta(raw: np.ndarray, folder: Path) -> np.ndarray:
    """Apply the beta calibration of a folder, by its formula."""
    fitted = json.loads((folder / "calibration.json").read_text())
    line = fitted["a"] * np.log(raw) - fitted["b"] * np.log1p(-raw) + fitted["c"]
    return 1 / (1 + np.exp(-line))


def part(folder: Path, split: str) -> pd.DataFrame:
    return read_predictions(folder / "predictions.parquet", split, key="epoch_id")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory) -> Path:
    return fit(tmp_path_factory.mktemp("fit"))


def test_every_epoch_is_predicted_once(fitted):
    frame, predictions = make_features(), pd.read_parquet(fitted / "predictions.parquet")

    assert list(predictions) == [
        *("epoch_id", "subject_id", "stay_id", "split", "label", "probability"),
        *("start", "end", "hours_to_arrest"),
    ]
    names = {"train": "validation", "test": "test"}
    assert predictions["split"].tolist() == frame["split"].map(names).tolist()
    for key in ("epoch_id", "subject_id", "stay_id", "label", "start", "hours_to_arrest"):
        pd.testing.assert_series_equal(predictions[key], frame[key], check_dtype=False)


def test_it_learns_from_the_signal_and_generalises(fitted):
    for split in ("validation", "test"):
        epochs = part(fitted, split)
        assert roc_auc_score(epochs["label"], epochs["probability"]) > 0.85


def test_a_fold_is_predicted_by_models_and_rounds_that_do_not_know_it(fitted):
    frame, rounds = make_features(), pd.read_csv(fitted / "rounds.csv")
    train = frame[frame["split"] == "train"].reset_index(drop=True)
    predicted = part(fitted, "validation")["probability"]

    assert rounds["fold"].tolist() == list(range(5))
    assert rounds["best_iteration"].nunique() > 1  # else every choice of rounds is the same
    for fold in range(5):
        others = rounds.loc[rounds["fold"] != fold, "best_iteration"].mean()
        used = rounds.loc[rounds["fold"] == fold, "used_iteration"].item()
        assert abs(used - others) <= 0.5
        own = train["fold"] == fold
        model = lgb.train(
            {**BEST, "objective": "binary", "seed": 0, "verbosity": -1, "num_threads": 1,
             "deterministic": True, "force_row_wise": True},
            lgb.Dataset(train.loc[~own, list(SIGNAL)], train.loc[~own, "label"]),
            num_boost_round=int(used),
        )  # fmt: skip
        raw = model.predict(train.loc[own, list(SIGNAL)])
        np.testing.assert_allclose(predicted[own], beta(raw, fitted), rtol=1e-9)


def test_the_text_of_the_model_predicts_the_test_patients(fitted):
    frame = make_features()
    test = frame[frame["split"] == "test"]
    raw = lgb.Booster(model_file=fitted / "model.txt").predict(test[list(SIGNAL)])
    expected = part(fitted, "test")["probability"]

    np.testing.assert_allclose(beta(raw, fitted), expected, rtol=1e-12)
    loaded = load_model(fitted)
    np.testing.assert_allclose(loaded.probability(test), expected, rtol=1e-12)
    assert test["signal_weak"].isna().any()
    gaps = test.assign(signal_weak=np.nan, signal_strong=np.nan)
    assert np.isfinite(loaded.probability(gaps)).all()


def test_the_final_model_has_the_mean_number_of_rounds(fitted):
    rounds = pd.read_csv(fitted / "rounds.csv")["best_iteration"]
    description = json.loads((fitted / "model.json").read_text())

    assert abs(description["rounds"] - rounds.mean()) <= 0.5
    model = lgb.Booster(model_file=fitted / "model.txt")
    assert model.num_trees() == description["rounds"]
    assert model.feature_name() == description["features"] == list(SIGNAL)


def test_the_description_says_what_a_scorer_needs(fitted):
    description = json.loads((fitted / "model.json").read_text())
    calibration = json.loads((fitted / "calibration.json").read_text())
    train = make_features().query("split == 'train'")

    assert description["kind"] == "hrv"
    assert description["synthetic"] is True
    assert description["epoch_minutes"] == 5
    assert description["horizon_h"] == [0.5, 24]
    assert description["preprocessing"] == OPTIONS["preprocessing"]
    assert (calibration["n"], calibration["events"]) == (len(train), train["label"].sum())
    assert calibration["method"] == "beta"


def test_the_threshold_is_the_lowest_with_the_specificity_out_of_fold(fitted):
    (rule, threshold), *others = json.loads((fitted / "model.json").read_text())[
        "threshold"
    ].items()
    epochs = part(fitted, "validation")
    negatives = epochs.loc[epochs["label"] == 0, "probability"]

    assert (rule, others) == ("specificity_0.8", [])
    assert (negatives < threshold).mean() >= 0.8
    lower = epochs.loc[epochs["probability"] < threshold, "probability"].max()
    assert (negatives < lower).mean() < 0.8


def test_a_promised_specificity_has_a_higher_threshold_or_none(fitted, tmp_path):
    (lucky,) = json.loads((fitted / "model.json").read_text())["threshold"].values()
    folder = fit(tmp_path, confidence=0.95)
    (promised,) = json.loads((folder / "model.json").read_text())["threshold"].values()
    assert promised > lucky

    folder = fit(tmp_path, make_features(n_patients=30), confidence=0.999)
    assert json.loads((folder / "model.json").read_text())["threshold"] == {"specificity_0.8": None}


def test_calibration_mends_probabilities_that_are_too_timid(tmp_path):
    # Ten small steps leave all probabilities near the share of positives.
    timid = {"learning_rate": 0.01}
    folder = fit(tmp_path, best=timid, tuning={**TUNING, "max_rounds": 10})

    epochs, frame = part(folder, "test"), make_features()
    rows = frame.loc[frame["split"] == "test", list(SIGNAL)]
    raw = lgb.Booster(model_file=folder / "model.txt").predict(rows)
    assert np.ptp(raw) < 0.2
    gained = log_loss(epochs["label"], raw) - log_loss(epochs["label"], epochs["probability"])
    assert gained > 0.1
    np.testing.assert_array_equal(np.argsort(raw, kind="stable"),
                                  np.argsort(epochs["probability"], kind="stable"))  # fmt: skip


def test_permuted_labels_say_nothing(tmp_path):
    frame = make_features(n_patients=120)
    train = frame["split"] == "train"
    labels = frame[train].groupby("subject_id")[["label", "fold"]].max()
    generator = np.random.default_rng(5)
    drawn = labels.groupby("fold")["label"].transform(lambda x: generator.permutation(x.to_numpy()))
    frame["label"] = frame["subject_id"].map(drawn).fillna(frame["label"]).astype(int)
    folder = fit(tmp_path, frame)

    epochs = part(folder, "validation")
    # 96 patients, 32 with an event: the standard error of an AUROC by patient is 0.06.
    assert 0.32 < roc_auc_score(epochs["label"], epochs["probability"]) < 0.68


def test_a_model_that_separates_nothing_flags_nobody(tmp_path):
    frame = make_features().assign(constant_0=1.0)
    folder = fit(tmp_path, frame, accepted=("constant_0",))

    (threshold,) = json.loads((folder / "model.json").read_text())["threshold"].values()
    probability = pd.read_parquet(folder / "predictions.parquet")["probability"]
    assert np.isfinite(threshold)
    assert load_model(folder).threshold == threshold
    assert (part(folder, "validation")["probability"] < threshold).all()
    assert probability.between(0, 1).all()


def test_the_same_bytes_in_any_order_of_rows_and_with_more_threads(fitted, tmp_path):
    shuffled = make_features().sample(frac=1, random_state=4)
    fit(tmp_path, shuffled, threads=2)

    for file in SUFFIXES.values():
        assert (tmp_path / file).read_bytes() == (fitted / file).read_bytes()


@pytest.mark.parametrize("seed", range(2))
def test_test_patients_touch_nothing_that_is_fitted(tmp_path, seed):
    """Select, tune and fit with other values and labels of test patients: the same bytes."""
    frame, generator = make_features(), np.random.default_rng(seed)
    other, test = frame.copy(), frame["split"] == "test"
    columns = frame.columns[9:]
    noise = generator.lognormal(0, 3, (test.sum(), len(columns)))
    noise[generator.random(noise.shape) < 0.3] = np.nan
    other.loc[test, columns] = noise
    other.loc[test, "label"] = generator.integers(0, 2, test.sum())
    dropped = other.index.isin(generator.choice(np.flatnonzero(test), 20, replace=False))
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder, table in zip(folders, (frame, other[~dropped]), strict=True):
        folder.mkdir()
        run_all(write_features(folder, table), folder)

    changed = [file.name for file in sorted(folders[0].iterdir())
               if file.read_bytes() != (folders[1] / file.name).read_bytes()]  # fmt: skip
    assert changed == ["features.parquet", "predictions.parquet"]
    one, two = (part(folder, "validation") for folder in folders)
    pd.testing.assert_frame_equal(one, two)


def run_all(features: Path, folder: Path) -> None:
    selected, best = folder / "selected_features.csv", folder / "best_params.json"
    selection = {"rounds": 15, "trees": 20, "shadow": "patient"}
    select_features(features, selection, 0, selected)
    tuning = {**TUNING, "max_rounds": 20, "patience": 10}
    tune_arrest_model(features, selected, tuning, 0, best, folder / "trials.csv")
    fit_arrest_model(
        features, selected, best, write_weights(folder), {**OPTIONS, "tuning": tuning},
        seed=0, synthetic=False, kind="clinical",
        outputs={name: folder / file for name, file in SUFFIXES.items()},
    )  # fmt: skip


def test_the_description_says_how_frequent_arrests_are_among_development_patients(fitted):
    label = make_features().query("split == 'train'")["label"]
    events, controls = label.sum(), (label == 0).sum()
    assert json.loads((fitted / "model.json").read_text())["prevalence"] == pytest.approx(
        {
            "sample": events / (events + controls),
            "planned": events / (events + controls),
            "monitored": events / (events + 3 * controls),
        }
    )


def test_one_class_or_no_test_patients(tmp_path):
    frame = make_features()
    for label in (0, 1):
        single = frame.assign(label=frame["label"].mask(frame["split"] == "train", label))
        with pytest.raises(CohortError, match=rf"features\.parquet: .* all with label {label}"):
            fit(tmp_path, single)
    with pytest.raises(CohortError, match="no epochs of test patients"):
        fit(tmp_path, frame[frame["split"] == "train"])
    assert not (tmp_path / "model.txt").exists()


def test_all_files_are_named():
    assert {field.name for field in fields(FitFiles)} == set(SUFFIXES)
