"""WFDB records of every kind are read as wfdb reads them, or refused with a reason."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import wfdb
from made_arrest_registry import reason_of

from mimicflow.bedside.numerics_files import find_numerics
from mimicflow.bedside.open_recording import open_recording
from mimicflow.bedside.recording import end_of
from mimicflow.errors import RecordError
from mimicflow.hrv.epochs import measure_epoch
from mimicflow.hrv.measures import MEASURES

VARIABLE = "multi-segment/s25047/s25047-2704-05-04-10-44"
INCOMPLETE = "multi-segment/s00001/s00001-2896-10-10-00-31"


def equal(ours: np.ndarray, theirs: np.ndarray) -> bool:
    return ours.dtype == np.float64 and np.array_equal(ours, theirs, equal_nan=True)


@pytest.mark.parametrize(
    ("record", "lead", "rate"),
    [
        ("mitdb/100", "MLII", 360),
        ("mitdb/100", "V5", 360),
        ("cpsc2021/data_92_4", "II", 200),
        ("challenge-2015/a103l", "V", 250),
        ("challenge-2015/v102s", "II", 250),
        ("multi-segment/fixed1/v102s", "V", 250),
        (VARIABLE, "II", 125),
        (VARIABLE, "V", 125),
    ],
)
def test_real_leads_equal_wfdb_whole_and_in_parts(ecg_long, record, lead, rate):
    theirs = wfdb.rdrecord(str(ecg_long / record), channel_names=[lead]).p_signal[:, 0]

    recording = open_recording(ecg_long, record, lead.lower())

    n = recording.n_samples
    assert (recording.lead, recording.sampling_rate, n) == (lead, rate, len(theirs))
    assert equal(recording.read(0, n), theirs)
    pieces = [recording.read(first, 9999) for first in range(0, n, 9999)]
    assert equal(np.concatenate(pieces)[:n], theirs)
    assert np.isnan(np.concatenate(pieces)[n:]).all()


def test_outside_the_recording_there_is_nothing(ecg_long):
    recording = open_recording(ecg_long, "mitdb/100")
    inside = recording.read(0, 5)

    around = recording.read(-3, 8)

    assert np.isnan(around[:3]).all() and equal(around[3:], inside)
    assert np.isnan(recording.read(-10, 10)).all()
    assert np.isnan(recording.read(650_000, 4)).all()
    assert len(recording.read(7, 0)) == 0


def test_a_lead_stored_faster_than_the_record_is_read_at_its_own_rate(ecg_long):
    path = str(ecg_long / "mimicdb/03700181")
    theirs = wfdb.rdrecord(path, smooth_frames=False).e_p_signal[0]

    recording = open_recording(ecg_long, "mimicdb/03700181")

    assert (recording.lead, recording.sampling_rate) == ("MCL1", 500)
    assert recording.n_samples == 10 * 60 * 500
    assert equal(recording.read(0, recording.n_samples), theirs)
    assert equal(recording.read(1001, 4242), theirs[1001:5243])  # neither end at a frame


def test_segments_of_a_variable_layout_keep_their_gaps_and_scales(ecg_long):
    recording = open_recording(ecg_long, VARIABLE)

    ecg = recording.read(0, recording.n_samples)

    assert recording.lead == "II"  # the first of the first segment that has an ECG lead
    assert recording.start_time == pd.Timestamp("2704-05-04 10:44:18.529").as_unit("us")
    end = end_of(recording.start_time, recording.n_samples, recording.sampling_rate)
    assert end == pd.Timestamp("2704-05-04 11:56:44.449").as_unit("us")
    assert np.isnan(ecg[:25740]).all() and np.isfinite(ecg[25740:54000]).any()
    one = wfdb.rdrecord(str(ecg_long / "multi-segment/s25047/3234460_0016"), channels=[0])
    first = recording.n_samples - 93975 - 3525 - 322111
    assert equal(recording.read(first, 322111), one.p_signal[:, 0])


def test_a_missing_segment_is_an_error_where_it_is_and_nowhere_else(ecg_long):
    begin = sum((3261, 6750, 125, 1354, 512, 906_259, 2604, 1_304_941, 1280, 512))  # of 0009
    theirs = wfdb.rdrecord(str(ecg_long / INCOMPLETE), sampto=begin, channel_names=["MCL1"])
    recording = open_recording(ecg_long, INCOMPLETE, "mcl1")

    assert equal(recording.read(0, begin), theirs.p_signal[:, 0])
    first = 14_518_365 - 22_500 - 37_500  # segment 0015
    assert np.isnan(recording.read(first, 37_500)).all()  # it has II and V only
    lead_two = open_recording(ecg_long, INCOMPLETE, "II").read(first, 37_500)
    assert np.isfinite(lead_two).all()
    assert reason_of(recording.read, begin - 10, 11) == "signal_missing"


def test_a_record_that_is_one_gap_is_empty(ecg_long):
    record = "multi-segment/s00001/s00001-2896-10-09-01-56"
    assert reason_of(open_recording, ecg_long, record) == "empty"


def test_intensive_care_records_are_epoched_and_measured_whole(ecg_long):
    reasons = {}
    for record in ("mimicdb/03700181", VARIABLE):
        recording = open_recording(ecg_long, record)
        n = round(300 * recording.sampling_rate)
        starts = range(0, recording.n_samples - n + 1, n)

        epochs = [recording.read(first, n) for first in starts]
        measured = [measure_epoch(epoch, recording.sampling_rate) for epoch in epochs]

        reasons[record] = [epoch.reason for epoch in measured]
        mean_nn = MEASURES.index("MeanNN")
        assert all(300 < epoch.measures[mean_nn] < 1500 for epoch in measured if not epoch.reason)
        for epoch, found in zip(epochs, measured, strict=True):
            assert found.reason in {"gaps", "no_signal"} or np.isnan(epoch).mean() <= 0.05

    # MCL1 with downward complexes, which NeuroKit2's search does not find.
    assert reasons["mimicdb/03700181"] == [""] * 2
    assert len(reasons[VARIABLE]) == 14  # 72.4 min
    # Movement, runs of ventricular beats, then a rhythm that wanders: no epoch is good.
    assert set(reasons[VARIABLE]) == {"gaps", "flat", "low_quality"}


def test_the_first_ecg_lead_is_found_behind_other_signals(write_record):
    ecg = np.sin(np.arange(3000))
    signals, names = [ecg + 80, ecg, ecg / 2], ["ABP", "ECG_II", "V5"]
    folder = write_record("a", signals, names=names, units=["mmHg", "mV", "mV"]).parent

    assert open_recording(folder, "a").lead == "ECG_II"
    assert open_recording(folder, "a", "II").lead == "ECG_II"
    assert open_recording(folder, "a", "v5").lead == "V5"
    with pytest.raises(RecordError, match=r"no lead 'V1' \(ECG leads: ECG_II, V5; signals: ABP, E"):
        open_recording(folder, "a", "V1")
    assert reason_of(open_recording, folder, "a", "V1") == "lead_absent"
    assert reason_of(open_recording, folder, "a", "ABP") == "units_unknown"


def test_values_are_in_millivolts_whatever_the_unit_and_format(write_record):
    ecg = np.round(np.sin(np.arange(3000) / 9), 3)
    for unit, factor in (("mV", 1), ("uV", 1000), ("V", 0.001), ("µV", 1000)):
        for fmt in ("16", "24", "32", "212", "516"):
            header = write_record("b", [ecg * factor], units=[unit.replace("µ", "u")], fmt=fmt)
            header.write_text(header.read_text().replace("/uV ", f"/{unit} "), encoding="utf-8")
            folder = header.parent
            (values := open_recording(folder, "b").read(500, 700))
            assert np.abs(values - ecg[500:1200]).max() < (1e-3 if fmt == "212" else 1e-4)


@pytest.mark.parametrize(
    "old, new", [(b"/mV", b"/\xb5V"), (b" II", b" \xc9I"), (b" II", b" I\xff")]
)
def test_a_stray_byte_makes_no_other_unit_and_no_other_lead(write_record, old, new):
    header = write_record("b", [np.sin(np.arange(3000) / 9)] * 2, names=["II", "ABP"])
    header.write_bytes(header.read_bytes().replace(old, new, 1))
    expected = "units_unknown" if old == b"/mV" else "no_ecg_lead"
    assert reason_of(open_recording, header.parent, "b") == expected


def test_flac_equals_wfdb_in_parts(write_record):
    generator = np.random.default_rng(3)
    signals = [generator.normal(0, 1, 20_000) for _ in range(2)]
    signals[1][5000:6000] = np.nan
    header = write_record("f", signals, names=["ABP", "II"], units=["mmHg", "mV"], fmt="516")
    theirs = wfdb.rdrecord(str(header.with_suffix(""))).p_signal[:, 1]

    recording = open_recording(header.parent, "f")

    assert equal(recording.read(0, 20_000), theirs)
    assert equal(recording.read(4990, 1111), theirs[4990:6101])
    assert np.isnan(theirs[5000:6000]).all()


def test_a_damaged_flac_file_has_a_reason(write_record):
    folder = write_record("f", [np.random.default_rng(3).normal(0, 1, 200_000)], fmt="516").parent
    file = folder / "f.dat"
    content = file.read_bytes()

    file.write_bytes(content[: len(content) // 2])  # its header still claims all
    opened = open_recording(folder, "f")
    assert np.isfinite(opened.read(0, 1000)).all()
    assert reason_of(opened.read, 190_000, 1000) == "unreadable"
    file.write_bytes(b"no FLAC at all" * 100)
    assert reason_of(open_recording, folder, "f") == "unreadable"


def test_files_that_are_missing_or_cut_off_are_refused(write_record):
    header = write_record("c", [np.sin(np.arange(3000))])
    folder, file = header.parent, header.with_suffix(".dat")

    assert reason_of(open_recording, folder, "nothing") == "missing"
    file.write_bytes(file.read_bytes()[:-1])
    assert reason_of(open_recording, folder, "c") == "signal_truncated"
    file.write_bytes(b"")
    assert reason_of(open_recording, folder, "c") == "signal_truncated"
    file.unlink()
    assert reason_of(open_recording, folder, "c") == "signal_missing"


def test_a_file_cut_off_after_opening_is_an_error(write_record):
    header = write_record("c", [np.sin(np.arange(3000))])
    recording = open_recording(header.parent, "c")
    file = header.with_suffix(".dat")
    file.write_bytes(file.read_bytes()[:4000])

    assert reason_of(recording.read, 1500, 1500) == "unreadable"


SIGNAL = "a.dat 16 200/mV 16 0 0 0 0 II"
HEADERS = {
    "nothing": ("", "unreadable"),
    "a blank": (" \n", "unreadable"),
    "binary": ("\0\1\2 \xff", "unreadable"),
    "no number of signals": ("a\n", "unreadable"),
    "a signal that is not there": (f"a 2 250 100\n{SIGNAL}\n", "unreadable"),
    "a negative rate": (f"a 1 -250 100\n{SIGNAL}\n", "unreadable"),
    "a rate of 0": (f"a 1 0 100\n{SIGNAL}\n", "unreadable"),
    "a rate beyond all": (f"a 1 1e9 100\n{SIGNAL}\n", "unreadable"),
    "no signal": ("a 0 250 100\n", "no_ecg_lead"),
    "no name": ("a 1 250 100\na.dat 16 200/mV\n", "no_ecg_lead"),
    "pressure only": ("a 1 250 100\na.dat 16 1/mmHg 16 0 0 0 0 ABP\n", "no_ecg_lead"),
    "99 Hz": (f"a 1 99 100\n{SIGNAL}\n", "low_rate"),
    "no sample": ("a 1 250 0\na.dat 16+200 200/mV 16 0 0 0 0 II\n", "empty"),
    "more samples than bytes": (f"a 1 250 101\n{SIGNAL}\n", "signal_truncated"),
    "more samples than a year": (f"a 1 250 {10**12}\n{SIGNAL}\n", "huge"),
    "more per frame than bytes": (
        "a 1 250 100\na.dat 16x99999 200/mV 16 0 0 0 0 II\n",
        "unreadable",
    ),
    "an offset beyond the end": (
        "a 1 250 100\na.dat 16+500 200/mV 16 0 0 0 0 II\n",
        "signal_truncated",
    ),
    "differences": ("a 1 250 100\na.dat 8 200/mV 16 0 0 0 0 II\n", "unreadable"),
    "an unknown format": ("a 1 250 100\na.dat 17 200/mV 16 0 0 0 0 II\n", "unreadable"),
    "an infinite gain": ("a 1 250 100\na.dat 16 1e999/mV 16 0 0 0 0 II\n", "unreadable"),
    "no unit of voltage": ("a 1 250 100\na.dat 16 200/NU 16 0 0 0 0 II\n", "units_unknown"),
    "files that take turns": (
        f"a 3 250 20\n{SIGNAL}\nb.dat 16 200/mV 16 0 0 0 0 V\n{SIGNAL}2\n",
        "unreadable",
    ),
    "a signal file elsewhere": (
        "a 1 250 100\n../a.dat 16 200/mV 16 0 0 0 0 II\n",
        "unreadable",
    ),
    "a signal file in the net": (
        "a 1 250 100\nhttps://example.org/a.dat 16 200/mV 16 0 0 0 0 II\n",
        "unreadable",
    ),
    "a segment elsewhere": ("a/1 1 250 100\n../outside 100\n", "unreadable"),
    "a segment of no header": ("a/1 1 250 100\nb 100\n", "no_ecg_lead"),
    "fewer segments": ("a/2 1 250 100\nb 100\n", "unreadable"),
    "a gap of ages": (f"a/2 1 250 {10**15}\nself 100\n~ {10**15 - 100}\n", "huge"),
    "itself": ("a/1 1 250 100\na 100\n", "no_ecg_lead"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_bad_header_has_a_reason_and_takes_no_memory(tmp_path, name):
    text, reason = HEADERS[name]
    folder = tmp_path / "waves"
    folder.mkdir()
    (folder / "a.hea").write_text(text, encoding="latin-1")
    (folder / "self.hea").write_text(f"self 1 250 100\n{SIGNAL}\n")
    for file in (folder / "a.dat", folder / "b.dat", tmp_path / "a.dat"):
        np.arange(100, dtype="<i2").tofile(file)
    (tmp_path / "outside.hea").write_text(f"outside 1 250 100\n{SIGNAL}\n")
    tracemalloc.start()

    found = reason_of(open_recording, folder, "a")

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == reason
    assert peak < 5e6


@pytest.mark.parametrize("record", ["../c", "/c", "d/../../c", "", " ", "https://a.org/c", "a::c"])
def test_a_record_outside_the_folder_is_never_opened(write_record, tmp_path, record):
    folder = write_record("c", [np.sin(np.arange(3000))]).parent
    (folder / "d").mkdir()

    assert reason_of(open_recording, folder / "d", record) == "outside_folder"


def test_links_out_of_the_folder_are_refused(write_record, tmp_path):
    header = write_record("c", [np.sin(np.arange(3000))])
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "c.hea").symlink_to(header)
    assert reason_of(open_recording, inner, "c") == "outside_folder"
    (inner / "c.hea").unlink()
    (inner / "c.hea").write_bytes(header.read_bytes())
    (inner / "c.dat").symlink_to(header.with_suffix(".dat"))
    assert reason_of(open_recording, inner, "c") == "outside_folder"
    (inner / "a" / "b").mkdir(parents=True)
    (inner / "a" / "b" / "link").symlink_to(header.parent)
    assert reason_of(open_recording, inner, "a/b/link/c") == "outside_folder"


def test_links_that_lead_to_each_other_are_refused(write_record, tmp_path):
    header = write_record("c", [np.sin(np.arange(3000))])
    for name in ("loop", "a.hea", "v.vital"):
        (header.parent / name).symlink_to(name)
    header.with_suffix(".dat").unlink()
    header.with_suffix(".dat").symlink_to("c.dat")

    assert reason_of(open_recording, header.parent, "a") in {"missing", "unreadable"}
    assert reason_of(open_recording, header.parent, "loop/c") in {"missing", "unreadable"}
    assert reason_of(open_recording, header.parent, "v.vital") in {"missing", "unreadable"}
    assert reason_of(open_recording, header.parent / "loop", "c") in {"missing", "unreadable"}
    assert reason_of(open_recording, header.parent, "c") == "signal_missing"


def test_folders_near_the_top_may_lie_on_other_disks(write_record, write_vital, tmp_path):
    ecg = np.sin(np.arange(3000) / 20)
    disk = write_record("c", [ecg]).parent
    write_record("cn", [ecg[:5] + 70], rate=0.5, names=["HR"], units=["bpm"])
    write_vital("v", {"ECG_II": [{"dt": 1.7e9, "val": ecg.astype(np.float32)}]})
    (disk / "m.hea").write_text("m/1 1 250 3000\nc 3000\n")
    root = tmp_path / "root"
    (root / "waves").mkdir(parents=True)
    (root / "direct").symlink_to(disk)
    (root / "waves" / "p100").symlink_to(disk)

    for folder in ("direct", "waves/p100"):
        for record in ("c", "m", "v.vital"):
            opened = open_recording(root, f"{folder}/{record}")
            np.testing.assert_allclose(opened.read(0, 500), ecg[:500], atol=1e-3)
        assert find_numerics(root, f"{folder}/c") == f"{folder}/cn"


@pytest.mark.parametrize("fmt", ["16", "80", "212", "24", "516"])
@pytest.mark.parametrize("claim", ["", " 0", " 0 10:00:00 01/02/2150"])
def test_the_length_may_be_left_to_the_file(write_record, fmt, claim):
    ecg = np.sin(np.arange(5000) / 20)
    header = write_record("r", [ecg, ecg / 2], names=["II", "V"], fmt=fmt)
    whole = open_recording(header.parent, "r", "V").read(0, 5000)
    header.write_text(header.read_text().replace("r 2 250 5000", f"r 2 250{claim}"))

    for record in ("r", "m"):
        (header.parent / "m.hea").write_text("m/2 2 250\nr 5000\nr 5000\n")
        recording = open_recording(header.parent, record, "V")
        assert recording.n_samples == {"r": 5000, "m": 10000}[record]
        np.testing.assert_array_equal(recording.read(1000, 300), whole[1000:1300])
        np.testing.assert_array_equal(recording.read(0, 5000), whole)


def test_memory_does_not_grow_with_the_length_of_a_recording(tmp_path):
    hours, n = 8, 300 * 250
    np.random.default_rng(0).integers(-200, 200, hours * 12 * n, dtype="<i2").tofile(
        tmp_path / "long.dat"
    )
    (tmp_path / "long.hea").write_text(
        f"long 1 250 {hours * 12 * n}\nlong.dat 16 200/mV 16 0 0 0 0 II\n"
    )
    peaks = []
    for epochs in (12, 12 * hours):
        recording = open_recording(tmp_path, "long")
        tracemalloc.start()
        assert recording.wrong_segments() == (0,)  # all of it is read: its sum is not 0
        total = sum(recording.read(epoch * n, n)[0] for epoch in range(epochs))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert np.isfinite(total)

    assert peaks[1] < 1.2 * peaks[0]
    assert peaks[1] < 8 * n * 8  # a few arrays of one epoch


def test_start_time_is_that_of_the_header(write_record):
    with_time = write_record(
        "t", [np.zeros(500)], base_date=pd.Timestamp("2150-02-03").date(),
        base_time=pd.Timestamp("2150-02-03 04:05:06").time(),
    )  # fmt: skip
    folder = with_time.parent
    write_record("u", [np.zeros(500)])

    assert open_recording(folder, "t").start_time == pd.Timestamp("2150-02-03 04:05:06")
    assert open_recording(folder, "u").start_time is None


@pytest.mark.parametrize(
    "begins",
    [
        b"1\xb2:34:00 11/12/2150",
        b"12:34:00 11/1\xb2/2150",
        "1\uff12:34:00 11/12/2150".encode(),
        "12:34:00 11/1\u0662/2150".encode(),
        b"12:34:00 11/12/2150\xb2",
        b"1\xb2:34:00",
    ],
)
def test_a_beginning_with_a_stray_byte_is_no_other_time(write_record, begins):
    file = write_record("t", [np.zeros(500)])
    first, rest = file.read_bytes().split(b"\n", 1)
    file.write_bytes(first + b" " + begins + b"\n" + rest)

    assert reason_of(open_recording, file.parent, "t") == "unreadable"
