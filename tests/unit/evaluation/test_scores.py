"""The tables of scores, folds, curves and comparisons hold what the functions behind them say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_curve
from statsmodels.stats.multitest import multipletests

from mimicflow.errors import ConfigError
from mimicflow.evaluation.assessment import assess, fold_scores
from mimicflow.evaluation.predictions import PredictionsError, read_predictions
from mimicflow.evaluation.scores import compare_pairs, score_models, thin
from mimicflow.evaluation.statistics.delong import compare_aurocs
from mimicflow.evaluation.study import Study
from mimicflow.evaluation.thresholds import choose_by_fold

RULES = {"youden": True, "specificity": [0.9], "ppv": [0.7]}
COLUMNS = [
    "model",
    "title",
    "stays",
    "patients",
    "n",
    "events",
    "score",
    "threshold_rule",
    "value",
    "low",
    "high",
    "interval",
    "calibrated_up_to",
    "promised",
    "fold_mean",
    "fold_sd",
    "published",
    "optimistic",
    "data",
]
FOLDS = ["model", "fold", "patients", "n", "events", "score", "value"]
COMPARISON = [
    "stays",
    "model_a",
    "title_a",
    "model_b",
    "title_b",
    "n",
    "patients",
    "auroc_a",
    "auroc_b",
    "difference",
    "low",
    "high",
    "t",
    "p",
    "p_holm",
    "data",
]


def write_predictions(path, seed=0, n=600, folds=3, validation=True) -> pd.DataFrame:
    """Two stays per patient; each fold's validation patients are those of the next fold."""
    generator = np.random.default_rng(seed)
    patient = np.arange(n) // 2
    label = (np.random.default_rng(9).random(n) < 0.4).astype(int)
    test = pd.DataFrame({"stay_id": np.arange(n), "subject_id": patient, "fold": patient % folds})
    test = test.assign(split="test", label=label)
    inner = test.assign(fold=(test["fold"] + 1) % folds, split="validation")
    frame = pd.concat([test, inner] if validation else [test], ignore_index=True)
    logit = 1.5 * (frame["label"] - 0.5) + generator.normal(size=len(frame))
    frame["probability"] = 1 / (1 + np.exp(-logit))
    frame.to_parquet(path)
    return frame


@pytest.fixture
def models(tmp_path):
    """Two models of all stays, one of stays with several ECGs, and where their tables lie."""
    names = {"multi_stays_ECGonly": "multi", "all_stays_model": "all", "mine": "all"}
    for seed, name in enumerate(names):
        write_predictions(tmp_path / f"{name}.parquet", seed)
    return {name: tmp_path / f"{name}.parquet" for name in names}, names


def outputs(folder):
    return {name: folder / f"{name}.csv" for name in ("scores", "folds", "curves")}


def score(models, folder, *, synthetic=True, **options):
    paths, stays = models
    where = outputs(folder)
    study = Study(synthetic=synthetic)
    score_models(paths, stays, where, study, **{"rules": RULES} | options)
    return {name: pd.read_csv(path) for name, path in where.items()}


def test_scores_of_all_models(models, tmp_path):
    tables = score(models, tmp_path / "out")
    scores = tables["scores"]
    assert scores.columns.tolist() == COLUMNS
    assert scores["model"].unique().tolist() == ["all_stays_model", "mine", "multi_stays_ECGonly"]
    paths, stays = models
    for model, path in paths.items():
        rows = scores[scores["model"] == model]
        assert set(rows["stays"]) == {stays[model]}
        assert (rows[["patients", "n"]] == [300, 600]).all(axis=None)
        frame, thresholds = read_predictions(path), choose_by_fold(path, RULES)
        found = assess(frame, model, Study(), thresholds=thresholds)
        plain = rows[rows["threshold_rule"].isna()].set_index(["score", "interval"])
        for name in ("auroc", "auprc", "brier", "log_loss", "calibration_slope"):
            row = plain.loc[(name, "jackknife")]
            assert tuple(row[["value", "low", "high"]]) == pytest.approx(found.scores[name])
        assert tuple(plain.loc[("auroc", "delong")][["value", "low", "high"]]) == pytest.approx(
            found.delong
        )
        decided = rows.dropna(subset="threshold_rule").set_index(["score", "threshold_rule"])
        for rule, decisions in found.decisions.items():
            for name, estimate in decisions.items():
                row = decided.sort_index().loc[(name, rule)]
                assert tuple(row[["value", "low", "high"]]) == pytest.approx(estimate)
            mean = np.mean([of_fold[rule] for of_fold in thresholds.values()])
            assert decided.loc[("threshold", rule), "value"] == pytest.approx(mean)
        errors = rows.set_index("score")
        for name, error in found.calibration.items():
            row = errors.loc[name, ["value", "calibrated_up_to"]]
            assert tuple(row) == pytest.approx(error)
            assert errors.loc[name, ["low", "high", "interval"]].isna().all()
        assert errors.drop([*found.calibration])["calibrated_up_to"].isna().all()
        assert len(found.decisions) == 3


