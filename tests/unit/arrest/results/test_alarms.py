"""Alarms, on timelines that are worked out by hand."""

from __future__ import annotations

import json

import made_arrest_predictions as made
import numpy as np
import pandas as pd
import pytest

from mimicflow.arrest.results.alarm_figures import joined
from mimicflow.arrest.results.alarms import SWEEP, score_alarms
from mimicflow.arrest.results.monitored import PlannedFiles, monitored_epochs
from mimicflow.arrest.results.ringing import (
    ALARM_SCORES,
    Stays,
    chance_of_alarm,
    ring,
    weighted_quantiles,
)
from mimicflow.arrest.thresholds import read_threshold
from mimicflow.errors import ConfigError, InputError
from mimicflow.evaluation.study import Study

OPTIONS = {"silence_minutes": 60, "specificity": 0.8, "confidence": "none"}
RULE = "specificity_0.8"


def timeline(rows):
    """Return epochs of 5 min: (patient, stay, minute of the end, probability, hours to arrest)."""
    frame = pd.DataFrame(
        rows, columns=["subject_id", "stay_id", "minute", "probability", "hours_to_arrest"]
    )
    end = made.START + pd.to_timedelta(frame.pop("minute"), "min")
    label = frame["hours_to_arrest"].notna().astype(int)
    return frame.assign(
        epoch_id=np.arange(len(frame)), label=label, split="test",
        start=end - pd.Timedelta(minutes=5), end=end,
    )  # fmt: skip


NONE = np.nan
# Threshold 0.5, silence 30 min; * rings.
HAND = timeline(
    [
        ("a", "A", 5, 0.9, 10.0),  # *
        ("a", "A", 10, 0.9, 9.9),  # 5 min after
        ("a", "A", 34, 0.5, 9.5),  # 29 min after: still silent
        ("a", "A", 35, 0.5, 9.4),  # * 30 min after
        ("a", "A", 60, 0.9, 9.1),  # 25 min after the one that rang last
        ("a", "A", 70, 0.9, 9.0),  # * the epochs between were dropped
        ("b", "B", 71, 0.9, NONE),  # * the silence of another stay does not count
        ("b", "B", 80, 0.4, NONE),
        ("b", "B", 101, 0.9, NONE),  # * 30 min after
        ("b", "C", 102, 0.9, NONE),  # * another stay of the same patient
        ("c", "D", 5, 0.1, NONE),
        ("d", "E", 5, 0.2, 3.0),  # an arrest that nothing announces
        ("e", "F", 5, 0.6, 2.0),  # *
    ]
)


def planned(folder, epochs, dropped=None):
    """Write the plan of these epochs and of ``dropped`` ones, which have a reason."""
    dropped = epochs.iloc[:0].assign(reason="") if dropped is None else dropped
    whole = pd.concat([epochs.assign(reason=""), dropped], ignore_index=True)
    files = PlannedFiles(folder / "plan.parquet", folder / "spine.parquet", [folder / "m.parquet"])
    whole.drop(columns=["probability", "split", "reason"]).to_parquet(files.plan)
    whole.drop_duplicates("stay_id")[["stay_id", "split"]].to_parquet(files.spine)
    whole[["epoch_id", "reason"]].to_parquet(files.measured[0])
    return files


def test_dropped_epochs_and_silence_are_monitored_time(tmp_path):
    """24 h of a control, every second epoch kept, all flagged, 60 min of silence: 24 a day."""
    day = timeline([("a", "A", 5 * (n + 1), 0.9, NONE) for n in range(288)])
    other = timeline([("b", "B", 5, 0.9, 1.0)]).assign(epoch_id=900)
    kept = pd.concat([day[1::2], other], ignore_index=True)
    files = planned(tmp_path, kept, day[::2].assign(reason="low_quality"))

    monitored = monitored_epochs(files, kept)

    assert len(monitored) == 289 and monitored["probability"].isna().sum() == 144
    found = measures(monitored, silence=60)
    assert found.at["false_alarms_per_day", "value"] == pytest.approx(24)
    assert found.at["false_alarms_per_day", "days"] == pytest.approx(1)


