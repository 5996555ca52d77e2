"""Importance of the baselines: the same as the libraries', on the right stays, true to the truth.

The hospital of these tests is the synthetic one: its features carry known terms, or none.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shap
from lightgbm import LGBMClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.inspection import permutation_importance
from sklearn.metrics import roc_auc_score

from mimicflow.admission.baselines import fit, fit_baseline
from mimicflow.admission.explanations.explain_baselines import (
    TRAINING_MEASURE,
    explain_baseline,
    permutation_drops,
    shap_values,
)
from mimicflow.concepts import static_features
from mimicflow.errors import CohortError, ConfigError
from mimicflow.evaluation.importance import compare_with_truth
from mimicflow.synthetic import emergency
from mimicflow.synthetic.courses import draw_moments
from mimicflow.synthetic.population import draw_chunk
from mimicflow.synthetic.visits import draw_visits

OPTIONS = {
    "random_forest": {"n_estimators": 40, "min_samples_leaf": 5},
    "lightgbm": {"n_estimators": 40, "learning_rate": 0.1, "num_leaves": 7},
}
KINDS = list(OPTIONS)
SIGNAL = ["age", "acuity", "arrival_transport_AMBULANCE", "arrival_transport_WALK IN"]
NOISE = ["gender_M", "Chest Pain", "Dyspnea", "Syncope", "missing_acuity"]
TRUTH = pd.DataFrame(
    {"feature": SIGNAL + NOISE, "role": ["signal"] * len(SIGNAL) + ["noise"] * len(NOISE)}
)


def synthetic_stays(number):
    """One chunk of the synthetic hospital: outcome, and what its tables show of each stay."""
    chunk = draw_chunk(seed=5, number=number, n=1000)
    visits, moments = draw_visits(chunk), draw_moments(chunk)
    stays = pd.DataFrame(emergency.edstays(chunk, visits)).set_index("stay_id")
    triage = pd.DataFrame(emergency.triage_and_vitalsign(chunk, visits, moments)[0])
    table = triage.set_index("stay_id")[["acuity", "chiefcomplaint"]]
    table = table.join(stays[["gender", "arrival_transport", "subject_id"]])
    outcome = chunk.stays.set_index("stay_id")
    table = table.join(outcome[["eligible", "admitted", "n_ecg"]])
    people = chunk.patients.set_index("subject_id")
    return table[table["eligible"]].assign(age=lambda t: t["subject_id"].map(people["anchor_age"]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Feature table and spine; features that are not made here are 0."""
    stays = pd.concat([synthetic_stays(number) for number in (0, 1)]).reset_index()
    complaint = stays["chiefcomplaint"].str.lower()
    values = pd.DataFrame(0.0, index=stays.index, columns=static_features()["name"])
    values["age"], values["acuity"] = stays["age"], stays["acuity"]
    values["gender_M"] = stays["gender"] == "M"
    values["missing_acuity"] = stays["acuity"].isna()
    for way in ("AMBULANCE", "HELICOPTER", "WALK IN"):
        values[f"arrival_transport_{way}"] = stays["arrival_transport"] == way
    for name, word in (("Chest Pain", "chest"), ("Dyspnea", "dyspnea"), ("Syncope", "syncope")):
        values[name] = complaint.str.contains(word)
    subject = stays["subject_id"].astype("int64")
    split = np.where(subject % 10 < 6, "train", "test")
    spine = stays[["stay_id"]].assign(
        subject_id=subject, label=stays["admitted"].astype("int8"), n_ecg=1, split=split
    )
    place = tmp_path_factory.mktemp("baselines")
    spine.to_parquet(place / "spine.parquet")
    values.astype(float).assign(stay_id=stays["stay_id"]).to_parquet(place / "final_ecgs.parquet")
    return place


def arguments(folder, kind, **changes):
    files = (folder / "final_ecgs.parquet", changes.pop("spine", folder / "spine.parquet"))
    return (kind, "all", *files, OPTIONS[kind]), changes


def explained(folder, kind, output, **changes):
    first, more = arguments(folder, kind, **changes)
    explain_baseline(*first, output, **more)
    return pd.read_csv(output)


@pytest.fixture(scope="module")
def tables(folder):
    return {kind: explained(folder, kind, folder / f"{kind}.csv") for kind in KINDS}


@pytest.fixture(scope="module", params=KINDS)
def fitted(request, folder):
    first, _ = arguments(folder, request.param)
    model, table, values = fit(*first, acuity_median="training", seed=0, threads=1)
    test = table["split"] == "test"
    return model, values[test], table.loc[test, "label"].to_numpy()


