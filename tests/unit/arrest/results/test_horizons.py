"""Scores at every horizon, against scikit-learn on epochs written out."""

from __future__ import annotations

import made_arrest_predictions as made
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)
from statsmodels.stats.proportion import proportion_confint

from mimicflow.arrest.results.calibration import calibrate_epochs
from mimicflow.arrest.results.horizon_scores import (
    estimate_scores,
    horizon_label,
    read_epochs,
    weighted_scores,
)
from mimicflow.arrest.results.horizons import COLUMNS, score_horizons
from mimicflow.errors import ConfigError
from mimicflow.evaluation.predictions import PredictionsError
from mimicflow.evaluation.statistics.jackknife import all_weightings, jackknife
from mimicflow.evaluation.study import Study

OPTIONS = {"horizons_h": [24, 18, 12, 6, 3, 1], "specificity": 0.8, "confidence": "none"}


def scored(folder, table, options=OPTIONS, *, synthetic=True, smallest=10):
    path = made.write(folder, {"hrv": table})["hrv"]
    output, roc, prc = (folder / name for name in ("metrics.csv", "roc.png", "prc.png"))
    study = Study(synthetic=synthetic, smallest=smallest)
    score_horizons(path, options, output, roc, prc, study, model="hrv")
    return pd.read_csv(output)


def within_stays(test, hours):
    areas = []
    for _, stay in test[test["label"] == 1].groupby("stay_id"):
        near = stay["hours_to_arrest"] <= hours
        if near.nunique() == 2:
            areas.append(roc_auc_score(near, stay["probability"]))
    return np.mean(areas) if areas else np.nan


@pytest.fixture(scope="module")
def table():
    return made.predictions()


@pytest.fixture(scope="module")
def metrics(tmp_path_factory, table):
    return scored(tmp_path_factory.mktemp("horizons"), table)


def test_scores_are_those_of_scikit_learn(table, metrics):
    test = table[table["split"] == "test"]
    for hours, rows in metrics.groupby("horizon_h"):
        label = np.where(test["hours_to_arrest"].isna(), 0, test["hours_to_arrest"] <= hours)
        probability = test["probability"].to_numpy()
        flagged = probability >= rows["threshold"].iloc[0]
        found = rows.set_index("score")["value"]
        expected = {
            "auroc": roc_auc_score(label, probability),
            "auprc": average_precision_score(label, probability),
            "sensitivity": recall_score(label, flagged),
            "specificity": recall_score(label, flagged, pos_label=0),
            "precision": precision_score(label, flagged),
            "accuracy": accuracy_score(label, flagged),
            "f1": f1_score(label, flagged),
            "auroc_within": within_stays(test, hours),
        }
        assert found.to_dict() == pytest.approx(expected, abs=1e-12, nan_ok=True)
        across = rows[rows["score"] != "auroc_within"]
        assert (across["events"] == label.sum()).all()
        assert (across["n"] == len(test)).all()


def test_threshold_is_the_lowest_with_the_specificity_out_of_fold(table, metrics):
    validation = table[table["split"] == "validation"]
    for hours, rows in metrics.groupby("horizon_h"):
        negative = validation[~(validation["hours_to_arrest"] <= hours)]["probability"]
        threshold = rows["threshold"].iloc[0]
        lower = validation["probability"][validation["probability"] < threshold].max()
        assert (negative < threshold).mean() >= 0.8
        assert (negative < lower).mean() < 0.8


def test_columns_counts_and_published_figures(metrics, table):
    assert list(metrics.columns) == COLUMNS
    first = metrics[metrics["horizon_h"] == 24].set_index("score")
    assert first["published"].to_dict() == pytest.approx(
        {
            "auroc": 0.881,
            "auprc": 0.104,
            "sensitivity": 0.817,
            "specificity": 0.8,
            "precision": 0.053,
            "accuracy": np.nan,
            "f1": 0.1,
            "auroc_within": np.nan,
        },
        nan_ok=True,
    )
    assert metrics[metrics["horizon_h"] < 24]["published"].isna().all()
    test = table[table["split"] == "test"]
    across = metrics[metrics["score"] != "auroc_within"]
    assert set(across["patients"]) == {test["subject_id"].nunique()}
    assert set(across["event_stays"]) == {test.loc[test["label"] == 1, "stay_id"].nunique()}
    ordered = across[["lower", "value", "upper"]].to_numpy()
    assert (np.diff(ordered, axis=1) >= 0).all()