def test_an_event_stay_of_which_no_epoch_was_kept_is_missed(tmp_path):
    kept = timeline([("a", "A", 5, 0.9, 10.0), ("b", "B", 5, 0.1, NONE)])
    lost = timeline([("c", "C", 5, NONE, 8.0), ("d", "D", 5, NONE, 7.0)])
    lost = lost.assign(epoch_id=[10, 11], reason=["asystole", "no_signal"])

    monitored = monitored_epochs(planned(tmp_path, kept, lost), kept)

    assert monitored["stay_id"].tolist() == ["A", "B", "C"]  # of D nothing was recorded
    assert measures(monitored).at["event_sensitivity", "value"] == 0.5


def test_a_prediction_that_was_not_planned_is_refused(tmp_path):
    kept = timeline([("a", "A", 5, 0.9, 10.0), ("b", "B", 5, 0.1, NONE)])
    files = planned(tmp_path, kept[:1])
    with pytest.raises(InputError, match="lacks epochs that were predicted"):
        monitored_epochs(files, kept)


def test_alarms_at_random_are_as_frequent_as_in_controls():
    """At 2 alarms a day, one day has one with 1 - exp(-2); with silence, drawn by hand."""
    one = np.ones((1, 1))
    assert chance_of_alarm(np.array([2.0]), 0, np.array([1.0]), one) == 1 - np.exp(-2)
    assert chance_of_alarm(np.array([0.0]), 60, np.array([1.0]), one) == 0
    generator = np.random.default_rng(0)
    silence, wait = 120 / 1440, 0.1
    rate = 1 / (silence + wait)
    drawn = (generator.exponential(wait, 200_000) < 0.05).mean()
    found = chance_of_alarm(np.array([rate]), 120, np.array([0.05]), one)
    assert found[0] == pytest.approx(drawn, abs=0.005)


def measures(epochs, threshold=0.5, silence=30, smallest=0):
    everyone = np.ones((1, epochs["subject_id"].nunique()))
    rows = Stays(epochs).scores(threshold, silence, everyone, smallest)
    return pd.DataFrame(rows).set_index("measure")


def test_an_alarm_silences_its_stay_from_its_own_time_on():
    stay = np.unique(HAND["stay_id"], return_inverse=True)[1]
    rings = ring(stay, HAND["end"].to_numpy(), (HAND["probability"] >= 0.5).to_numpy(), 30)
    assert np.flatnonzero(rings).tolist() == [0, 3, 5, 6, 8, 9, 12]


def test_without_silence_every_epoch_at_the_threshold_rings():
    stay = np.unique(HAND["stay_id"], return_inverse=True)[1]
    flagged = (HAND["probability"] >= 0.5).to_numpy()
    assert ring(stay, HAND["end"].to_numpy(), flagged, 0).tolist() == flagged.tolist()
    assert not ring(stay, HAND["end"].to_numpy(), np.zeros(len(HAND), bool), 30).any()


def test_ringing_is_that_of_a_clock_that_goes_epoch_by_epoch():
    generator = np.random.default_rng(0)
    stay = np.sort(generator.integers(0, 7, 400))
    minutes = np.concatenate(
        [np.cumsum(generator.integers(5, 40, (stay == s).sum())) for s in range(7)]
    )
    end = np.datetime64("2150-01-01", "us") + minutes.astype("timedelta64[m]")
    flagged = generator.random(400) < 0.6
    for silence in (0, 7.5, 45, 3000):
        last: dict[int, int] = {}
        expected = []
        for of, minute, flag in zip(stay, minutes, flagged, strict=True):
            rings = bool(flag) and (of not in last or minute - last[of] >= silence)
            if rings:
                last[of] = minute
            expected.append(rings)
        assert ring(stay, end, flagged, silence).tolist() == expected


def test_measures_of_the_timeline():
    found = measures(HAND)["value"]
    assert found["event_sensitivity"] == pytest.approx(2 / 3)  # A and F, not E
    assert found["lead_time_median"] == pytest.approx(6.0)  # of 10 h and 2 h
    assert found["lead_time_q25"] == pytest.approx(4.0)
    assert found["lead_time_q75"] == pytest.approx(8.0)
    assert found["alarms_per_event_stay"] == pytest.approx(4 / 3)
    # Three alarms in the five epochs of B, C and D.
    assert found["false_alarms_per_day"] == pytest.approx(3 / (5 * 5 / 1440))
    assert found["control_stays_alarmed"] == pytest.approx(2 / 3)
    sizes = measures(HAND)
    assert sizes["stays"].to_dict() == dict(
        zip(ALARM_SCORES, [3, 3, 2, 2, 2, 3, 3, 3], strict=True)
    )
    assert sizes.at["control_stays_alarmed", "patients"] == 2
    assert sizes.at["false_alarms_per_day", "days"] == pytest.approx(25 / 1440)


