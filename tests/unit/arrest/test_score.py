"""A fitted model scores arrays, streams and recordings with the same numbers."""

import json
import math
from dataclasses import replace

import lightgbm
import numpy as np
import pandas as pd
import pytest
from made_arrest_registry import beats_of, write_annotation
from matplotlib.figure import Figure

from mimicflow.arrest.hrv_features import UNREAD
from mimicflow.arrest.model_folder import load_model
from mimicflow.arrest.score import (
    EpochScorer,
    Strip,
    score_ecg,
    score_recording,
    strip_of_highest,
)
from mimicflow.arrest.scoring.figure import draw_scores
from mimicflow.bedside.open_recording import open_recording
from mimicflow.errors import CheckpointError, ConfigError, InputError
from mimicflow.hrv.epochs import measure_beats, measure_epoch
from mimicflow.hrv.measures import MEASURES

RATE = 250
N = 300 * RATE
START = pd.Timestamp("2150-01-02 03:04:05")


@pytest.fixture(scope="module")
def model(model_folder):
    return load_model(model_folder)


@pytest.fixture(scope="module")
def ecg(sinus) -> np.ndarray:
    """Three epochs and a half: beats, lead off, beats, beats."""
    made = sinus(3.5 * 300, RATE)
    made[N : 2 * N] = 0.1
    made[2 * N + 500 : 2 * N + 510] = np.nan
    return made


def test_one_row_per_whole_epoch(model, ecg):
    scores = score_ecg(ecg, RATE, model, START)

    assert scores["time_s"].tolist() == [300, 600, 900]
    assert (scores["time"] - START).dt.total_seconds().tolist() == [300, 600, 900]
    assert scores["reason"].tolist() == ["", "flat", ""]
    assert np.isnan(scores["probability"]).tolist() == [False, True, False]
    assert scores["alarm"].dtype == "boolean" and not scores["alarm"][1]
    assert scores["n_beats"][0] > 300
    assert score_ecg(ecg, RATE, model)["time"].isna().all()


def test_the_probability_is_the_calibrated_one_of_the_epochs_measures(model_folder, model, ecg):
    one = measure_epoch(ecg[2 * N : 3 * N], RATE)
    known = dict(zip(MEASURES, one.measures, strict=True))
    values = [[known[name] for name in ("MeanNN", "RMSSD", "HTI")]]
    raw = lightgbm.Booster(model_file=str(model_folder / "model.txt")).predict(values)[0]
    logit = 0.7 * math.log(raw) - 1.4 * math.log(1 - raw) - 0.5

    score = score_ecg(ecg, RATE, model)["probability"][2]

    assert score == pytest.approx(1 / (1 + math.exp(-logit)), rel=1e-12)


def test_the_alarm_begins_at_the_threshold(model, ecg):
    probability = score_ecg(ecg, RATE, model)["probability"][0]
    for threshold, alarm in ((probability, True), (np.nextafter(probability, 1), False)):
        at = replace(model, threshold=float(threshold))
        assert score_ecg(ecg[:N], RATE, at)["alarm"].tolist() == [alarm]


@pytest.mark.parametrize("pieces", ["five minutes", "seconds", "uneven", "one"])
def test_streams_give_the_same_bits_however_they_are_cut(model, ecg, pieces):
    generator = np.random.default_rng(4)
    cuts = {
        "five minutes": np.arange(N, len(ecg), N),
        "seconds": np.arange(RATE, len(ecg), RATE),
        "uneven": np.sort(generator.integers(0, len(ecg), 40)),
        "one": np.array([N - 1, N, N, N + 1]),
    }[pieces]
    scorer = EpochScorer(model, RATE, START)

    rows = pd.concat([scorer.push(part) for part in np.split(ecg, cuts)], ignore_index=True)

    pd.testing.assert_frame_equal(rows, score_ecg(ecg, RATE, model, START), check_exact=True)


def test_a_row_comes_with_the_last_sample_of_its_epoch(model, ecg):
    scorer = EpochScorer(model, RATE)
    assert len(scorer.push(ecg[: N - 1])) == 0
    assert len(scorer.push(ecg[N - 1 : N])) == 1
    assert len(scorer.push(ecg[:0])) == 0


def test_later_samples_change_nothing(model, ecg):
    changed = ecg.copy()
    changed[N:] = 7.0
    first = score_ecg(ecg, RATE, model).iloc[0]
    pd.testing.assert_series_equal(score_ecg(changed, RATE, model).iloc[0], first)


def test_epochs_at_an_odd_rate_neither_drift_nor_overlap(model):
    rate = 62.4725 * 4  # of MIMIC-IV waveforms
    scorer = EpochScorer(model, rate)
    reached = 0
    for number in range(1, 300):
        first, n = scorer.next_epoch()
        assert first == reached
        reached = first + n
        assert reached == math.ceil(number * 300 * rate - 1e-6)
        scorer.add(UNREAD)


