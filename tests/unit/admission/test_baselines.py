"""Baselines: who is fitted, what is imputed, and the same files whatever the threads."""

from __future__ import annotations

import lightgbm
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.ensemble import RandomForestClassifier

from mimicflow.admission.baselines import fit_baseline
from mimicflow.concepts import static_features
from mimicflow.errors import CohortError, ConfigError, InputError

N = 240
OPTIONS = {
    "random_forest": {"n_estimators": 15},
    "lightgbm": {"n_estimators": 15, "learning_rate": 0.1, "num_leaves": 7},
}


def hospital(folder):
    """Stays whose outcome follows age and lactate; some acuity and lactate values are missing."""
    generator = np.random.default_rng(0)
    names = static_features()["name"].tolist()
    values = pd.DataFrame(0.0, index=range(N), columns=names)
    values["age"] = generator.normal(60, 15, N)
    values["lact_first"] = np.where(np.arange(N) % 5 == 0, np.nan, generator.gamma(2, 1, N))
    values["acuity"] = np.where(np.arange(N) % 7 == 0, np.nan, generator.integers(1, 6, N))
    values["Chest Pain"] = generator.integers(0, 2, N)
    risk = (values["age"] - 60) / 10 + values["lact_first"].fillna(2) - 2
    stays = pd.DataFrame(
        {
            "stay_id": 1000 + np.arange(N),
            "subject_id": np.arange(N),
            "split": np.where(
                np.arange(N) < 160, "train", np.where(np.arange(N) < 180, "validation", "test")
            ),
            "label": (risk + generator.normal(0, 0.5, N) > 0).astype("int8"),
            "n_ecg": 1 + np.arange(N) % 3,
        }
    )
    stays.to_parquet(folder / "spine.parquet")
    features = values.assign(stay_id=stays["stay_id"])
    features.attrs = {"drug_dictionary": "a hash"}
    features.to_parquet(folder / "final_ecgs.parquet")
    return stays, values


def fit(folder, kind, stays="all", name="run", **changes):
    outputs = {"predictions": "p.parquet", "importance": "i.csv", "config": "config.yaml"}
    if kind == "lightgbm":
        outputs["model"] = "model.txt"
    outputs = {key: folder / name / file for key, file in outputs.items()}
    fit_baseline(
        kind,
        stays,
        folder / "final_ecgs.parquet",
        folder / "spine.parquet",
        OPTIONS[kind],
        outputs,
        **changes,
    )
    return outputs


@pytest.mark.parametrize("kind", OPTIONS)
def test_predicts_validation_and_test_stays_and_finds_the_signal(tmp_path, kind):
    stays, _ = hospital(tmp_path)
    outputs = fit(tmp_path, kind)
    found = pd.read_parquet(outputs["predictions"])
    assert found.columns.tolist() == ["stay_id", "subject_id", "split", "label", "probability"]
    expected = stays[stays["split"] != "train"]
    assert found["stay_id"].tolist() == expected["stay_id"].tolist()
    assert found["label"].tolist() == expected["label"].tolist()
    test = found[found["split"] == "test"]
    assert test.groupby("label")["probability"].mean().diff().iloc[1] > 0.3
    importance = pd.read_csv(outputs["importance"])
    assert set(importance["feature"]) == set(static_features()["name"])
    assert importance["importance"].sum() == pytest.approx(1)
    assert set(importance["feature"][:2]) == {"age", "lact_first"}
    resolved = yaml.safe_load(outputs["config"].read_text())
    assert resolved["drug_dictionary"] == "a hash"
    assert resolved["options"] == OPTIONS[kind]
    assert len(resolved["features"]) == 354


@pytest.mark.parametrize("kind", OPTIONS)
def test_threads_and_the_order_of_rows_change_no_byte(tmp_path, kind):
    hospital(tmp_path)
    one = fit(tmp_path, kind, name="one", threads=1)
    for table in ("spine", "final_ecgs"):
        frame = pd.read_parquet(tmp_path / f"{table}.parquet")
        frame.sample(frac=1, random_state=len(table)).to_parquet(tmp_path / f"{table}.parquet")
    two = fit(tmp_path, kind, name="two", threads=2)
    for key in one:
        assert one[key].read_bytes() == two[key].read_bytes(), key