def test_measures_of_drawn_patients():
    weights = np.array([[3.0, 0, 1, 2, 1]])  # of patients a to e
    found = Stays(HAND)._values(
        np.array([3, 2, 1, 0, 0, 1]),
        np.array([10.0, NONE, NONE, NONE, NONE, 2.0]),
        30,
        weights,
    )
    assert found["event_sensitivity"] == pytest.approx([4 / 6])
    assert found["lead_time_median"] == pytest.approx([np.median([10, 10, 10, 2])])
    assert found["alarms_per_event_stay"] == pytest.approx([10 / 6])
    assert found["false_alarms_per_day"] == pytest.approx([0])
    without = Stays(HAND)._values(
        np.array([3, 2, 1, 0, 0, 1]), np.full(6, NONE), 30, np.array([[0, 1.0, 0, 0, 0]])
    )
    assert np.isnan(without["event_sensitivity"]).all()


def test_no_alarm_leaves_no_lead_time():
    found = measures(HAND, threshold=0.95)["value"]
    assert found[["event_sensitivity", "false_alarms_per_day"]].tolist() == [0, 0]
    assert np.isnan(found["lead_time_median"])


def test_weighted_quantiles_are_those_of_repeated_values():
    generator = np.random.default_rng(1)
    values = np.sort(generator.random(9))
    weights = generator.integers(0, 4, (20, 9))
    weights[3] = 0
    for share, found in zip(
        (0.25, 0.5, 0.9), weighted_quantiles(values, weights, (0.25, 0.5, 0.9)), strict=True
    ):
        expected = [
            np.quantile(np.repeat(values, row), share) if row.any() else NONE for row in weights
        ]
        np.testing.assert_allclose(found, expected)


class Files:
    def __init__(self, folder, table):
        self.predictions = made.write(folder, {"hrv": table})["hrv"]
        self.model = folder / "model.json"
        self.model.write_text(json.dumps({"threshold": {RULE: 0.2}}))
        self.planned = planned(folder, table)
        self.output, self.figure = folder / "alarms.csv", folder / "alarms.png"

    def score(self, options=OPTIONS, *, synthetic=True, **more):
        study = Study(synthetic=synthetic)
        files = self.predictions, self.planned, self.model, options, self.output, self.figure
        score_alarms(*files, study, **{"model": "hrv"} | more)
        return pd.read_csv(self.output)


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path, made.predictions())


def test_table_of_silences_and_thresholds(files, texts):
    table = files.score()
    chosen = table[table["rule"] == RULE].set_index(["silence_min", "measure"])
    assert set(table["silence_min"]) == {0, 30, 60, 120}
    assert set(chosen["threshold"]) == {0.2}
    frame = pd.read_parquet(files.predictions)
    test = frame[frame["split"] == "test"]
    control = test[test["label"] == 0]
    # Epochs of the made stays are half an hour apart.
    flagged = (control["probability"] >= 0.2).sum()
    days = len(control) * 5 / 1440
    assert chosen.at[(0, "false_alarms_per_day"), "value"] == pytest.approx(flagged / days)
    assert chosen.at[(30, "false_alarms_per_day"), "value"] == pytest.approx(flagged / days)
    rates = [chosen.at[(silence, "false_alarms_per_day"), "value"] for silence in (30, 60, 120)]
    assert rates == sorted(rates, reverse=True)
    assert len(set(rates)) == 3
    # The first alarm of a stay always rings: silence cannot cost an arrest, nor its time.
    for measure in ("event_sensitivity", "lead_time_median", "control_stays_alarmed"):
        assert chosen.xs(measure, level=1)["value"].nunique() == 1
    first = test[(test["label"] == 1) & (test["probability"] >= 0.2)].groupby("stay_id")
    lead = first["hours_to_arrest"].max()
    assert chosen.at[(60, "lead_time_median"), "value"] == pytest.approx(lead.median())
    # A rate of 0 and times of few stays have a value alone.
    assert table.loc[table["value"].isna(), "lower"].isna().all()
    without = chosen.index[chosen["lower"].isna()].get_level_values(1)
    assert set(without) == {"event_sensitivity_chance"}  # certain, where nothing is silent
    assert "none" in texts