def test_folds_and_their_spread(models, tmp_path):
    tables = score(models, tmp_path / "out")
    folds, scores = tables["folds"], tables["scores"]
    assert folds.columns.tolist() == FOLDS
    for model, path in models[0].items():
        expected = fold_scores(read_predictions(path), Study(), choose_by_fold(path, RULES))
        found, plain = folds[folds["model"] == model], expected.query("threshold_rule == ''")
        np.testing.assert_allclose(found["value"], plain["value"])
        assert found["score"].tolist() == plain["score"].tolist()
        for rule, name in (("", "auroc"), ("", "ici"), ("youden", "ppv"), ("youden", "threshold")):
            values = expected.query("score == @name and threshold_rule == @rule")["value"]
            rows = scores[(scores["model"] == model) & (scores["score"] == name)]
            row = rows[rows["threshold_rule"].fillna("") == rule].iloc[0]
            assert row["fold_mean"] == pytest.approx(values.mean())
            assert row["fold_sd"] == pytest.approx(values.std(ddof=1))


def test_published_scores_and_flags_beside_ours(models, tmp_path):
    scores = score(models, tmp_path / "out", optimistic=True)["scores"]
    ours, mine = (scores[scores["model"] == model] for model in ("all_stays_model", "mine"))
    known = ours.dropna(subset="published")[["score", "published"]].to_numpy().tolist()
    assert known == [["auroc", 0.911], ["auroc", 0.911], ["auprc", 0.889]]
    assert mine["published"].isna().all()
    assert set(mine["title"]) == {"mine"}
    assert set(scores["data"]) == {"synthetic"}
    assert scores["optimistic"].all()
    real = score(models, tmp_path / "real", synthetic=False)["scores"]
    assert set(real["data"]) == {"real"}
    assert not real["optimistic"].any()


def test_the_same_bytes_again(models, tmp_path):
    for folder in ("a", "b"):
        score(models, tmp_path / folder)
    for name in outputs(tmp_path):
        first, second = ((tmp_path / f / f"{name}.csv").read_bytes() for f in "ab")
        assert first == second


def test_without_validation_patients_and_folds(tmp_path):
    path = tmp_path / "m.parquet"
    frame = write_predictions(path, validation=False)
    frame.drop(columns="fold").to_parquet(path)
    tables = score(({"m": path}, {"m": "all"}), tmp_path / "out")
    assert tables["scores"]["threshold_rule"].isna().all()
    assert tables["scores"]["fold_sd"].isna().all()
    np.testing.assert_allclose(tables["scores"]["fold_mean"], tables["scores"]["value"])
    assert tables["folds"]["fold"].unique().tolist() == [0]


def test_a_rule_that_no_threshold_reaches_has_empty_scores(tmp_path):
    path = tmp_path / "m.parquet"
    frame = write_predictions(path)
    frame.loc[frame["fold"] == 0, "probability"] = 0.5  # no two rows differ there
    frame.to_parquet(path)
    tables = score(({"m": path}, {"m": "all"}), tmp_path / "out", rules={"ppv": [0.7]})
    decided = tables["scores"].query("threshold_rule == 'ppv_0.7'")
    assert len(decided) == 6 and decided["promised"].isna().all()  # nothing is promised
    assert (
        decided[["value", "low", "high", "interval", "calibrated_up_to", "fold_mean", "fold_sd"]]
        .isna()
        .all(axis=None)
    )


def test_only_what_is_asked_for_is_written_and_nothing_unknown(models, tmp_path):
    paths, stays = models
    score_models(paths, stays, {"folds": tmp_path / "f.csv"}, Study())
    assert (tmp_path / "f.csv").exists()
    with pytest.raises(ConfigError, match="unknown output rocs"):
        score_models(paths, stays, {"rocs": tmp_path / "r.csv"}, Study())
    with pytest.raises(ConfigError, match="no subset of stays given for multi_stays_ECGonly, all"):
        score_models(paths, {"mine": "all"}, {}, Study())


def distance(x, y, line_x, line_y):
    """Return how far each point is from a line of straight pieces."""
    start = np.stack([line_x, line_y])[:, None, :-1]
    piece = np.diff(np.stack([line_x, line_y]))[:, None, :]
    offset = np.stack([x, y])[:, :, None] - start
    along = np.clip((offset * piece).sum(axis=0) / (piece**2).sum(axis=0), 0, 1)
    return np.sqrt(((offset - along * piece) ** 2).sum(axis=0)).min(axis=1)


def test_thinned_curves_look_the_same(tmp_path):
    path = tmp_path / "m.parquet"
    frame = write_predictions(path, n=20_000).query("split == 'test'")
    curves = score(({"m": path}, {"m": "all"}), tmp_path / "out")["curves"]
    fpr, tpr, _ = roc_curve(frame["label"], frame["probability"])
    precision, recall, _ = precision_recall_curve(frame["label"], frame["probability"])
    roc, pr = (curves[curves["curve"] == kind] for kind in ("roc", "pr"))
    for thinned, full_x, full_y in ((roc, fpr, tpr), (pr, recall[::-1], precision[::-1])):
        assert 100 < len(thinned) <= 200
        assert thinned["x"].is_monotonic_increasing
        assert tuple(thinned[["x", "y"]].iloc[0]) == (full_x[0], full_y[0])
        assert tuple(thinned[["x", "y"]].iloc[-1]) == (full_x[-1], full_y[-1])
        # No point of the whole curve is further away than the width of a drawn line.
        assert distance(full_x, full_y, thinned["x"], thinned["y"]).max() < 0.008
    assert auc(roc["x"], roc["y"]) == pytest.approx(auc(fpr, tpr), abs=5e-4)
    expected = average_precision_score(frame["label"], frame["probability"])
    assert auc(pr["x"], pr["y"]) == pytest.approx(expected, abs=2e-3)


