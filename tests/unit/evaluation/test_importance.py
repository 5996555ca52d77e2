"""Importance over folds: means, ranks, figures, and the check against a known truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mimicflow.concepts import static_features
from mimicflow.errors import ConfigError, InputError
from mimicflow.evaluation import importance
from mimicflow.evaluation.importance import (
    COLUMNS,
    KINDS,
    combine_importance,
    compare_with_truth,
    feature_labels,
)
from mimicflow.evaluation.study import Study

TITLES = {"forest": "Random forest", "boosted": "LightGBM"}


def fold(path, values, measure="impurity"):
    """One fold's table: the same values for all three measures, twice as large for shap."""
    frames = [
        pd.DataFrame({"feature": list(values), "group": "labs", "measure": name,
                      "value": np.array(list(values.values())) * factor})
        for name, factor in ((measure, 1), ("permutation", 1), ("shap", 2))
    ]  # fmt: skip
    pd.concat(frames).to_csv(path, index=False)
    return path


@pytest.fixture
def folds(tmp_path):
    first = {"age": 0.5, "k_first": 0.1, "Chest Pain": 0.0, "acuity": 0.4}
    second = {"age": 0.3, "k_first": 0.3, "Chest Pain": 0.0, "acuity": 0.4}
    return {
        "forest": [fold(tmp_path / "a", first), fold(tmp_path / "b", second)],
        "boosted": [fold(tmp_path / "c", second, "gain"), fold(tmp_path / "d", second, "gain")],
    }


def combined(tmp_path, folds, **more):
    output = tmp_path / "importance.csv"
    figures = more.pop("figures", {})
    study = Study(synthetic=True, titles=TITLES)
    combine_importance(folds, dict.fromkeys(folds, "all"), output, figures, study, **more)
    return pd.read_csv(output)


def test_mean_sd_and_rank_over_folds(tmp_path, folds):
    table = combined(tmp_path, folds)
    assert table.columns.tolist() == COLUMNS
    assert len(table) == 2 * 3 * 4
    of_forest = table[(table["model"] == "forest") & (table["measure"] == "shap")]
    assert of_forest["feature"].tolist() == ["age", "acuity", "k_first", "Chest Pain"]
    assert of_forest["rank"].tolist() == [1, 1, 3, 4]
    np.testing.assert_allclose(of_forest["mean"], [0.8, 0.8, 0.4, 0])
    np.testing.assert_allclose(
        of_forest["sd"], [0.4 / np.sqrt(2), 0, 0.4 / np.sqrt(2), 0], atol=1e-9
    )
    assert set(table.loc[table["model"] == "boosted", "measure"]) == {"gain", "permutation", "shap"}
    assert set(table["title"]) == {f"{title}, all stays" for title in TITLES.values()}


def test_one_fold_has_no_sd(tmp_path, folds):
    table = combined(tmp_path, {model: paths[:1] for model, paths in folds.items()})
    assert table["sd"].isna().all()


def test_figures_show_the_leading_features_by_readable_names(tmp_path, folds, monkeypatch):
    panels = []
    panel = importance._panel

    def remembered(axes, *arguments):
        panel(axes, *arguments)
        panels.append(axes)

    monkeypatch.setattr(importance, "_panel", remembered)
    figures = {name: tmp_path / f"{name}.png" for name in KINDS}
    combined(tmp_path, folds, figures=figures, top=3)
    assert all(path.stat().st_size > 5000 for path in figures.values())
    forest, boosted = panels[-2:]
    assert [text.get_text() for text in forest.get_yticklabels()] == [
        "Age", "Triage acuity (ESI)", "Potassium, first",
    ]  # fmt: skip
    assert forest.get_title(loc="left") == "Random forest, all stays"
    assert "probability" in forest.get_xlabel()
    assert "log-odds" in boosted.get_xlabel()
    assert "2 folds" in boosted.get_xlabel()
    np.testing.assert_allclose([bar.get_width() for bar in forest.patches], [0.8, 0.8, 0.4])
    assert forest.get_ylim()[0] > forest.get_ylim()[1]  # the first on top


def test_three_models_leave_an_empty_place_and_the_same_bytes(tmp_path, folds):
    three = {**folds, "third": folds["forest"][:1] * 2}
    for name in "ab":
        combine_importance(
            three, dict.fromkeys(three, "all"), tmp_path / "i.csv",
            {"shap": tmp_path / f"{name}.png"}, Study(),
        )  # fmt: skip
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_folds_that_do_not_fit_and_unknown_figures(tmp_path, folds):
    with pytest.raises(ConfigError, match="'lime'"):
        combined(tmp_path, folds, figures={"lime": tmp_path / "lime.png"})
    other = fold(tmp_path / "other", {"age": 1.0})
    with pytest.raises(InputError, match="other features or kinds"):
        combined(tmp_path, {"forest": [folds["forest"][0], other]})
    assert not (tmp_path / "importance.csv").exists()


def test_every_static_feature_has_a_name_of_its_own():
    labels = feature_labels()
    assert labels.index.tolist() == static_features()["name"].tolist()
    assert labels.is_unique
    assert labels.str.len().max() < 60


def known(roles):
    return pd.DataFrame({"feature": list(roles), "role": list(roles.values())})


def test_truth_known_by_hand():
    table = pd.DataFrame(
        {
            "model": "m",
            "measure": "shap",
            "feature": ["a", "b", "c", "d", "e"],
            "mean": [5.0, 1.0, 3.0, 0.0, 0.0],
        }
    )
    truth = known({"a": "signal", "b": "signal", "c": "noise", "d": "noise"})
    (row,) = compare_with_truth(table, truth).to_dict("records")
    assert row == {
        "model": "m",
        "measure": "shap",
        "signal_rank": 2.0,  # of 1 and 3
        "noise_rank": 3.25,  # of 2 and 4.5
        "first_noise_rank": 2.0,
        "signal_first": 0.75,
    }


def test_strong_signal_comes_before_noise_for_a_real_forest():
    from sklearn.ensemble import RandomForestClassifier  # noqa: PLC0415

    from mimicflow.admission.explanations.explain_baselines import permutation_drops  # noqa: PLC0415

    generator = np.random.default_rng(0)
    names = [f"signal{i}" for i in range(3)] + [f"noise{i}" for i in range(9)]
    x = pd.DataFrame(generator.normal(size=(900, 12)), columns=names)
    label = (x.iloc[:, :3].sum(axis=1) + generator.normal(size=900) > 0).to_numpy().astype(int)
    forest = RandomForestClassifier(n_estimators=30, random_state=0).fit(x[:600], label[:600])
    drops = permutation_drops(forest, x[600:], label[600:], repeats=3, seed=0, threads=1)
    table = pd.DataFrame({"model": "m", "measure": "p", "feature": names, "mean": drops})
    truth = known({name: name.rstrip("0123456789") for name in names})
    (row,) = compare_with_truth(table, truth).to_dict("records")
    assert row["signal_rank"] == 2
    assert row["first_noise_rank"] == 4
    assert row["signal_first"] == 1


@pytest.mark.parametrize("truth", [known({"a": "signal"}), known({"a": "signal", "x": "noise"})])
def test_a_truth_that_cannot_be_compared(truth):
    table = pd.DataFrame({"model": "m", "measure": "shap", "feature": ["a"], "mean": [1.0]})
    with pytest.raises(InputError, match="the truth lists"):
        compare_with_truth(table, truth)
