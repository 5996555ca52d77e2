"""A model of both scores a recording epoch by epoch by the features that the workflow gathers."""

from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from mimicflow.arrest.features import BOTH, add_slopes, feature_names
from mimicflow.arrest.hrv_features import measure_hrv
from mimicflow.arrest.model_folder import ArrestModel, load_model
from mimicflow.arrest.score import EpochScorer, score_ecg, score_recording
from mimicflow.arrest.scoring.history import History, numerics_of
from mimicflow.arrest.vital_features import measure_vitals
from mimicflow.bedside.open_recording import open_recording
from mimicflow.cli import app
from mimicflow.errors import CheckpointError
from mimicflow.hrv.measures import MEASURES
from mimicflow.hrv.preprocessing import Preprocessing

RATE, N_EPOCHS = 125, 16
START = pd.Timestamp("2150-01-02 03:04:05")
FIVE = pd.Timedelta(minutes=5)
NEEDED = ["MeanNN", "hr_mean_2h", "hr_slope_1h"]


@pytest.fixture
def model(write_model, tmp_path):
    folder = write_model(tmp_path / "both", kind=BOTH, columns=NEEDED)
    return load_model(folder)


@pytest.fixture
def seen(monkeypatch):
    """The features that probabilities are asked for."""
    rows = []

    def remember(model, features):
        rows.append(features)
        return np.full(len(features), 0.25)

    monkeypatch.setattr(ArrestModel, "probability", remember)
    return rows


@pytest.fixture
def record(write_record, sinus):
    """80 min, the second and ninth epoch with the lead off, vital signs every 20 s with gaps."""
    ecg = sinus(N_EPOCHS * 300, RATE)
    for number in (1, 8):
        ecg[number * 300 * RATE : (number + 1) * 300 * RATE] = 0.1
    header = write_record(
        "bed", [ecg], rate=RATE, fmt="32", base_date=START.date(), base_time=START.time()
    )
    draw = np.random.default_rng(2)
    time = START + pd.to_timedelta(np.arange(0, N_EPOCHS * 300, 20), unit="s")
    numerics = pd.DataFrame({"time": time.astype("datetime64[us]")})
    for name, level in {"hr": 80, "sbp": 120, "dbp": 70, "mbp": 85, "spo2": 97, "rr": 16}.items():
        numerics[name] = level + draw.normal(0, 2, len(time))
    numerics.loc[(time >= START + 3 * FIVE) & (time < START + 5 * FIVE), "hr"] = np.nan
    numerics.to_parquet(header.with_name("bed.numerics.parquet"))
    return header


def gathered(record, folder):
    """Return the features by the rules of the workflow, planned from the recording's beginning."""
    start = START + np.arange(N_EPOCHS) * FIVE
    plan = pd.DataFrame({"start": start, "end": start + FIVE}).astype("datetime64[us]")
    n_samples = 300 * RATE
    plan = plan.assign(
        epoch_id=range(N_EPOCHS), stay_id="S", recording_id=0, group=0, n_samples=n_samples,
        first_sample=np.arange(N_EPOCHS) * n_samples,
    )  # fmt: skip
    scanned = {"recording_id": 0, "record": "bed", "lead": "II", "wrong_segments": ""}
    pd.DataFrame([scanned | {"numerics": "bed.numerics.parquet"}]).to_parquet(folder / "s.parquet")
    plan.to_parquet(folder / "p.parquet")
    out = [folder / f"{name}.parquet" for name in ("p", "s", "hrv", "vital", "both")]
    options = Preprocessing().as_options()
    measure_hrv(out[0], out[1], record.parent, options, out[2], shard=0)
    measure_vitals(out[0], out[1], record.parent, out[3], shard=0)
    add_slopes(out[0], out[2], out[3], out[4], shard=0)
    return pd.read_parquet(out[4])[feature_names(BOTH)]