def test_integers_and_single_precision_are_taken(model, ecg):
    codes = np.nan_to_num(np.round(ecg[:N] * 1000)).astype(np.int16)
    whole = score_ecg(codes.astype(float), RATE, model)
    assert score_ecg(codes, RATE, model).equals(whole)
    assert score_ecg(codes.astype(np.float32), RATE, model).equals(whole)


@pytest.mark.parametrize("bad", [np.zeros((2, 5)), np.array(["a"]), np.array([True])])
def test_samples_that_are_no_row_of_numbers_are_refused(model, bad):
    with pytest.raises(InputError, match="one row of numbers"):
        score_ecg(bad, RATE, model)


def test_a_recording_gives_the_numbers_of_its_samples(model, ecg, write_record):
    folder = write_record(
        "r", [ecg], fmt="32", base_date=START.date(), base_time=START.time()
    ).parent
    recording = open_recording(folder, "r")
    whole = recording.read(0, recording.n_samples)

    scores = score_recording(recording, model)

    expected = score_ecg(whole, RATE, model, START)
    pd.testing.assert_frame_equal(scores, expected, check_exact=True)


def test_a_real_recording_of_360_hz_is_scored(model, ecg_long):
    recording = open_recording(ecg_long, "mitdb/100")

    scores = score_recording(recording, model)

    assert len(scores) == 6 and scores["time"].isna().all()
    assert (scores["reason"] == "").all()
    assert scores["n_beats"].sum() == pytest.approx(2273 * 1800 / 1805.6, abs=5)
    assert scores["probability"].between(0, 1).all()


def test_epochs_that_cannot_be_read_are_listed_and_the_others_scored(
    model, ecg, write_record, caplog
):
    folder = write_record("s1", [ecg[:N]]).parent
    write_record("s2", [ecg[:N]])
    (folder / "m.hea").write_text(f"m/4 1 250 {4 * N}\ns1 {N}\ns2 {N}\ns2 {N}\ns1 {N}\n")
    (folder / "s2.dat").unlink()

    scores = score_recording(open_recording(folder, "m"), model)

    assert scores["reason"].tolist() == ["", "unreadable", "unreadable", ""]
    assert scores["probability"][0] == scores["probability"][3]
    assert scores["probability"][1:3].isna().all()
    assert caplog.text.count("no signal file") == 1


def test_a_recording_shorter_than_an_epoch_is_refused(model, ecg, write_record):
    recording = open_recording(write_record("r", [ecg[: N - 1]]).parent, "r")

    with pytest.raises(InputError, match=r"the recording has 299.996 s, one epoch 300 s"):
        score_recording(recording, model)
    assert len(score_ecg(ecg[: N - 1], RATE, model)) == 0  # samples may follow


def test_the_strip_is_the_end_of_the_epoch_of_highest_risk(model, ecg, write_record):
    recording = open_recording(write_record("r", [ecg]).parent, "r")
    scores = score_recording(recording, model)
    end_s = scores.loc[scores["probability"].idxmax(), "time_s"]

    strip = strip_of_highest(recording, scores, model)

    assert (strip.start_s, len(strip.ecg)) == (end_s - 10, 10 * RATE)
    np.testing.assert_array_equal(strip.ecg, recording.read(int((end_s - 10) * RATE), 10 * RATE))
    assert 10 <= len(strip.r_peaks) <= 15
    assert ((strip.r_peaks >= end_s - 10) & (strip.r_peaks < end_s)).all()
    assert strip_of_highest(recording, scores.assign(probability=np.nan), model) is None


def test_beats_without_samples_are_scored_and_shown_as_rr_intervals(model, tmp_path):
    beats = beats_of(950)
    beats = beats[(beats < 310) | (beats > 590)]
    symbols = np.where(np.arange(len(beats)) % 50 == 7, "V", "N")
    write_annotation(tmp_path, "holter.atr", np.rint(beats * 1000).astype(int), symbols)
    recording = open_recording(tmp_path, "holter.atr")

    scores = score_recording(recording, model)
    shown = strip_of_highest(recording, scores, model)

    assert scores["reason"].tolist() == ["", "few_beats", ""]
    one = measure_beats(recording.beats.part(600_000, 300_000))
    features = pd.DataFrame([one.measures], columns=list(MEASURES))
    assert scores["probability"][2] == model.probability(features)[0]
    of_highest = scores.loc[scores["probability"].idxmax()]
    assert len(shown.rr) == of_highest["n_beats"] - 1 == len(shown.counted)
    assert 0 < (~shown.counted).sum() < 20
    assert of_highest["time_s"] - 300 < shown.ends_s[0] < shown.ends_s[-1] < of_highest["time_s"]
    np.testing.assert_allclose(np.diff(shown.ends_s) * 1000, shown.rr[1:])
    assert strip_of_highest(recording, scores.assign(probability=np.nan), model) is None


