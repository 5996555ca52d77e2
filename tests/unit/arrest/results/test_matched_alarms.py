"""False alarms of models that announce as many arrests, on stays that are worked out by hand."""

from __future__ import annotations

import json

import made_arrest_predictions as made
import numpy as np
import pandas as pd
import pytest

from mimicflow.arrest.results.matched_alarms import COLUMNS, match_alarms, threshold_of
from mimicflow.arrest.results.monitored import PlannedFiles
from mimicflow.errors import ConfigError
from mimicflow.evaluation.predictions import PredictionsError
from mimicflow.evaluation.study import Study

OPTIONS = {"silence_minutes": 60, "specificity": 0.8, "confidence": "none"}
THRESHOLD = 0.5
SCORES = ("event_sensitivity", "false_alarms_per_day")


class Files:
    """Predictions of models on the same epochs, with all of them kept unless said otherwise."""

    def __init__(self, folder, dropped=(), threshold=THRESHOLD, **tables):
        tables = {name: table[~table["stay_id"].isin(dropped)] for name, table in tables.items()}
        self.predictions = made.write(folder, tables)
        self.model = folder / "model.json"
        self.model.write_text(json.dumps({"threshold": {"specificity_0.8": threshold}}))
        self.output, self.figure = folder / "matched.csv", folder / "matched.png"
        plan = made.predictions().assign(
            split=lambda each: each["split"].replace("validation", "train")
        )
        self.planned = PlannedFiles(
            folder / "p.parquet", folder / "s.parquet", [folder / "m.parquet"]
        )
        plan.drop(columns=["probability", "split"]).to_parquet(self.planned.plan)
        plan.drop_duplicates("stay_id")[["stay_id", "split"]].to_parquet(self.planned.spine)
        reason = np.where(plan["stay_id"].isin(dropped), "low_quality", "")
        plan[["epoch_id"]].assign(reason=reason).to_parquet(self.planned.measured[0])

    def match(self, *, synthetic=True, **more):
        study = Study(synthetic=synthetic)
        files = self.predictions, self.planned, self.model, OPTIONS, self.output, self.figure
        match_alarms(*files, study, **{"reference": "hrv"} | more)
        return pd.read_csv(self.output).set_index("model")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("matched")
    models = {"clinical": made.predictions(3.0, seed=9), "hrv": made.predictions(0.5)}
    return Files(folder, **models, both=made.predictions(0.2, seed=3))


@pytest.fixture(scope="module")
def table(files):
    return files.match()


def by_hand(files, model, split, threshold):
    """Return the share of event stays that reach a threshold, and false alarms per day."""
    epochs = pd.read_parquet(files.predictions[model]).query("split == @split")
    flagged = epochs[epochs["probability"] >= threshold]
    events = epochs.loc[epochs["label"] == 1, "stay_id"].nunique()
    announced = flagged.loc[flagged["label"] == 1, "stay_id"].nunique()
    alarms = 0
    for _, part in flagged[flagged["label"] == 0].groupby("stay_id"):
        last = None
        for end in part["end"].sort_values():
            if last is None or end - last >= pd.Timedelta(minutes=60):
                alarms, last = alarms + 1, end
    days = (epochs["label"] == 0).sum() * 5 / 1440
    return announced / events, alarms / days


def test_thresholds_are_those_of_the_same_sensitivity_on_development_stays(files, table):
    assert list(table.reset_index()[COLUMNS].columns) == COLUMNS
    assert table.index.tolist() == ["hrv", "clinical", "both"]  # the reference first
    wanted, _ = by_hand(files, "hrv", "validation", THRESHOLD)
    assert 0.3 < wanted < 1
    for model, row in table.iterrows():
        share, _ = by_hand(files, model, "validation", row["threshold"])
        assert share == row["development_event_sensitivity"] == wanted
        above, _ = by_hand(files, model, "validation", np.nextafter(row["threshold"], 1))
        assert above < wanted  # no higher threshold has it
    assert table.at["hrv", "threshold"] > THRESHOLD