def test_a_recording_has_the_features_of_the_workflow(record, model, seen, tmp_path):
    recording = open_recording(record.parent, "bed")

    scores = score_recording(recording, model, numerics_of(record.parent, "bed"))

    kept = (scores["reason"] == "").to_numpy()
    assert kept.tolist() == [number not in (1, 8) for number in range(N_EPOCHS)]
    found = pd.concat(seen, ignore_index=True)
    expected = gathered(record, tmp_path)[kept].reset_index(drop=True)
    expected = expected.where(np.isfinite(expected))
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert found[["SDNN_slope_1h", "hr_slope_1h", "hr_diff"]].notna().mean().min() > 0.6
    assert found["hr_slope_6h"].notna().sum() == 4  # an hour and more after the first


def test_a_stream_gives_the_same_features_as_the_whole(record, model, seen):
    recording = open_recording(record.parent, "bed")
    ecg, numerics = recording.read(0, recording.n_samples), numerics_of(record.parent, "bed")
    score_ecg(ecg, RATE, model, START, numerics)
    whole = pd.concat(seen, ignore_index=True)
    seen.clear()

    scorer = EpochScorer(model, RATE, START, numerics)
    for part in np.split(ecg, np.arange(9999, len(ecg), 77_777)):
        scorer.push(part)

    pd.testing.assert_frame_equal(pd.concat(seen, ignore_index=True), whole, check_exact=True)


def test_what_comes_after_an_epoch_changes_none_of_its_features(record, model, seen):
    recording = open_recording(record.parent, "bed")
    ecg, numerics = recording.read(0, recording.n_samples), numerics_of(record.parent, "bed")
    cut = 12
    score_ecg(ecg, RATE, model, START, numerics)
    before, later = pd.concat(seen[: cut - 2]), numerics["time"] >= START + cut * FIVE
    seen.clear()
    ecg[cut * 300 * RATE :] *= 0.7
    numerics.loc[later, "hr"] = 140.0

    score_ecg(ecg, RATE, model, START, numerics)

    pd.testing.assert_frame_equal(pd.concat(seen[: cut - 2]), before, check_exact=True)


def test_without_numerics_vital_features_are_missing_and_slopes_of_measures_are_not(
    record, model, seen, write_record
):
    recording = open_recording(record.parent, "bed")
    ecg = recording.read(0, recording.n_samples)
    for start, numerics in ((START, None), (None, numerics_of(record.parent, "bed"))):
        seen.clear()
        score_ecg(ecg, RATE, model, start, numerics)
        found = seen[-1]
        assert found[["hr", "hr_mean_2h", "hr_slope_1h"]].isna().all(axis=None)
        assert found[["SDNN", "SDNN_slope_1h"]].notna().all(axis=None)
    assert numerics_of(record.parent, "absent") is None


def test_numerics_that_cannot_be_read_are_as_none(record, caplog):
    record.with_name("bed.numerics.parquet").write_text("no Parquet")
    assert numerics_of(record.parent, "bed") is None
    assert "vital signs cannot be read (unreadable)" in caplog.text


def test_only_the_last_hours_are_remembered():
    history = History()
    measures = np.full(len(MEASURES), 800.0)
    start = datetime(2450, 1, 1)  # beyond the years of pandas' own times
    for number in range(100):
        begin = start + number * FIVE.to_pytimedelta()
        features = history.add(begin, begin + FIVE.to_pytimedelta(), measures + number)
    assert features["SDNN_slope_6h"].item() == pytest.approx(12)
    assert len(history._epochs) == 72


def test_a_model_that_needs_unknown_features_is_refused(write_model, tmp_path):
    other = load_model(write_model(tmp_path, kind=BOTH, columns=["MeanNN", "RMSSD", "ABC"]))
    with pytest.raises(CheckpointError, match="features that do not exist: ABC"):
        EpochScorer(other, RATE)


def test_the_command_says_whether_there_are_vital_signs(record, write_model, tmp_path):
    folder = write_model(tmp_path / "both", kind=BOTH, columns=NEEDED)
    command = ["arrest", "score", str(record), "--model", str(folder), "--output", str(tmp_path)]

    said = CliRunner().invoke(app, command).output
    record.with_name("bed.numerics.parquet").unlink()
    without = CliRunner().invoke(app, command).output

    assert "Vital signs: 240 rows, 2150-01-02 03:04 to 04:23" in said
    missing = "none that can be read beside the record; 2 of 3 features of the model are missing."
    assert f"Vital signs: {missing}" in without