def test_the_forest_is_scikit_learns_on_imputed_features(tmp_path):
    stays, values = hospital(tmp_path)
    train = stays["split"] == "train"
    values["acuity"] = values["acuity"].fillna(values.loc[train, "acuity"].median())
    values["lact_first"] = values["lact_first"].fillna(values.loc[train, "lact_first"].mean())
    forest = RandomForestClassifier(n_estimators=15, random_state=0)
    forest.fit(values[train].to_numpy(), stays.loc[train, "label"])
    found = pd.read_parquet(fit(tmp_path, "random_forest")["predictions"])
    expected = forest.predict_proba(values[~train].to_numpy())[:, 1]
    np.testing.assert_allclose(found["probability"], expected, rtol=0, atol=1e-12)


def test_the_lightgbm_text_predicts_the_same(tmp_path):
    stays, values = hospital(tmp_path)
    outputs = fit(tmp_path, "lightgbm")
    booster = lightgbm.Booster(model_file=outputs["model"])
    held_out = values[stays["split"] != "train"].to_numpy()
    found = pd.read_parquet(outputs["predictions"])["probability"]
    np.testing.assert_allclose(booster.predict(held_out), found, rtol=0, atol=1e-15)
    assert "Chest_Pain" in booster.feature_name()


def test_several_ecg_stays_only(tmp_path):
    stays, _ = hospital(tmp_path)
    found = pd.read_parquet(fit(tmp_path, "random_forest", "multi")["predictions"])
    expected = stays[(stays["n_ecg"] >= 2) & (stays["split"] != "train")]
    assert found["stay_id"].tolist() == expected["stay_id"].tolist()


def test_what_test_patients_have_changes_no_fit_but_the_published_median_does(tmp_path):
    hospital(tmp_path)
    before = pd.read_csv(fit(tmp_path, "random_forest")["importance"])
    frame = pd.read_parquet(tmp_path / "final_ecgs.parquet")
    frame.loc[160:, "acuity"] = 5.0
    frame.loc[160:, "lact_first"] = 99.0
    frame.to_parquet(tmp_path / "final_ecgs.parquet")
    pd.testing.assert_frame_equal(before, pd.read_csv(fit(tmp_path, "random_forest")["importance"]))
    leaky = fit(tmp_path, "random_forest", acuity_median="all")
    assert not before.equals(pd.read_csv(leaky["importance"]))


def test_a_laboratory_value_that_nobody_has_becomes_zero(tmp_path):
    hospital(tmp_path)
    frame = pd.read_parquet(tmp_path / "final_ecgs.parquet").assign(crp_peak=np.nan)
    frame.to_parquet(tmp_path / "final_ecgs.parquet")
    assert (
        pd.read_parquet(fit(tmp_path, "random_forest")["predictions"])["probability"].notna().all()
    )


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda frame: frame.assign(age=np.nan), "missing values in 1 features: age"),
        (lambda frame: frame.drop(columns=["age", "pmh_CIR"]), "2 static features are absent"),
        (lambda frame: frame.iloc[1:], r"1 of \d+ stays have no features\n"),
    ],
)
def test_faulty_features_are_named(tmp_path, damage, message):
    hospital(tmp_path)
    path = tmp_path / "final_ecgs.parquet"
    damage(pd.read_parquet(path)).to_parquet(path)
    with pytest.raises(InputError, match=message):
        fit(tmp_path, "random_forest")
    assert not (tmp_path / "run").exists()


def test_one_class_and_unknown_choices(tmp_path):
    stays, _ = hospital(tmp_path)
    stays.assign(label=1).to_parquet(tmp_path / "spine.parquet")
    with pytest.raises(CohortError, match="160 training stays"):
        fit(tmp_path, "lightgbm")
    with pytest.raises(ConfigError, match="unknown kind of baseline 'svm'"):
        fit_baseline("svm", "all", "f", "s", {}, {})
    with pytest.raises(ConfigError, match="unknown subset of stays 'some'"):
        fit(tmp_path, "lightgbm", "some")
    with pytest.raises(ConfigError, match="outputs of lightgbm"):
        fit_baseline("lightgbm", "all", "f", "s", {}, {"predictions": "p"})