def test_of_few_arrests_the_figure_says_that_there_is_no_interval(tmp_path, texts):
    Files(tmp_path, made.predictions(events=6)).score()
    words = next(text for text in texts if "event stays\n" in text)
    assert words.count("(100%, no interval)") == words.count("h (no interval)") == 1


def test_curve_falls_from_all_stays_to_few(files):
    table = files.score()
    sweep = table[(table["rule"] == SWEEP) & (table["silence_min"] == 60)]
    curve = sweep.pivot(index="threshold", columns="measure", values="value")
    for measure in ("event_sensitivity", "false_alarms_per_day", "control_stays_alarmed"):
        assert curve[measure].is_monotonic_decreasing
    assert curve["event_sensitivity"].iloc[0] == 1
    assert curve["control_stays_alarmed"].iloc[0] == 1


def test_real_stays_of_few_patients_are_suppressed(tmp_path, texts):
    files = Files(tmp_path, made.predictions(events=16))
    table = files.score(synthetic=False)  # eight held-out event stays
    event = table["measure"].map(lambda measure: ALARM_SCORES[measure][1]) == "event"
    assert table.loc[event, "suppressed"].all()
    assert table.loc[event, ["stays", "patients", "days", "value", "lower"]].isna().all(axis=None)
    shown = table[~table["suppressed"]]
    assert shown["value"].notna().all()
    assert texts.count("too few patients\nto be shown") == 2
    assert not any("event stays;" in text for text in texts)


def test_suppression_counts_patients_with_and_without_an_alarm():
    assert not measures(HAND, smallest=1)["suppressed"].any()
    two = measures(HAND, smallest=2)["suppressed"]  # only E is silent among event stays
    assert two["event_sensitivity"]
    assert two["control_stays_alarmed"]  # B and C are of one patient


def test_chance_is_hidden_with_the_false_alarms_of_which_it_is_made():
    """Else a rate follows from it, and with the days of controls how few alarms there were."""
    many = [("e" + str(n), "E" + str(n), 5, 0.9 if n % 2 else 0.1, 3.0) for n in range(8)]
    controls = [("c" + str(n), "C" + str(n), 5, 0.9 if n < 2 else 0.1, NONE) for n in range(8)]
    hidden = measures(timeline([*many, *controls]), smallest=3)
    assert hidden["suppressed"][["event_sensitivity", "control_stays_alarmed"]].tolist() == [0, 1]
    assert np.isnan(hidden.loc["event_sensitivity_chance", ["value", "lower"]].astype(float)).all()
    assert hidden.loc["event_sensitivity_chance", "suppressed"]


def test_bars_are_joined_until_they_hold_enough_patients():
    lead = pd.DataFrame({"patient": range(7), "hours": [0.7, 1.5, 5, 5.5, 11, 21, NONE]})
    assert joined(lead, 2).tolist() == [0, 2, 6, 24]
    assert joined(lead, 7) is None
    assert len(joined(lead, 0)) > 10


def test_models_without_a_threshold(files):
    files.model.write_text(json.dumps({"threshold": {"specificity_0.9": 0.2}}))
    with pytest.raises(InputError, match=r"model\.json: does not name a threshold 'specificity_0"):
        files.score()
    files.model.write_text('{"threshold": {"specificity_0.8": NaN}}')
    for path in (files.model, files.model.parent / "absent.json"):
        with pytest.raises(InputError, match="does not name"):
            read_threshold(path, RULE)


def test_a_specificity_that_cannot_be_promised_leaves_the_curve(files, texts):
    files.model.write_text('{"threshold": {"specificity_0.8": null}}')
    table = files.score()
    assert set(table["rule"]) == {SWEEP} and table["value"].notna().any()
    assert "specificity 0.8 of epochs\ncannot be promised with these data" in texts


def test_a_silence_below_zero(files):
    with pytest.raises(ConfigError, match="-5 minutes"):
        files.score(OPTIONS | {"silence_minutes": -5})
