"""Epochs of a shard, measured from WFDB records written here."""

import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import wfdb
from made_arrest_registry import beating, beats_of, write_annotation, write_wfdb

import mimicflow.arrest.hrv_features as module
from mimicflow.arrest.hrv_features import EPOCH_REASONS, measure_hrv, measure_part
from mimicflow.bedside.open_recording import open_recording
from mimicflow.errors import InputError, RecordError
from mimicflow.hrv.epochs import measure_epoch
from mimicflow.hrv.measures import MEASURES
from mimicflow.hrv.preprocessing import PUBLISHED, Preprocessing

RATE = 125.0
EPOCH = int(300 * RATE)
OPTIONS = Preprocessing().as_options()


def planned(*rows):
    """Return a plan of (epoch_id, recording_id, group, first_sample)."""
    columns = ["epoch_id", "recording_id", "group", "first_sample"]
    start = pd.Timestamp("2150-01-01") + pd.to_timedelta([300 * row[0] for row in rows], unit="s")
    return pd.DataFrame(rows, columns=columns).assign(n_samples=EPOCH, start=start)


def scanned(*records):
    table = pd.DataFrame({"recording_id": range(len(records)), "record": records, "lead": "II"})
    return table.assign(wrong_segments="")


def measure(folder, plan, recordings, *, options=OPTIONS, shard=0):
    plan.to_parquet(folder / "plan.parquet")
    recordings.to_parquet(folder / "scanned.parquet")
    measure_hrv(
        folder / "plan.parquet",
        folder / "scanned.parquet",
        folder,
        options,
        folder / "hrv.parquet",
        shard=shard,
    )
    return pd.read_parquet(folder / "hrv.parquet")


@pytest.fixture(scope="module")
def ecg():
    """Four epochs: good, lead off for 20 s, missing for 4 s, good."""
    signal = beating(1200, RATE, np.random.default_rng(3))
    signal[EPOCH + 5000 : EPOCH + 5000 + int(20 * RATE)] = 0.0
    signal[2 * EPOCH + 7000 : 2 * EPOCH + 7000 + int(4 * RATE)] = np.nan
    return signal


def test_each_epoch_is_measured_from_its_own_samples(tmp_path, ecg):
    write_wfdb(tmp_path, "r", ecg, RATE)
    plan = planned(*[(i, 0, 0, i * EPOCH) for i in range(4)])
    table = measure(tmp_path, plan, scanned("r"))

    assert list(table.columns) == ["epoch_id", "reason", "n_beats", "good_share", *MEASURES]
    assert table["epoch_id"].tolist() == [0, 1, 2, 3]
    assert table["reason"].tolist() == ["", "flat", "gaps", ""]
    stored = wfdb.rdrecord(str(tmp_path / "r")).p_signal[:, 0]
    for row in (0, 3):
        alone = measure_epoch(stored[row * EPOCH : (row + 1) * EPOCH], RATE)
        assert np.isfinite(alone.measures).sum() > 35
        assert table.loc[row, list(MEASURES)].tolist() == pytest.approx(
            alone.measures.tolist(), rel=1e-12, nan_ok=True
        )
        assert table.loc[row, "n_beats"] == alone.n_beats
        # About 0.8 s between beats.
        assert 360 < table.loc[row, "n_beats"] < 390
    assert table.loc[[1, 2], list(MEASURES)].isna().all(axis=None)


def test_samples_outside_an_epoch_change_nothing_in_it(tmp_path, ecg):
    """The second record shares the samples of one epoch, not aligned with any other, only."""
    first = 1234
    other = beating(1200, RATE, np.random.default_rng(4)) * 1.7 + 0.3
    other[first : first + EPOCH] = ecg[first : first + EPOCH]
    write_wfdb(tmp_path, "a", ecg, RATE)
    write_wfdb(tmp_path, "b", other, RATE)
    table = measure(tmp_path, planned((0, 0, 0, first), (1, 1, 0, first)), scanned("a", "b"))

    assert table["reason"].tolist() == ["", ""]
    one, two = (table.drop(columns="epoch_id").loc[[row]] for row in (0, 1))
    pd.testing.assert_frame_equal(one, two.set_axis([0]), check_exact=True)


