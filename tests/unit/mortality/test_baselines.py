import numpy as np
import pandas as pd
import pytest
import torch
from lightgbm import LGBMClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mimicflow.errors import ConfigError
from mimicflow.mortality.baselines import KIND, fit_bag_of_codes
from mimicflow.mortality.inputs import PATIENT_FEATURES, MortalityInputs
from mimicflow.mortality.training import FitFiles

from .conftest import READING

OPTIONS = {
    "logistic_regression": {"C": 1.0, "max_iter": 1000},
    "lightgbm": {"n_estimators": 20, "min_child_samples": 5, "colsample_bytree": 0.5},
}


def run(name, made, folder, options=None, **changed):
    files = FitFiles(
        model=folder / f"{name}.pth",
        predictions=folder / "predictions.parquet",
        repeats=folder / "repeats.csv",
        timing=folder / "timing.json",
    )
    arguments = {"pos_weight": "balanced", "seeds": 2, "seed": 0, "threads": 1, **changed}
    fit_bag_of_codes(
        name,
        options=OPTIONS[name] if options is None else options,
        spine=made.spine,
        sequences=made.sequences,
        reading=READING,
        outputs=files,
        **arguments,
    )
    return files


@pytest.fixture
def bags(made):
    inputs = MortalityInputs(made.spine, made.sequences)
    return inputs, inputs.sequences.means()[inputs.visit_rows].astype(np.float64)


def test_logistic_regression_is_that_of_scikit_learn(made, bags, tmp_path):
    files = run("logistic_regression", made, tmp_path)

    inputs, values = bags
    training, held_out = inputs.rows("train"), inputs.rows("validation", "test")
    reference = make_pipeline(
        StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000)
    ).fit(values[training], inputs.labels[training])
    # scikit-learn's scale is the population's; ours the sample's: the penalty differs by 1/n.
    np.testing.assert_allclose(
        pd.read_parquet(files.predictions)["probability"],
        reference.predict_proba(values[held_out])[:, 1],
        atol=2e-3,
    )


def test_lightgbm_knows_age_sex_and_visits_too(made, bags, tmp_path):
    files = run("lightgbm", made, tmp_path)

    inputs, values = bags
    content = torch.load(files.model, weights_only=True)
    assert content["features"][-3:] == list(PATIENT_FEATURES)
    names, training = content["features"], inputs.rows("train")
    table = pd.DataFrame(np.c_[values, inputs.patient_features()], columns=names)
    reference = LGBMClassifier(
        class_weight="balanced", random_state=0, deterministic=True, force_col_wise=True,
        verbosity=-1, **OPTIONS["lightgbm"],
    ).fit(table.iloc[training], inputs.labels[training].astype(int))  # fmt: skip
    np.testing.assert_allclose(
        pd.read_parquet(files.predictions)["probability"],
        reference.predict_proba(table.iloc[inputs.rows("validation", "test")])[:, 1],
        rtol=1e-12,
    )


def test_what_lightgbm_knows_of_a_patient(made, bags):
    inputs, _ = bags
    features = inputs.patient_features()
    stays = inputs.stays

    assert features["age"].tolist() == stays["age"].tolist()
    assert features["male"].tolist() == (stays["gender"] == "M").astype(float).tolist()
    assert features["n_visits"].between(2, 6).all()


@pytest.mark.parametrize(("name", "differ"), [("logistic_regression", 1), ("lightgbm", 2)])
def test_repeats_differ_where_there_is_chance(made, tmp_path, name, differ):
    files = run(name, made, tmp_path)

    assert pd.read_csv(files.repeats)["log_loss"].nunique() == differ


@pytest.mark.parametrize("name", OPTIONS)
def test_the_same_bytes_again_and_with_more_threads(made, tmp_path, name):
    first, second = ((tmp_path / folder) for folder in ("one", "two"))
    for folder in (first, second):
        folder.mkdir()
    one, two = run(name, made, first), run(name, made, second, threads=2)

    for kind in ("model", "predictions", "repeats"):
        assert getattr(one, kind).read_bytes() == getattr(two, kind).read_bytes()


def test_the_model_file_says_what_it_is(made, tmp_path):
    content = torch.load(run("lightgbm", made, tmp_path).model, weights_only=True)

    assert content["kind"] == KIND
    assert content["fitted"]["booster"].startswith("tree")
    assert len(content["vocabulary_hash"]) == 64


def test_an_unknown_baseline_is_reported(made, tmp_path):
    with pytest.raises(ConfigError, match="unknown baseline 'svm'"):
        run("svm", made, tmp_path, options={})
