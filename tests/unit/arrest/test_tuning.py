import json
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from made_arrest_features import BEST, SIGNAL, make_features, write_features, write_selected
from sklearn.metrics import average_precision_score

from mimicflow.arrest.boosting import HeldOutFolds, repeatable, train_rounds
from mimicflow.arrest.development import read_development
from mimicflow.arrest.tuning import SPACE, Space, TuningConfig, read_best, tune_arrest_model
from mimicflow.errors import CohortError, ConfigError, InputError
from mimicflow.learning.fitted_on import FITTED_ON, fitted_on

OPTIONS = {"initial": 2, "further": 3, "max_rounds": 60, "patience": 30, "space": "wide"}
SPACES = ("published", "wide")


def tune(folder: Path, frame=None, threads=1, **changed) -> tuple[dict, pd.DataFrame]:
    features, selected = write_features(folder, frame), write_selected(folder)
    best, trials = folder / "best_params.json", folder / "trials.csv"
    options = {**OPTIONS, **changed}
    record = folder / "tuning.json"
    tune_arrest_model(features, selected, options, 0, best, trials, record=record, threads=threads)
    developed = pd.read_parquet(features).query("split == 'train'")["subject_id"]
    assert json.loads(record.read_text()) == {FITTED_ON: fitted_on(tuning=developed)}
    return json.loads(best.read_text()), pd.read_csv(trials)


def bounds(space: str) -> pd.DataFrame:
    table = pd.read_csv(SPACE).set_index("parameter")
    return table[["kind", f"{space}_low", f"{space}_high"]].set_axis(
        ["kind", "low", "high"], axis=1
    )