def test_the_thresholds_of_the_configuration_are_used(tmp_path, ecg):
    write_wfdb(tmp_path, "r", ecg, RATE)
    plan = planned((0, 0, 0, 0))
    published = measure(tmp_path, plan, scanned("r"), options=PUBLISHED.as_options())

    assert published["reason"].tolist() == ["low_quality"]
    assert published["good_share"][0] < 0.8
    all_good = OPTIONS | {"quality": OPTIONS["quality"] | {"good_share": 1.0}}
    assert measure(tmp_path, plan, scanned("r"), options=all_good)["reason"][0] == "low_quality"


class Broken:
    """A recording of which one part cannot be read; keeps what is asked of it."""

    sampling_rate = RATE

    def __init__(self, ecg, hole=(0, 0)):
        self.ecg, self.hole, self.asked = ecg, hole, []

    def without(self, segments):
        assert not segments
        return self

    def read(self, first, n):
        self.asked.append((first, n))
        if first + n > self.hole[0] and first < self.hole[1]:
            raise RecordError("segment is damaged", reason="signal_truncated", file="r_2.hea")
        return self.ecg[first : first + n]


def test_a_damaged_part_of_a_recording_costs_its_epochs_only(tmp_path, ecg, monkeypatch, caplog):
    """The third epoch, of the samples of the first shifted by 10 s, touches the damage as well."""
    opened = []
    records = {"a": Broken(ecg, (EPOCH + 10, EPOCH + 20)), "b": Broken(ecg)}

    def open_recording(folder, record, lead):
        opened.append((folder, record, lead))
        return records[record]

    monkeypatch.setattr(module, "open_recording", open_recording)
    starts = [0, EPOCH, 1250, 3 * EPOCH], [0, 3 * EPOCH]
    plan = planned(
        *[(i, 0, 0, start) for i, start in enumerate(starts[0])],
        *[(4 + i, 1, 0, start) for i, start in enumerate(starts[1])],
    )
    with caplog.at_level(logging.WARNING):
        table = measure(tmp_path, plan, scanned("a", "b"))

    assert table["reason"].tolist() == ["", "unreadable", "unreadable", "", "", ""]
    assert table.loc[[1, 2], list(MEASURES)].isna().all(axis=None)
    assert table["n_beats"][[1, 2]].tolist() == [0, 0]
    warned = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert warned == ["recording_id 0: 2 of 4 epochs not read, the first (signal_truncated)"]
    # Each recording is opened once, and read an epoch at a time.
    assert opened == [(tmp_path, "a", "II"), (tmp_path, "b", "II")]
    assert records["a"].asked == [(start, EPOCH) for start in starts[0]]
    assert records["b"].asked == [(start, EPOCH) for start in starts[1]]


def test_a_recording_that_is_gone_costs_its_epochs_only(tmp_path, ecg, caplog):
    write_wfdb(tmp_path, "here", ecg, RATE)
    plan = planned((0, 0, 0, 0), (1, 1, 0, 0))
    with caplog.at_level(logging.WARNING):
        table = measure(tmp_path, plan, scanned("gone", "here"))

    assert table["reason"].tolist() == ["unreadable", ""]
    assert caplog.records[0].message.startswith("recording_id 0: 1 of 1 epochs")
    assert "gone" not in caplog.text
    assert set(table["reason"]) <= set(EPOCH_REASONS)


def test_segments_that_are_not_as_written_cost_their_epochs_only(tmp_path, ecg):
    for number in (0, 1):
        write_wfdb(tmp_path, f"m_{number}", ecg[:EPOCH], RATE)
    (tmp_path / "m.hea").write_text(f"m/2 1 {RATE} {2 * EPOCH}\nm_0 {EPOCH}\nm_1 {EPOCH}\n")
    plan = planned((0, 0, 0, 0), (1, 0, 0, EPOCH))

    table = measure(tmp_path, plan, scanned("m").assign(wrong_segments="1"))

    assert table["reason"].tolist() == ["", "unreadable"]