def test_a_short_curve_is_kept_whole():
    x, y = np.array([0, 0.5, 1]), np.array([0, 1, 1])
    assert thin(x, y) == (x, y)


def test_all_pairs_of_the_same_stays(models, tmp_path):
    paths, stays = models
    write_predictions(tmp_path / "third.parquet", 7)
    paths, stays = paths | {"third": tmp_path / "third.parquet"}, stays | {"third": "all"}
    compare_pairs(paths, stays, tmp_path / "c.csv", Study(synthetic=True))
    table = pd.read_csv(tmp_path / "c.csv")
    assert table.columns.tolist() == COMPARISON
    pairs = [("all_stays_model", "mine"), ("all_stays_model", "third"), ("mine", "third")]
    assert [*zip(table["model_a"], table["model_b"], strict=True)] == pairs
    row = table.iloc[0]
    a, b = (read_predictions(paths[model]) for model in pairs[0])
    found = compare_aurocs(a["label"], a["probability"], b["probability"], a["subject_id"])
    for name in ("low", "high", "t", "p"):
        assert row[name] == pytest.approx(getattr(found, name))
    assert table["p_holm"].tolist() == pytest.approx(multipletests(table["p"], method="holm")[1])
    assert (table["p_holm"] > table["p"]).any()
    assert row["difference"] == pytest.approx(row["auroc_a"] - row["auroc_b"])
    assert (row["n"], row["patients"], row["data"], row["stays"]) == (600, 300, "synthetic", "all")
    assert (row["title_a"], row["title_b"]) == ("ECG, vital signs and static", "mine")


def test_rows_that_repeat_make_no_difference_more_certain(models, tmp_path):
    paths, stays = models
    compare_pairs(paths, stays, tmp_path / "once.csv", Study(synthetic=True))
    for path in paths.values():
        rows = pd.read_parquet(path)
        copies = [rows.assign(stay_id=rows["stay_id"] + copy * 10_000) for copy in range(3)]
        pd.concat(copies, ignore_index=True).to_parquet(path)
    compare_pairs(paths, stays, tmp_path / "thrice.csv", Study(synthetic=True))
    once, thrice = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("once", "thrice"))
    assert (thrice["n"] == 3 * once["n"]).all()
    columns = ["difference", "low", "high", "t", "p", "p_holm"]
    pd.testing.assert_frame_equal(once[columns], thrice[columns])


def test_models_that_are_not_of_the_same_rows(models, tmp_path):
    paths, stays = models
    frame = pd.read_parquet(paths["mine"])
    flipped = frame.assign(label=frame["label"].where(frame["stay_id"] != 3, 1 - frame["label"]))
    for changed, message in (
        (frame[frame["stay_id"] > 1], "598 and 600 rows, 598 of them with the same"),
        (flipped, "600 and 600 rows, 599 of them"),
    ):
        changed.to_parquet(paths["mine"])
        with pytest.raises(PredictionsError, match=message):
            compare_pairs(paths, stays, tmp_path / "c.csv", Study())
    assert not (tmp_path / "c.csv").exists()


def test_a_single_model_has_no_pair(models, tmp_path):
    paths = {"mine": models[0]["mine"]}
    compare_pairs(paths, {"mine": "all"}, tmp_path / "c.csv", Study())
    table = pd.read_csv(tmp_path / "c.csv")
    assert table.empty
    assert table.columns.tolist() == COMPARISON


def test_what_cannot_be_promised_is_said_and_what_is_none_is_not(models, tmp_path):
    rules = {"youden": True, "specificity": [0.7], "ppv": [0.99], "confidence": 0.95}
    scores = score(models, tmp_path / "out", rules=rules)["scores"]
    promised = scores.groupby("threshold_rule")["promised"].agg(lambda of: of.dropna().unique())
    assert promised["specificity_0.7"].tolist() == [True]
    assert promised["ppv_0.99"].tolist() == [False]
    assert not len(promised["youden"])
    empty = scores[scores["threshold_rule"] == "ppv_0.99"]
    assert empty["value"].isna().all()
    lucky = score(models, tmp_path / "lucky", rules=rules | {"confidence": "none"})["scores"]
    rows = (frame.query("score == 'threshold'").set_index(["model", "threshold_rule"])["value"]
            for frame in (scores, lucky))  # fmt: skip
    higher = next(rows).sub(next(rows)).xs("specificity_0.7", level="threshold_rule")
    assert (higher > 0).all()