def test_scores_without_each_patient_are_those_of_the_shared_jackknife(table, monkeypatch):
    # Few cells at once, so that steps are taken in many blocks; two decimals, so that many tie.
    monkeypatch.setattr("mimicflow.arrest.results.horizon_scores._CELLS_AT_ONCE", 500)
    test = table[table["split"] == "test"]
    label = horizon_label(test, 6)
    probability = test["probability"].round(2).to_numpy()
    patient = test["subject_id"].to_numpy()
    ours = weighted_scores(label, probability, patient, 0.2, all_weightings(patient, 7))
    shared = jackknife(label, probability, patient, 7, (probability >= 0.2)[:, None])
    for score, other in {"precision": "ppv"}.items() | {
        (name, name) for name in ("auroc", "auprc", "sensitivity", "specificity", "f1")
    }:
        assert np.ptp(ours[score]) > 0
        np.testing.assert_allclose(ours[score], shared[other].ravel(), rtol=1e-10)


def test_a_precision_is_known_by_those_who_are_flagged():
    label, patient = np.repeat([1, 0], [30, 70]), np.arange(100)
    probability = np.where(patient < 6, 0.9, 0.2)
    weights = all_weightings(patient, 0)
    found = estimate_scores(label, probability, patient, 0.5, weights)
    assert found["precision"] == pytest.approx((1, 0.025 ** (1 / 6), 1))
    assert found["specificity"] == pytest.approx((1, 0.025 ** (1 / 70), 1))


def test_accuracy_of_a_draw_is_that_of_the_drawn_epochs():
    label, patient = np.array([1, 0, 0, 1]), np.array(["a", "a", "b", "b"])
    probability = np.array([0.9, 0.8, 0.1, 0.2])
    drawn = weighted_scores(label, probability, patient, 0.5, np.array([[2.0, 1.0], [0.0, 1.0]]))
    # Twice right of a twice, once right of b twice: 3 of 6; and b alone, 1 of 2.
    assert drawn["accuracy"] == pytest.approx([0.5, 0.5])
    assert drawn["sensitivity"] == pytest.approx([2 / 3, 0.0])


def test_permuted_predictions_are_worth_a_coin(tmp_path):
    table = made.predictions(stays=300, events=100, per_stay=20)
    generator = np.random.default_rng(5)
    for split in ("test", "validation"):
        rows = table["split"] == split
        table.loc[rows, "probability"] = generator.permutation(table.loc[rows, "probability"])
    found = scored(tmp_path, table, OPTIONS | {"horizons_h": [24, 6]})
    assert found[found["score"] == "auroc"]["value"].to_list() == pytest.approx([0.5] * 2, abs=0.03)


def test_a_horizon_without_events_is_reported_and_no_crash(tmp_path, table, caplog):
    late = table[~(table["hours_to_arrest"] <= 2)]
    found = scored(tmp_path, late)
    last = found[found["horizon_h"] == 1]
    assert (last["events"] == 0).all()
    across = last[last["score"] != "auroc_within"]
    assert (across["n"] == (late["split"] == "test").sum()).all()
    assert last[["value", "lower", "upper", "threshold"]].isna().all(axis=None)
    assert found[found["horizon_h"] == 3]["value"].notna().all()
    assert "no scores at 1 h: all" in caplog.text
    assert (tmp_path / "roc.png").stat().st_size > 0


def test_thresholds_alone_are_missing_where_only_validation_has_no_events(tmp_path, table):
    late = table[~((table["hours_to_arrest"] <= 2) & (table["split"] == "validation"))]
    found = scored(tmp_path, late, OPTIONS | {"horizons_h": [1]}).set_index("score")["value"]
    assert found[["auroc", "auprc"]].notna().all()
    assert found.drop(["auroc", "auprc", "auroc_within"]).isna().all()


def test_real_horizons_of_few_patients_are_suppressed(tmp_path, table, texts):
    near = table["hours_to_arrest"] <= 3
    few = table["stay_id"].isin(["s0000", "s0001", "s0002", "s0003"])
    found = scored(tmp_path, table[~near | few], synthetic=False)
    hidden = found[found["suppressed"]]
    assert set(hidden["horizon_h"]) == {3, 1}
    assert hidden[["value", "lower", "events", "event_stays"]].isna().all(axis=None)
    assert found[~found["suppressed"]]["events"].notna().all()
    assert "within 1 h\ntoo few patients to be shown" in texts
    assert "SYNTHETIC DATA – not patients" not in texts