def test_rows_are_those_of_the_group_by_epoch(tmp_path, ecg):
    """Epochs of two recordings of one stay alternate in time, as their ids do."""
    write_wfdb(tmp_path, "r", ecg, RATE)
    plan = planned((0, 0, 1, 0), (1, 1, 0, 0), (2, 0, 1, EPOCH), (3, 2, 1, 3 * EPOCH), (4, 0, 1, 0))
    table = measure(tmp_path, plan, scanned("r", "x", "r"), shard=1)

    assert table["epoch_id"].tolist() == [0, 2, 3, 4]
    assert table["reason"].tolist() == ["", "flat", "", ""]
    same = table.drop(columns="epoch_id").loc[[0, 3]].reset_index(drop=True)
    pd.testing.assert_frame_equal(same.loc[[0]], same.loc[[1]].set_axis([0]))


def test_a_group_without_epochs_has_the_columns_all_the_same(tmp_path, ecg):
    write_wfdb(tmp_path, "r", ecg, RATE)
    plan = planned((0, 0, 0, 0))
    full = measure(tmp_path, plan, scanned("r"))
    empty = measure(tmp_path, plan, scanned("r").iloc[:0], shard=1)

    assert len(empty) == 0
    assert list(empty.columns) == list(full.columns)
    assert empty.dtypes.drop("reason").equals(full.dtypes.drop("reason"))


def test_a_plan_of_another_scan_is_refused(tmp_path):
    with pytest.raises(InputError, match="lacks recording 1") as raised:
        measure(tmp_path, planned((0, 1, 0, 0)), scanned("r"))
    assert raised.value.file == tmp_path / "scanned.parquet"
    assert "epochs.parquet" in raised.value.remedy


def test_beats_without_samples_are_measured_beside_ecg(tmp_path, ecg):
    """A file of beats may be of either kind; each epoch is measured from its own beats."""
    write_wfdb(tmp_path, "r", ecg, RATE)
    beats = beats_of(900)
    beats = beats[(beats < 620) | (beats > 700)]  # the recorder was off
    write_annotation(tmp_path, "holter.atr", np.rint(beats * 1000).astype(int))
    rows = [f"{beat:.3f},{'V' if beat > 300 else 'N'}" for beat in beats]
    (tmp_path / "b.csv").write_text("\n".join(["beat_time_s,symbol", *rows, ""]))
    plan = planned((0, 0, 0, 0), *((i, 1, 0, (i - 1) * 300_000) for i in range(1, 4)),
                   *((i, 2, 0, (i - 4) * 300_000) for i in range(4, 6)))  # fmt: skip
    plan["n_samples"] = np.where(plan["recording_id"] == 0, EPOCH, 300_000)

    table = measure(tmp_path, plan, scanned("r", "holter.atr", "b.csv"))

    assert table["reason"].tolist() == ["", "", "", "gaps", "", "few_normal"]
    assert table["n_beats"][1:3].tolist() == [
        (beats < 300).sum(),
        np.sum((beats >= 300) & (beats < 600)),
    ]
    of_annotation, of_table = table.loc[1, list(MEASURES)], table.loc[4, list(MEASURES)]
    np.testing.assert_allclose(of_table.astype(float), of_annotation.astype(float), rtol=1e-9)
    assert table["good_share"][5] == 0 and table.loc[5, list(MEASURES)].isna().all()


def test_the_beats_of_an_ecg_written_as_a_file_give_its_measures(tmp_path, ecg):
    """As samples of an annotation, and, aligned between samples, as times of a table."""
    for align in (False, True):
        steps = replace(Preprocessing(), align_beats=align)
        write_wfdb(tmp_path, "r", ecg, RATE)
        of_ecg = measure_part(open_recording(tmp_path, "r"), 0, EPOCH, steps)
        if align:
            rows = [f"{place / 250:.12g}" for place in of_ecg.r_peaks]
            (tmp_path / "r.csv").write_text("\n".join(["beat_time_s", *rows, ""]))
        else:
            write_annotation(tmp_path, "r.qrs", of_ecg.r_peaks, rate=250)
        recording = open_recording(tmp_path, "r.csv" if align else "r.qrs")

        of_beats = measure_part(recording, 0, round(300 * recording.sampling_rate), steps)

        assert of_ecg.reason == of_beats.reason == "" and of_ecg.n_beats == of_beats.n_beats
        np.testing.assert_allclose(of_beats.measures, of_ecg.measures, rtol=1e-6)