def test_only_models_of_heart_rate_variability_score_an_ecg(write_model, tmp_path, ecg):
    clinical = load_model(write_model(tmp_path, kind="clinical"))
    with pytest.raises(ConfigError, match="results/arrest/hrv"):
        score_ecg(ecg, RATE, clinical)
    other = replace(clinical, kind="hrv", features=("MeanNN", "RMSSD", "ABC"))
    with pytest.raises(CheckpointError, match="ABC"):
        score_ecg(ecg, RATE, other)
    with pytest.raises(ConfigError, match="50 Hz"):
        score_ecg(ecg, 50, replace(clinical, kind="hrv"))


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("model.json", None),
        ("model.txt", None),
        ("calibration.json", None),
        ("model.json", "{"),
        ("model.json", "[]"),
        ("model.json", "{}"),
        ("model.txt", ""),
        ("model.txt", "tree\nversion=v4\nend of trees\n"),
        ("calibration.json", '{"method": "beta", "a": 1, "b": null, "c": 0}'),
        ("calibration.json", '{"method": "isotonic", "a": 1, "b": 1, "c": 0}'),
    ],
)
def test_a_damaged_model_is_refused_by_its_file(write_model, tmp_path, file, content):
    folder = write_model(tmp_path / "model")
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(content)
    with pytest.raises(CheckpointError, match=file):
        load_model(folder)


def test_a_torn_or_foreign_booster_is_refused(write_model, tmp_path):
    folder = write_model(tmp_path / "model")
    text = (folder / "model.txt").read_text()
    (folder / "model.txt").write_text(text[: len(text) // 2])
    with pytest.raises(CheckpointError, match="complete"):
        load_model(folder)
    (folder / "model.txt").write_text(text)
    facts = json.loads((folder / "model.json").read_text())
    for features in (["MeanNN", "RMSSD"], ["RMSSD", "MeanNN", "HTI"]):
        (folder / "model.json").write_text(json.dumps(facts | {"features": features}))
        with pytest.raises(CheckpointError, match="features"):
            load_model(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "other"},
        {"features": []},
        {"features": ["HTI", "HTI", "RMSSD"]},
        {"epoch_minutes": 0},
        {"epoch_minutes": "5"},
        {"preprocessing": {"sampling_rate": 250}},
        {"horizon_h": [24]},
        {"threshold": {}},
        {"threshold": {"a": float("nan")}},
        {"synthetic": "yes"},
        {"prevalence": {"sample": 0.2, "planned": 0.2}},
        {"prevalence": {"sample": 0.2, "planned": 0.2, "monitored": 0}},
    ],
)
def test_facts_that_make_no_sense_are_named(write_model, tmp_path, change):
    with pytest.raises(CheckpointError, match=next(iter(change))):
        load_model(write_model(tmp_path, **change))


def test_a_model_without_a_threshold_rings_no_alarm_and_says_so(write_model, ecg, tmp_path, texts):
    model = load_model(write_model(tmp_path, threshold={"specificity_0.8": None}))
    scores = score_ecg(ecg, RATE, model)
    assert scores["alarm"].isna().all() and scores["probability"].notna().any()
    draw_scores(scores, model, "r1", tmp_path / "a.png")
    words = "specificity 0.8 cannot be promised with these data"
    assert f"no threshold: {words}" in "\n".join(texts)


def test_probabilities_need_all_features(model):
    with pytest.raises(InputError, match="HTI"):
        model.probability(pd.DataFrame({"MeanNN": [800.0], "RMSSD": [30.0]}))
    empty = pd.DataFrame({"MeanNN": [], "RMSSD": [], "HTI": []})
    assert model.probability(empty).shape == (0,)


def test_the_figure_shows_threshold_reasons_and_the_stamp(model, ecg, tmp_path, texts):
    scores = score_ecg(ecg, RATE, model)

    draw_scores(scores, model, "r1", tmp_path / "a.png")

    shown = "\n".join(texts)
    assert "SYNTHETIC" in shown and "r1: cardiac arrest within 0.5–24 h" in shown
    assert "Threshold 30 % (specificity 0.8)" in shown
    assert "Dropped (1): a line for seconds: lead off" in shown
    draw_scores(scores, model, "r1", tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    texts.clear()
    draw_scores(scores[:0], replace(model, synthetic=False), "none", tmp_path / "c.png")
    assert "SYNTHETIC" not in "\n".join(texts)


def test_the_strip_of_a_long_recording_has_its_seconds_in_full(model, ecg, tmp_path, monkeypatch):
    shown: list[str] = []
    save = Figure.savefig

    def save_and_gather(figure, *arguments, **options):
        save(figure, *arguments, **options)
        for axis in (axes.xaxis for axes in figure.axes):  # drawn: now there are labels
            shown.extend(label.get_text() for label in axis.get_ticklabels())
            shown.append(axis.get_offset_text().get_text())

    monkeypatch.setattr(Figure, "savefig", save_and_gather)
    scores = score_ecg(ecg, RATE, model)
    beats = np.array([115_791.0, 115_795.0])
    strip = Strip(ecg[: 10 * RATE], RATE, 115_790.0, beats)

    draw_scores(scores, model, "r1", tmp_path / "a.png", strip)

    assert "115792" in shown
    assert not any(text.startswith("+") for text in shown)