@pytest.fixture(scope="module", params=SPACES)
def tuned(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    # In the published space a leaf asks for more epochs than 60 patients have to spare.
    frame = make_features(n_epochs=30) if request.param == "published" else None
    return request.param, *tune(folder, frame, space=request.param)


def test_every_point_lies_within_the_bounds(tuned):
    space, best, trials = tuned

    table = bounds(space)
    assert set(best) == set(table.index)
    for name, row in table.iterrows():
        assert trials[name].between(row["low"], row["high"]).all()
        assert isinstance(best[name], int if row["kind"] == "int" else float)


def test_the_best_point_is_the_best_of_all(tuned):
    _, best, trials = tuned

    assert trials["phase"].tolist() == ["initial"] * 2 + ["search"] * 3
    assert trials["number"].tolist() == list(range(5))
    winner = trials.loc[trials["auprc"].idxmax()]
    assert winner["auprc"] >= trials.loc[trials["phase"] == "initial", "auprc"].max()
    assert {name: winner[name] for name in best} == pytest.approx(best, rel=1e-12)


def test_the_score_is_the_mean_over_the_folds(tuned):
    _, _, trials = tuned

    folds = trials[[f"auprc_fold_{fold}" for fold in range(5)]]
    np.testing.assert_allclose(trials["auprc"], folds.mean(axis=1), rtol=1e-12)
    assert trials["best_iteration"].between(20, 60).all()
    assert trials["auprc"].max() > 0.7  # a third of the epochs are positive


def test_the_same_bytes_again_and_with_more_threads(tmp_path):
    first = tmp_path / "first"
    first.mkdir()
    few = {"max_rounds": 20, "initial": 1, "further": 1}
    tune(first, **few)
    tune(tmp_path, make_features().sample(frac=1, random_state=2), threads=2, **few)

    for name in ("best_params.json", "trials.csv"):
        assert (first / name).read_bytes() == (tmp_path / name).read_bytes()


def test_corners_of_the_unit_cube_are_the_bounds():
    for name in SPACES:
        space, table = Space(name), bounds(name)
        assert space.parameters(dict.fromkeys(space.free, 0.0)) == table["low"].to_dict()
        assert space.parameters(dict.fromkeys(space.free, 1.0)) == table["high"].to_dict()
        halfway = space.parameters(dict.fromkeys(space.free, 0.5))
        assert halfway["num_leaves"] == round(table.loc["num_leaves", ["low", "high"]].mean())
        weights = table.loc["min_child_weight", ["low", "high"]].astype(float)
        assert halfway["min_child_weight"] == pytest.approx(np.sqrt(weights.prod()))


def test_the_spaces_are_as_published_and_wider():
    published, wide = bounds("published"), bounds("wide")
    authors = {
        **{"num_leaves": (16, 32), "lambda_l1": (0.7, 0.9), "lambda_l2": (0.9, 1)},
        **{"feature_fraction": (0.6, 0.7), "bagging_fraction": (0.6, 0.9)},
        **{"min_child_samples": (6, 10), "min_child_weight": (10, 40)},
        **{"learning_rate": (0.005, 0.005), "bagging_freq": (1, 1), "max_depth": (5, 5)},
    }
    low_and_high = published[["low", "high"]].itertuples(name=None)
    assert {name: (low, high) for name, low, high in low_and_high} == authors
    assert (wide["low"] <= published["low"]).all()
    assert (wide["high"] >= published["high"]).all()


def test_the_best_round_of_a_fold_is_that_of_a_plain_search(tmp_path):
    data = read_development(write_features(tmp_path), SIGNAL)
    few = {"max_rounds": 30, "patience": 30, "min_rounds": 4, "seed": 0, "threads": 1}
    stopped = HeldOutFolds(data, **few).stop(BEST)

    for fold, found in stopped.items():
        held_out = data.fold == fold
        model = lgb.train(
            {**BEST, "objective": "binary", "seed": 0, "verbosity": -1, "num_threads": 1,
             "deterministic": True, "force_row_wise": True},
            lgb.Dataset(data.values[~held_out], data.label[~held_out]),
            num_boost_round=30,
        )  # fmt: skip
        auprc = [
            average_precision_score(
                data.label[held_out], model.predict(data.values[held_out], num_iteration=rounds)
            )
            for rounds in range(4, 31)
        ]
        assert found.auprc == pytest.approx(max(auprc), abs=1e-6)
        assert auprc[found.rounds - 4] == pytest.approx(max(auprc), abs=1e-6)


def test_too_few_rounds_do_not_count(tmp_path):
    data = read_development(write_features(tmp_path), SIGNAL)
    limits = {"max_rounds": 12, "patience": 12, "seed": 0, "threads": 1}
    free = HeldOutFolds(data, min_rounds=1, **limits).stop(BEST)
    bound = HeldOutFolds(data, min_rounds=10, **limits).stop(BEST)

    assert min(found.rounds for found in free.values()) < 10
    assert min(found.rounds for found in bound.values()) >= 10


def test_boosting_ends_when_patience_does(tmp_path):
    data = read_development(write_features(tmp_path), SIGNAL)
    hasty = {"max_rounds": 200, "patience": 2, "min_rounds": 1, "seed": 0, "threads": 1}
    patient = {**hasty, "patience": 200}

    short, long = (HeldOutFolds(data, **limits).stop(BEST) for limits in (hasty, patient))
    assert sum(found.rounds for found in short.values()) < sum(f.rounds for f in long.values())
    assert all(short[fold].auprc <= long[fold].auprc for fold in short)


def test_one_data_set_serves_every_size_of_leaf(tmp_path):
    data = read_development(write_features(tmp_path), SIGNAL)
    limits = {"max_rounds": 5, "patience": 5, "min_rounds": 1, "seed": 0, "threads": 1}
    folds = HeldOutFolds(data, **limits)
    large, small = ({**BEST, "min_child_samples": size} for size in (100, 2))

    folds.stop(large)  # leaves no trace in what is kept
    assert folds.stop(small) == HeldOutFolds(data, **limits).stop(small) != folds.stop(large)


def test_missing_values_stay_missing(tmp_path):
    frame = make_features()
    data = read_development(write_features(tmp_path, frame), SIGNAL)
    expected = frame.loc[frame["split"] == "train", "signal_weak"]
    np.testing.assert_array_equal(data.values[:, 1], expected)
    assert np.isnan(data.values[:, 1]).mean() > 0.05

    everything = np.ones(len(data.label), dtype=bool)
    model = train_rounds(repeatable(BEST, 0, 1), data, everything, 30)
    rows = data.values[:50].copy()
    rows[:, 1] = np.nan
    assert np.isfinite(model.predict(rows)).all()


def test_no_patient_is_on_both_sides(tmp_path):
    frame = make_features()
    torn = (frame["subject_id"] == "p001") & (frame["epoch_id"] % 2 == 0)
    assert frame.loc[frame["subject_id"] == "p001", "split"].eq("train").all()

    with pytest.raises(InputError, match="1 patients are in more than one fold"):
        tune(tmp_path, frame.assign(fold=frame["fold"].mask(torn, (frame["fold"] + 1) % 5)))


def test_a_fold_of_one_class(tmp_path):
    frame = make_features()
    frame.loc[frame["fold"] == 2, "label"] = 0

    with pytest.raises(CohortError, match="epochs of fold 2 have label 0"):
        tune(tmp_path, frame)


def test_options_that_cannot_be_used(tmp_path):
    with pytest.raises(ConfigError, match=r"arrest\.tuning\.space is 'narrow'"):
        tune(tmp_path, space="narrow")
    with pytest.raises(ConfigError, match="must be at least 1"):
        tune(tmp_path, initial=0)
    with pytest.raises(ConfigError, match="max_rounds is 10, min_rounds 20"):
        TuningConfig(**{**OPTIONS, "max_rounds": 10})


@pytest.mark.parametrize("text", ["{", "[]", '{"num_leaves": 3}'])
def test_parameters_that_are_none(tmp_path, text):
    (tmp_path / "best_params.json").write_text(text)

    with pytest.raises(InputError, match=r"best_params\.json"):
        read_best(tmp_path / "best_params.json")
