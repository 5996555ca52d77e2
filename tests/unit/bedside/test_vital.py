"""``.vital`` files, written by the package itself, are read back or refused with a reason."""

import gzip
import struct

import numpy as np
import pandas as pd
import pytest
import vitaldb
from made_arrest_registry import reason_of

from mimicflow.bedside.open_recording import open_recording
from mimicflow.errors import RecordError

START = 1_700_000_000.0  # 2023-11-14 22:13:20 UTC
RATE = 500


def records(ecg: np.ndarray, start: float = START, rate: float = RATE) -> list[dict]:
    """Cut a signal into records of a second, as a recorder writes them."""
    step = round(rate)
    return [
        {"dt": start + first / rate, "val": ecg[first : first + step].astype(np.float32)}
        for first in range(0, len(ecg), step)
    ]


@pytest.fixture
def ecg(sinus) -> np.ndarray:
    return sinus(20, RATE).astype(np.float32).astype(np.float64)


@pytest.mark.parametrize("packed", [True, False])
def test_a_track_is_read_back_with_its_gap(write_vital, ecg, packed):
    both = records(ecg[:3000]) + records(ecg[5000:], START + 10)
    folder = write_vital("a", {"SNUADC/ECG_II": both}, packed=packed).parent

    recording = open_recording(folder, "a.vital")

    assert (recording.lead, recording.sampling_rate) == ("SNUADC/ECG_II", RATE)
    assert recording.n_samples == len(ecg)
    expected = np.where((np.arange(len(ecg)) // 1000 == 3) | (np.arange(len(ecg)) // 1000 == 4),
                        np.nan, ecg)  # fmt: skip
    assert np.array_equal(recording.read(0, len(ecg)), expected, equal_nan=True)
    assert np.array_equal(recording.read(2990, 2020), expected[2990:5010], equal_nan=True)
    outside = recording.read(-5, 10)
    assert np.isnan(outside[:5]).all() and np.array_equal(outside[5:], ecg[:5])


def test_times_are_local_and_begin_with_the_file(write_vital, ecg):
    folder = write_vital(
        "a", {"SNUADC/ECG_II": records(ecg)}, dtstart=START - 2, dgmt=-540
    ).parent  # Korea: UTC lags 540 min behind

    recording = open_recording(folder, "a.vital")

    assert recording.start_time == pd.Timestamp("2023-11-15 07:13:18")
    assert recording.n_samples == 22 * recording.sampling_rate
    assert np.isnan(recording.read(0, 1000)).all()
    assert np.array_equal(recording.read(1000, 500), ecg[:500])


def test_leads_are_found_by_track_device_and_lead(write_vital, ecg):
    tracks = {
        "SNUADC/PLETH": records(0 * ecg + 50),
        "Solar8000/HR": [{"dt": START, "val": 70.0}],
        "SNUADC/ECG_V5": records(ecg * 2),
        "SNUADC/ECG_II": records(ecg),
        "Other/MY_ECG_II": records(ecg * 3),
    }
    folder = write_vital("a", tracks).parent

    def value(lead: str) -> float:
        return open_recording(folder, "a.vital", lead).read(100, 1)[0] / ecg[100]

    assert value("") == pytest.approx(2)
    for lead in ("ECG_II", "ecg_ii", "SNUADC/ECG_II", "II"):
        assert value(lead) == pytest.approx(1), lead
    assert value("MY_ECG_II") == pytest.approx(3)
    for lead in ("HR", "Solar8000/HR", "III"):
        assert reason_of(open_recording, folder, "a.vital", lead) == "lead_absent"


@pytest.mark.parametrize("packed", [True, False])
def test_a_track_that_begins_later_changes_nothing_before_it(write_vital, ecg, packed):
    before = {"X/ECG_V": records(ecg, START + 0.2), "X/ECG_II": records(ecg * 2)}
    later = {"Y/ECG_I": records(ecg * 3, START + 15), "Y/ECG_II": records(ecg * 4, START + 15)}
    folder = write_vital("then", before, packed=packed).parent
    write_vital("now", later | before, packed=packed)

    def value(lead: str, file: str = "now.vital") -> np.ndarray:
        return open_recording(folder, file, lead).read(1000, 100) / ecg[1000:1100]

    for lead, factor in (("II", 2), ("ECG_II", 2), ("X/ECG_II", 2)):
        assert value(lead) == pytest.approx(factor), lead
    assert open_recording(folder, "now.vital").lead == "X/ECG_V"  # of those that begin together
    for lead in ("", "II"):
        assert value(lead).tobytes() == value(lead, "then.vital").tobytes()
    assert np.isnan(value("Y/ECG_II")).all()  # a device that is named is that device alone


def test_a_track_that_is_described_anew_after_its_samples_is_refused(write_vital, ecg):
    """The package would scale the samples by the later gain, or forget them."""
    path = write_vital("a", {"X/ECG_II": records(ecg)}, packed=False)
    content = gzip.decompress(path.read_bytes())
    place, first_track = 10 + struct.unpack_from("<H", content, 8)[0], b""
    while not first_track:
        kind, length = struct.unpack_from("<BI", content, place)
        packet = content[place : place + 5 + length]
        first_track, place = packet if kind == 0 else b"", place + len(packet)
    path.write_bytes(gzip.compress(content + first_track))

    assert reason_of(open_recording, path.parent, "a.vital") == "unreadable"


def test_tracks_that_are_no_use_are_refused(write_vital, ecg):
    folder = write_vital("pleth", {"SNUADC/PLETH": records(ecg)}).parent
    write_vital("slow", {"X/ECG_II": records(ecg, rate=50)}, {"X/ECG_II": 50})
    write_vital("unit", {"X/ECG_II": records(ecg)}, unit="mmHg")
    write_vital("age", {"X/ECG_II": records(ecg)}, dtend=START + 4e7)

    assert reason_of(open_recording, folder, "pleth.vital") == "no_ecg_lead"
    assert reason_of(open_recording, folder, "slow.vital") == "low_rate"
    assert reason_of(open_recording, folder, "unit.vital") == "units_unknown"
    assert reason_of(open_recording, folder, "age.vital") == "huge"
    assert reason_of(open_recording, folder, "none.vital") == "missing"
    assert reason_of(open_recording, folder, "../waves/none.vital") == "outside_folder"
    assert reason_of(open_recording, folder, "https://vitaldb.net/1.vital") == "outside_folder"


def test_microvolts_become_millivolts(write_vital, ecg):
    folder = write_vital("a", {"X/ECG_II": records(1000 * ecg)}, unit="uV").parent

    assert open_recording(folder, "a.vital").read(0, 500) == pytest.approx(ecg[:500], abs=1e-4)


def test_integers_are_scaled_and_their_filling_is_missing(write_vital, tmp_path, ecg):
    path = write_vital("a", {"X/ECG_II": records(ecg)})
    file = vitaldb.VitalFile(str(path))
    track = file.trks["X/ECG_II"]
    track.fmt, track.gain, track.offset = 5, 0.002, 0.5  # 16-bit integers
    codes = np.arange(-500, 500, dtype="<i2")
    track.recs = [{"dt": START, "val": codes}, {"dt": START + 4, "val": codes}]
    file.to_vital(str(path))

    values = open_recording(path.parent, "a.vital").read(0, 3000)

    assert values[:1000] == pytest.approx(codes * 0.002 + 0.5)
    assert np.isnan(values[1000:2000]).all()
    assert values[2000:] == pytest.approx(codes * 0.002 + 0.5)


def test_a_torn_file_is_refused(write_vital, ecg):
    path = write_vital("a", {"SNUADC/ECG_II": records(ecg)})
    whole = path.read_bytes()
    unpacked = gzip.decompress(whole)
    contents = {
        "empty": b"",
        "half": whole[: len(whole) // 2],
        "no checksum": whole[:-8],
        "a wrong byte": whole[:500] + bytes([whole[500] ^ 255]) + whole[501:],
        "not packed": unpacked,
        "another kind": gzip.compress(b"PK" + unpacked),
        "header only": gzip.compress(unpacked[:4]),
        "header cut": gzip.compress(unpacked[:20]),
        "packet cut": gzip.compress(unpacked[:60]),
        "times of nothing": gzip.compress(
            unpacked[:20] + struct.pack("<dd", np.nan, np.inf) + unpacked[36:]
        ),
    }
    for name, content in contents.items():
        path.write_bytes(content)
        found = reason_of(open_recording, path.parent, "a.vital")
        assert found in ("unreadable", "no_ecg_lead"), name


def test_damage_never_ends_in_another_error(write_vital, ecg):
    path = write_vital("a", {"SNUADC/ECG_II": records(ecg[:2000])}, packed=False)
    unpacked = gzip.decompress(path.read_bytes())
    generator = np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        damaged = bytearray(unpacked)
        for place in generator.integers(0, 200, 3):
            damaged[place] = generator.integers(0, 256)
        path.write_bytes(gzip.compress(bytes(damaged), 1))
        try:
            recording = open_recording(path.parent, "a.vital")
            recording.read(0, min(recording.n_samples, 5000))
        except RecordError:
            refused += 1
    assert refused > 30