@pytest.mark.parametrize("kind", KINDS)
def test_table_of_a_fold(tables, kind):
    table = tables[kind]
    assert table.columns.tolist() == ["feature", "group", "measure", "value"]
    assert table["measure"].unique().tolist() == [TRAINING_MEASURE[kind], "permutation", "shap"]
    assert (table.groupby("measure").size() == 354).all()
    shares = table.loc[table["measure"] == TRAINING_MEASURE[kind], "value"]
    assert shares.sum() == pytest.approx(1)
    constant = table[table["feature"] == "pmh_CIR"]
    assert (constant["value"] == 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_model_is_the_one_that_was_fitted_before(tables, folder, tmp_path, kind):
    first, _ = arguments(folder, kind)
    names = ["predictions", "importance", "config"] + ["model"] * (kind == "lightgbm")
    fit_baseline(*first, {name: tmp_path / name for name in names})
    kept = pd.read_csv(tmp_path / "importance").set_index("feature")["importance"]
    again = tables[kind][tables[kind]["measure"] == TRAINING_MEASURE[kind]]
    pd.testing.assert_series_equal(
        again.set_index("feature")["value"], kept[again["feature"]], check_names=False
    )


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(n_estimators=10, random_state=0),
        LGBMClassifier(n_estimators=10, min_child_samples=5, verbosity=-1, random_state=0),
    ],
    ids=KINDS,
)
def test_permutation_equals_scikit_learns_although_unused_features_are_left_out(model):
    generator = np.random.default_rng(0)
    x = pd.DataFrame(generator.normal(size=(400, 5)), columns=list("abcde"))
    label = (x["a"] + 0.5 * x["b"] + generator.normal(size=400) > 0).to_numpy()
    train, test = x.iloc[:200].assign(d=0.0), x.iloc[200:].assign(e=1.0)  # d unused, e constant
    model.fit(train, label[:200])
    found = permutation_drops(model, test, label[200:], repeats=3, seed=4, threads=2)

    def auroc(model, x, y):
        return roc_auc_score(y, model.predict_proba(x)[:, 1])

    reference = permutation_importance(
        model, test, label[200:], scoring=auroc, n_repeats=3, random_state=4
    )
    np.testing.assert_allclose(found, reference.importances_mean, rtol=0, atol=1e-12)
    assert found[0] > found[1] > 0
    assert (found[3:] == 0).all()


def test_features_that_are_the_same_in_all_rows_need_no_permutation(fitted):
    model, values, label = fitted
    same = values.fillna(0.0) * 0.0
    assert (permutation_drops(model, same, label, repeats=2, seed=0, threads=1) == 0).all()


def test_shap_values_are_those_of_the_shap_library_and_add_up(fitted):
    model, values, _ = fitted
    rows = values.iloc[:8]
    explainer = shap.TreeExplainer(getattr(model, "booster_", model))
    reference = np.asarray(explainer.shap_values(rows))
    reference = reference[:, :, 1] if reference.ndim == 3 else reference
    found = shap_values(model, rows)
    np.testing.assert_allclose(found, reference, rtol=0, atol=1e-9)
    raw = hasattr(model, "booster_")
    predicted = model.predict(rows, raw_score=True) if raw else model.predict_proba(rows)[:, 1]
    offset = predicted - found.sum(axis=1)
    np.testing.assert_allclose(offset, offset[0], rtol=0, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_features_that_carry_no_signal_rank_last(tables, kind):
    table = tables[kind].rename(columns={"value": "mean"}).assign(model=kind)
    found = compare_with_truth(table, TRUTH).set_index("measure")
    honest = found.loc[["permutation", "shap"]]
    assert (honest["signal_rank"] <= 3).all()
    assert (honest["noise_rank"] > honest["signal_rank"]).all()
    assert (honest["first_noise_rank"] >= 3).all()  # the first two are signal
    # LightGBM asks for one of the two ways of arrival, which say the same.
    assert (honest["signal_first"] >= 0.85).all()


@pytest.mark.parametrize("feature", NOISE)
def test_noise_is_independent_of_the_outcome_and_signal_is_not(folder, feature):
    values = pd.read_parquet(folder / "final_ecgs.parquet")
    label = pd.read_parquet(folder / "spine.parquet")["label"]
    n = len(label)
    assert abs(np.corrcoef(values[feature], label)[0, 1]) * np.sqrt(n) < 3
    assert abs(np.corrcoef(values["age"], label)[0, 1]) * np.sqrt(n) > 5


def test_listed_features_exist():
    listed = pd.read_csv(Path(__file__).parents[4] / "benchmarks/static_features_truth.csv")
    assert listed["feature"].isin(static_features()["name"]).all()
    assert listed["feature"].is_unique
    assert set(SIGNAL) < set(listed.loc[listed["role"] == "signal", "feature"])
    assert set(NOISE) < set(listed.loc[listed["role"] == "noise", "feature"])


def test_threads_change_no_byte(folder, tables, tmp_path):
    explained(folder, "random_forest", tmp_path / "again.csv", threads=2)
    assert (tmp_path / "again.csv").read_bytes() == (folder / "random_forest.csv").read_bytes()


def test_fewer_shap_rows_change_shap_alone(folder, tables, tmp_path):
    few = explained(folder, "lightgbm", tmp_path / "few.csv", shap_rows=5)
    equal = (few["value"] == tables["lightgbm"]["value"]).groupby(few["measure"]).all()
    assert equal.to_dict() == {"gain": True, "permutation": True, "shap": False}


def test_one_class_among_test_stays_and_unknown_kind(folder, tmp_path):
    spine = pd.read_parquet(folder / "spine.parquet")
    spine.loc[spine["split"] == "test", "label"] = 1
    spine.to_parquet(tmp_path / "spine.parquet")
    with pytest.raises(CohortError, match="test stays of this model do not hold both"):
        explained(folder, "lightgbm", tmp_path / "o.csv", spine=tmp_path / "spine.parquet")
    with pytest.raises(ConfigError, match="unknown kind of baseline 'svm'"):
        explain_baseline("svm", "all", "f", "s", {}, tmp_path / "o.csv")
    assert not (tmp_path / "o.csv").exists()
