"""Beats and voltages: what the published measures make of them, and what is broken on purpose."""

import numpy as np
import pandas as pd
import pytest
import soundfile
import wfdb
from scipy.stats import spearmanr

from mimicflow.hrv.epochs import measure_epoch
from mimicflow.hrv.measures import MEASURES
from mimicflow.hrv.preprocessing import PUBLISHED
from mimicflow.synthetic.draws import stream
from mimicflow.synthetic.icu import stays as icu_stays
from mimicflow.synthetic.icu.ecg import draw_lead, draw_voltage
from mimicflow.synthetic.icu.hospital import _arrests
from mimicflow.synthetic.icu.rhythm import (
    ATRIAL,
    PACED,
    SINUS,
    VENTRICULAR,
    State,
    draw_beats,
    draw_heart,
)
from mimicflow.synthetic.icu.stays import DEFECTS, draw_stays, recorded
from mimicflow.synthetic.icu.writing import RAIL_MV, write_stay

SEED, EPOCH_S, RATE = 3, 300, 250.0


@pytest.fixture(scope="module")
def epochs():
    rows = []
    for number in range(240):
        rng = stream(SEED, "test epochs", number)
        heart = draw_heart(rng, "sinus", 3)
        lead = draw_lead(rng, "sinus", heart.breaths)
        u = rng.standard_normal()
        times, origin = draw_beats(rng, heart, State(u, *heart.passing[:, 0]), EPOCH_S)
        voltage = draw_voltage(rng, lead, times, origin, EPOCH_S, RATE)
        epoch, published = (measure_epoch(voltage, RATE, steps) for steps in (None, PUBLISHED))
        row = {"u": u, "reason": epoch.reason, "peaks": epoch.r_peaks / RATE, "times": times}
        row["published"] = published.reason
        rows.append(row | dict(zip(MEASURES, epoch.measures, strict=True)))
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("measure", "least", "most"),
    [
        ("HTI", -0.95, -0.5),
        ("TINN", -0.95, -0.45),
        ("IALS", 0.5, 0.9),
        # The series is the same forwards and backwards, so that asymmetry says nothing.
        ("PI", -0.2, 0.2),
        ("GI", -0.2, 0.2),
    ],
)
def test_measures_follow_the_hidden_state(epochs, measure, least, most):
    kept = epochs[epochs["reason"] == ""]
    assert least < spearmanr(kept["u"], kept[measure], nan_policy="omit")[0] < most


def test_most_epochs_are_kept(epochs):
    """The published rule keeps three of four, since it judges by the worst beat of an epoch."""
    assert 0.95 < (epochs["reason"] == "").mean() < 1
    assert 0.6 < (epochs["published"] == "").mean() < 0.87


def test_the_beats_that_were_drawn_are_found(epochs):
    found = drawn = 0
    for row in epochs[epochs["reason"] == ""].itertuples():
        inside = row.times[(row.times > 0.5) & (row.times < EPOCH_S - 0.5)]
        nearest = np.abs(row.peaks[:, None] - inside).min(axis=0)
        found, drawn = found + (nearest < 0.05).sum(), drawn + len(inside)
    assert found / drawn > 0.99


def beats_of(rhythm, seconds=3000, **changes):
    rng = stream(SEED, "test rhythm")
    heart = draw_heart(rng, rhythm, 3)
    for name, value in changes.items():
        object.__setattr__(heart, name, value)
    return draw_beats(rng, heart, State(0.0, 0.0, 0.0), seconds)


def test_rhythms_are_what_they_are_called():
    variation = {}
    for rhythm in ("sinus", "fibrillation", "paced"):
        times, origin = beats_of(rhythm, bpm=80.0, ectopy=0.0)
        assert times[0] < 0 and times[-1] > 3000
        rr = np.diff(times)
        assert 60 / rr.mean() == pytest.approx(80, rel=0.04)
        assert set(origin) == ({PACED} if rhythm == "paced" else {SINUS})
        variation[rhythm] = rr.std() / rr.mean()
    assert variation["paced"] < 1e-9 < 0.01 < variation["sinus"] < 0.08
    assert 0.1 < variation["fibrillation"] < 0.3


def test_ectopic_beats_come_early_and_ventricular_ones_are_followed_by_a_pause():
    times, origin = beats_of("sinus", ectopy=4.0, ventricular=0.5)
    usual = np.median(np.diff(times))
    before, after = np.diff(times)[:-1], np.diff(times)[1:]
    origin = origin[1:-1]
    assert 100 < (origin != SINUS).sum() < 280
    assert (before[origin != SINUS] < 0.9 * usual).mean() > 0.98
    assert after[origin == VENTRICULAR].mean() > 1.2 * usual
    assert after[origin == ATRIAL].mean() < 1.2 * usual