def test_alarms_are_those_of_held_out_stays(files, table):
    for model, row in table.iterrows():
        found = by_hand(files, model, "test", row["threshold"])
        assert row[list(SCORES)].tolist() == pytest.approx(found)
        for score in SCORES:
            assert row[f"{score}_low"] <= row[score] <= row[f"{score}_high"]
    assert table["event_stays"].tolist() == [10] * 3
    assert table["control_stays"].tolist() == [20] * 3
    # More noise needs more alarms for the same arrests.
    assert table["false_alarms_per_day"].rank().to_dict() == {"hrv": 2, "clinical": 3, "both": 1}


def test_differences_are_to_the_reference_and_drawn_in_pairs(files, table, tmp_path):
    assert table.loc["hrv", ["compared_with", "event_sensitivity_difference"]].isna().all()
    for score in SCORES:
        for model in ("clinical", "both"):
            expected = table.at[model, score] - table.at["hrv", score]
            assert table.at[model, f"{score}_difference"] == pytest.approx(expected)


def test_a_model_that_is_the_same_has_the_same_alarms(files, tmp_path):
    hrv = pd.read_parquet(files.predictions["hrv"])
    table = Files(tmp_path, hrv=hrv, both=hrv).match()

    assert table["threshold"].nunique() == 1
    ends = ("", "_low", "_high")
    differences = [f"{score}_difference{end}" for score in SCORES for end in ends]
    assert table.loc["both", differences].tolist() == [0] * 6


def test_held_out_stays_choose_no_threshold(files, table, tmp_path):
    models = {model: pd.read_parquet(path) for model, path in files.predictions.items()}
    for each in models.values():
        each.loc[each["split"] == "test", "probability"] *= 0.5

    changed = Files(tmp_path, **models).match()

    assert changed["threshold"].to_dict() == table["threshold"].to_dict()
    assert (changed["false_alarms_per_day"] < table["false_alarms_per_day"]).all()


def test_event_stays_without_a_kept_epoch_are_missed_by_every_model(files, tmp_path):
    """Of ten event stays of development and of ten held out, two are monitored and not kept."""
    models = {model: pd.read_parquet(path) for model, path in files.predictions.items()}
    some = Files(tmp_path, ["s0000", "s0001", "s0002", "s0003"], **models).match()

    assert some["development_event_stays"].tolist() == some["event_stays"].tolist() == [10] * 3
    assert (some["development_event_sensitivity"] <= 0.8).all()
    assert (some["event_sensitivity"] <= 0.8).all()


def test_thresholds_by_hand():
    highest = np.array([0.1, np.nan, 0.9, 0.5, 0.5])
    assert [threshold_of(highest, n) for n in (1, 2, 3, 4)] == [0.9, 0.5, 0.5, 0.1]
    assert 0.9 < threshold_of(highest, 0) < 0.9 + 1e-9


def test_numbers_of_few_real_patients_are_suppressed(files, texts):
    table = files.match(synthetic=False)  # some of ten held-out event stays are not announced
    assert table["suppressed"].all()
    hidden = [name for name in table if name.startswith(("event_", "development_"))]
    assert table[hidden].isna().all(axis=None)
    assert "too few patients\nto be shown" in texts


def test_what_cannot_be_matched_is_refused(files, tmp_path):
    with pytest.raises(ConfigError, match="no predictions of another"):
        files.match(reference="another")
    tables = {model: pd.read_parquet(path) for model, path in files.predictions.items()}
    tables["both"] = tables["both"].iloc[1:]
    with pytest.raises(PredictionsError, match="not the rows of"):
        Files(tmp_path, **tables).match()


def test_without_a_threshold_of_the_reference_nothing_is_matched(tmp_path, texts):
    files = Files(tmp_path, threshold=None, hrv=made.predictions(), both=made.predictions(0.2))
    table = files.match()
    assert list(table.index) == ["hrv", "both"]
    empty = [name for name in COLUMNS if name.startswith(("threshold", *SCORES))]
    assert table[empty].isna().all(axis=None) and not table["suppressed"].any()
    assert "specificity 0.8 of epochs\ncannot be promised with these data" in texts
