"""Damaged ``.vital`` files: the samples that the file holds, or a reason."""

import gzip
import struct

import numpy as np
import pytest
import vitaldb

from mimicflow.bedside.open_recording import open_recording
from mimicflow.errors import RecordError

from .damaged_files import attempt, damage_bytes, is_refused, run_cases

RATE, SECONDS = 100, 8
START = 1_700_000_000.0
LEAD = "SNUADC/ECG_II"


def ecg() -> np.ndarray:
    return np.sin(np.arange(RATE * SECONDS) / 15).astype(np.float32)


@pytest.fixture(scope="module", params=[True, False], ids=["packed", "in records"])
def whole(request, tmp_path_factory) -> bytes:
    """Give the unpacked bytes of a file with an ECG, a second wave and a number."""
    file = vitaldb.VitalFile()
    file.dtstart, file.dtend, file.dgmt = START, START + SECONDS, -540
    second = [ecg()[i : i + RATE] for i in range(0, RATE * SECONDS, RATE)]
    for name, scale in ((LEAD, 1), ("SNUADC/PLETH", 50)):
        records = [{"dt": START + i, "val": part * scale} for i, part in enumerate(second)]
        file.add_track(name, records, srate=RATE, unit="mV")
    file.add_track("Solar8000/HR", [{"dt": START + i, "val": 70.0} for i in range(SECONDS)])
    path = tmp_path_factory.mktemp("vital") / "a.vital"
    assert file.to_vital(str(path), packed=request.param)
    return gzip.decompress(path.read_bytes())


def packets(content: bytes) -> list[tuple[int, bytes]] | None:
    """Split a file into its packets; None when they do not end where the file ends."""
    place, found = 10 + struct.unpack_from("<H", content, 8)[0], []
    while place < len(content):
        if place + 5 > len(content):
            return None
        kind, length = struct.unpack_from("<BI", content, place)
        if place + 5 + length > len(content):
            return None
        found.append((kind, content[place + 5 : place + 5 + length]))
        place += 5 + length
    return found


def stored(content: bytes, start: float, n: int) -> np.ndarray:
    """Place the samples of the ECG, found without the package, on a grid of ``n`` samples."""
    track = None
    values = np.full(n, np.nan)
    records = []
    for kind, data in packets(content) or []:
        if kind == 0:
            length = struct.unpack_from("<I", data, 4)[0]
            if data[8 : 8 + length] == b"ECG_II":
                track = struct.unpack_from("<H", data)[0]
        elif kind == 1:
            skip, time, number = struct.unpack_from("<HdH", data)
            if number == track:
                count = struct.unpack_from("<I", data, 2 + skip)[0]
                samples = np.frombuffer(data, "<f4", count, 6 + skip)
                records.append((time, samples.astype(np.float64)))
    for time, samples in sorted(records, key=lambda record: record[0]):
        first = round((time - start) * RATE)
        place = np.arange(first, first + len(samples))
        free = (place >= 0) & (place < n)
        free[free] &= np.isnan(values[place[free]])
        values[place[free]] = np.where(np.isfinite(samples), samples, np.nan)[free]
    return values


def read(folder, name: str):
    opened = attempt(open_recording, folder, name)
    return (
        opened if is_refused(opened) else (opened, opened.read(0, min(opened.n_samples, 100_000)))
    )


def test_the_file_is_sound(whole, tmp_path):
    (tmp_path / "a.vital").write_bytes(gzip.compress(whole))
    recording, values = read(tmp_path, "a.vital")
    assert recording.lead == LEAD and recording.sampling_rate == RATE
    np.testing.assert_array_equal(values, ecg())
    np.testing.assert_array_equal(values, stored(whole, START, RATE * SECONDS))


def test_damage_inside_the_compression(whole, tmp_path):
    file = tmp_path / "a.vital"

    def case(draw):
        # Half of the damage where the header and the descriptions of the tracks are.
        cut = int(draw.choice([60, 400, len(whole)]))
        content = damage_bytes(whole[:cut], draw) + whole[cut:]
        file.write_bytes(gzip.compress(content, 1, mtime=0))
        found = read(tmp_path, "a.vital")
        if is_refused(found):
            assert isinstance(found, RecordError) and found.reason
            return
        recording, values = found
        assert packets(content) is not None, "a torn file was read"
        if recording.lead == LEAD and recording.sampling_rate == RATE:
            vital = vitaldb.VitalFile(str(file), track_names=[LEAD])
            factor = {"mv": 1, "uv": 1e-3, "v": 1e3}[vital.trks[LEAD].unit.lower() or "mv"]
            expected = stored(content, vital.dtstart, len(values)) * factor
            known = np.isfinite(values)
            np.testing.assert_allclose(values[known], expected[known], rtol=1e-12)
            assert np.isnan(expected[~known]).all()

    run_cases("vital", case)


def test_damage_of_the_compression(whole, tmp_path):
    file = tmp_path / "a.vital"
    packed = gzip.compress(whole, mtime=0)
    for seed in range(50):
        content = damage_bytes(packed, np.random.default_rng([seed, 7]))
        file.write_bytes(content)
        found = read(tmp_path, "a.vital")
        if not is_refused(found):
            assert gzip.decompress(content) == whole


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9, 0.999])
def test_a_file_that_ends_inside_a_packet_is_refused(whole, tmp_path, kept):
    """The compression may be whole: then only the packets show it."""
    content = whole[: int(len(whole) * kept)]
    assert packets(content) is None
    (tmp_path / "a.vital").write_bytes(gzip.compress(content))
    with pytest.raises(RecordError) as caught:
        open_recording(tmp_path, "a.vital")
    assert caught.value.reason == "unreadable"