@pytest.mark.parametrize("rate", [62.5, 125.0, 500.0])
def test_other_rates_have_the_same_beats(rate):
    rng = stream(SEED, "test rates")
    lead = draw_lead(rng, "sinus", 15.0)
    times = np.arange(-1, 31, 0.8)
    voltage = draw_voltage(rng, lead, times, np.zeros(len(times), int), 30, rate)
    assert len(voltage) == 30 * rate
    peaks = [voltage[round((t - 0.1) * rate) : round((t + 0.1) * rate)].max() for t in times[2:-2]]
    beside = [voltage[round((t - 0.12) * rate)] for t in times[2:-2]]
    assert np.median(np.array(peaks) - beside) > 0.4


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """One stay of each defect: its row, its rows of the registry, the folder."""
    folder = tmp_path_factory.mktemp("broken")
    stays = draw_stays(100, SEED, 0.01, False)
    found = {}
    for defect, group in stays[stays["defect"] != ""].groupby("defect"):
        stay = group.iloc[0]
        rows, _ = write_stay(stay, folder, SEED, False)
        found[defect] = (stay, rows, folder)
    return stays, found


def voltage(folder, row, lead):
    record = wfdb.rdrecord(str(folder / row["record"]))
    return record.p_signal[:, record.sig_name.index(lead)]


def test_from_a_hundred_stays_on_every_defect_is_there(broken):
    stays, found = broken
    assert set(found) == set(DEFECTS)
    assert (stays["defect"] != "").mean() <= 1 / 3
    assert (draw_stays(100, SEED, 0, False)["defect"] == "").all()
    assert (draw_stays(10, SEED, 0.02, False)["defect"] != "").mean() <= 1 / 3


def test_defects_of_samples_move_no_other_defect_and_no_arrest(broken, monkeypatch):
    stays, _ = broken
    of_samples = stays["defect"].isin(["saturated", "other_header"])
    assert of_samples.any()
    monkeypatch.setattr(icu_stays, "_DEFECTS_OF_SAMPLES", ())
    before = draw_stays(100, SEED, 0.01, False)
    assert (before.loc[of_samples, "defect"] == "").all()
    apart = ["defect", "layout"]  # a stay with a defect has one record a stretch
    pd.testing.assert_frame_equal(before.drop(columns=apart), stays.drop(columns=apart))
    pd.testing.assert_frame_equal(before.loc[~of_samples, apart], stays.loc[~of_samples, apart])


def test_defects_of_signals_are_what_they_are_called(broken):
    _, found = broken
    stay, rows, folder = found["no_ecg_lead"]
    assert all(wfdb.rdheader(str(folder / r["record"])).sig_name == ["PLETH"] for r in rows)
    assert all(r["ecg_lead"] == "" for r in rows)
    stay, rows, folder = found["lead_absent"]
    for row in rows:
        assert row["ecg_lead"] not in ["", *wfdb.rdheader(str(folder / row["record"])).sig_name]
    stay, rows, folder = found["low_rate"]
    assert all(wfdb.rdheader(str(folder / r["record"])).fs == 62.5 for r in rows)
    stay, rows, folder = found["constant"]
    assert np.ptp(voltage(folder, rows[0], stay["lead"])) == 0
    stay, rows, folder = found["nan_runs"]
    assert 0.25 < np.isnan(voltage(folder, rows[0], stay["lead"])).mean() < 0.5
    stay, rows, folder = found["saturated"]
    at_the_rail = np.isclose(voltage(folder, rows[0], stay["lead"]), RAIL_MV, atol=0.01)
    assert 0.06 < at_the_rail.mean() < 0.08
    stay, rows, folder = found["other_header"]
    record = wfdb.rdrecord(str(folder / rows[0]["record"]), physical=False)
    assert all(np.array(record.checksum) - 1 == record.calc_checksum())
    stay, rows, folder = found["truncated"]
    assert wfdb.rdheader(str(folder / rows[0]["record"])).sig_len > 0
    with pytest.raises(soundfile.SoundFileError):
        wfdb.rdrecord(str(folder / rows[0]["record"]))
    if len(rows) > 1:
        assert len(voltage(folder, rows[1], stay["lead"])) > 0
    stay, rows, folder = found["missing"]
    assert not (folder / f"{rows[0]['record']}.hea").exists()


def test_defects_of_times_and_stays_are_what_they_are_called(broken):
    stays, found = broken
    stay, rows, folder = found["no_start_time"]
    assert rows and all(row["start_time"] == "" for row in rows)
    assert wfdb.rdheader(str(folder / rows[0]["record"])).base_datetime is None
    stay, rows, _ = found["overlapping"]
    parts = recorded(stay, SEED)
    ends = [part.start + part.seconds for part in parts]
    assert any(end > later.start for end, later in zip(ends, parts[1:], strict=False))
    assert found["no_recordings"][1] == []
    assert found["minor"][0]["age"] < 18
    assert found["other_icu"][0]["icu"] not in ("MICU", "SICU")
    stay, rows, _ = found["arrest_before_record"]
    assert rows and recorded(stay, SEED)[0].start > stay["cpr_h"] * 3600
    arrests = _arrests(stays)
    times = arrests.groupby("stay_id")["cpr_time"].agg(list)
    assert pd.isna(times[found["arrest_of_unknown_time"][0]["stay_id"]]).all()
    both = times[found["two_arrests"][0]["stay_id"]]
    assert len(both) == 2 and both[0] > both[1]