def test_stays_are_not_counted_where_a_few_have_no_epoch_so_near(tmp_path, texts):
    """Three of 20 event stays have none within 6 h, ten of these 17 none within 3 h."""
    table = made.predictions(stays=120, events=40)
    number = table["stay_id"].str[1:].astype(int)
    cut = (number < 6) & (table["hours_to_arrest"] <= 6)
    cut |= (number < 26) & (table["hours_to_arrest"] <= 3)
    options = OPTIONS | {"horizons_h": [12, 6, 3]}
    found = scored(tmp_path, table[~cut], options, synthetic=False, smallest=5)
    counted = found[found["score"] == "auroc"].set_index("horizon_h")["event_stays"]
    assert counted[12] == 20 and np.isnan(counted[6]) and counted[3] == 7
    within = found[found["score"] == "auroc_within"].set_index("horizon_h")
    assert within["value"].notna().all()
    assert within["stays"].notna().to_dict() == {12: True, 6: False, 3: True}
    (entry,) = {text for text in texts if text.startswith("within 6 h") and "AUROC" in text}
    assert " epochs\nAUROC" in entry


def test_few_controls_are_not_made_up_for_by_far_epochs_of_event_stays(tmp_path):
    table = made.predictions(stays=66, events=60)
    found = scored(tmp_path, table, OPTIONS | {"horizons_h": [24, 6]}, synthetic=False)
    assert found["suppressed"].all() and found["event_stays"].isna().all()


def test_figures_show_counts_and_the_stamp(tmp_path, table, texts):
    scored(tmp_path, table)
    entry = next(text for text in texts if text.startswith("within 6 h") and "AUROC" in text)
    assert "120 epochs of 10 stays" in entry
    assert "SYNTHETIC DATA – not patients" in texts


def test_the_same_bytes_every_time(tmp_path, table):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        scored(tmp_path / name, table.sample(frac=1, random_state=len(name)))
    for file in ("metrics.csv", "roc.png", "prc.png"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.mark.parametrize("hours", [[], [0, 6], [6, 6]])
def test_horizons_that_cannot_be(tmp_path, table, hours):
    with pytest.raises(ConfigError, match="horizons_h"):
        scored(tmp_path, table, OPTIONS | {"horizons_h": hours})


def test_labels_that_contradict_the_hours(tmp_path, table):
    wrong = table.assign(hours_to_arrest=table["hours_to_arrest"].where(table["epoch_id"] != 3))
    path = made.write(tmp_path, {"hrv": wrong})["hrv"]
    with pytest.raises(PredictionsError, match=r"hrv\.parquet: 1 epochs, the first 3"):
        read_epochs(path, "test")
    lacking = made.write(tmp_path, {"hrv": table.drop(columns="end")})["hrv"]
    with pytest.raises(PredictionsError, match="columns missing: end"):
        read_epochs(lacking, "test")


def test_calibration_by_bin(tmp_path, table):
    path = made.write(tmp_path, {"hrv": table})["hrv"]
    output, figure = tmp_path / "calibration.csv", tmp_path / "calibration.png"
    options = {"model": "hrv", "bins": 4}
    calibrate_epochs(path, output, figure, Study(synthetic=True), **options)
    found = pd.read_csv(output)
    test = table[table["split"] == "test"].sort_values("probability")
    quarters = [test.iloc[at : at + len(test) // 4] for at in range(0, len(test), len(test) // 4)]
    assert found["n"].to_list() == [len(part) for part in quarters]
    assert found["observed"].to_list() == pytest.approx([part["label"].mean() for part in quarters])
    assert found["predicted"].to_list() == pytest.approx(
        [part["probability"].mean() for part in quarters]
    )
    # Epochs of a patient go together, so that the interval is wider than that of so many rows.
    low, high = proportion_confint(found["events"], found["n"], method="wilson")
    assert (found["high"] - found["low"] > high - low).all()
    calibrate_epochs(path, output, figure, Study(), **options)
    assert len(pd.read_csv(output)) < 4
    calibrate_epochs(path, output, figure, Study(smallest=1000), **options)
    assert pd.read_csv(output).empty
