"""Damaged bedside recordings: the same values as wfdb reads, or a reason."""

import math

import numpy as np
import pytest
import wfdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mimicflow.bedside.open_recording import open_recording
from mimicflow.bedside.recording import Recording
from mimicflow.errors import RecordError

from .damaged_files import (
    attempt,
    check_against_the_sum,
    damage_bytes,
    damage_encoding,
    damage_words,
    is_refused,
    run_cases,
)

TO_MV = {"mv": 1, "uv": 1e-3, "µv": 1e-3, "μv": 1e-3, "v": 1e3}
MOST_SAMPLES = 200_000


def values_of(folder, record: str) -> Recording | RecordError | tuple[Recording, np.ndarray]:
    """Open a recording and read all of it, or its beginning where the header claims days."""
    opened = attempt(open_recording, folder, record)
    if is_refused(opened):
        return opened
    read = attempt(opened.read, 0, min(opened.n_samples, MOST_SAMPLES))
    return read if is_refused(read) else (opened, read)


def by_wfdb(folder, record: str, lead: str) -> np.ndarray:
    theirs = wfdb.rdrecord(str(folder / record), smooth_frames=False)
    place = theirs.sig_name.index(lead)
    values = theirs.e_p_signal[place] if theirs.e_p_signal else theirs.p_signal[:, place]
    return values * TO_MV[theirs.units[place].lower()]


def check(folder, sound, record: str) -> None:
    """Compare with wfdb's reading; where it has none, with the sound record."""
    found = values_of(folder, record)
    if is_refused(found):
        assert isinstance(found, RecordError) and found.reason
        return
    recording, values = found
    assert math.isfinite(recording.sampling_rate) and recording.n_samples > 0
    try:
        expected = by_wfdb(folder, record, recording.lead)
    except Exception:  # noqa: BLE001 - another signal than the lead is damaged, or another segment
        if len(recording.wrong_segments()):  # these are left out
            return
        expected = by_wfdb(sound, record, recording.lead)[: len(values)]
        expected[np.isnan(values)] = np.nan  # a segment that is refused
    for part in sorted(folder.glob(f"{record}_*.hea")):  # wfdb goes by the place of a signal
        lines = part.read_text(encoding="latin-1").splitlines()
        place = int(part.stem[-1]) - 1
        layout = (folder / f"{record}.hea").read_text(encoding="latin-1").splitlines()
        if layout[place + 1].startswith("~") or not any(
            line.split(maxsplit=8)[8:] == [recording.lead] for line in lines
        ):
            expected[place * 1000 : (place + 1) * 1000] = np.nan
    np.testing.assert_allclose(values, expected[: len(values)], rtol=1e-12, equal_nan=True)


def damage(content: bytes, draw: np.random.Generator, text: bool) -> bytes:
    if not text or draw.integers(5) == 0:
        return damage_bytes(content, draw)
    if draw.integers(6) == 0:
        return damage_encoding(content.decode(), draw)
    return damage_words(content, draw)


def run(name: str, records: list[str], sound, folder) -> None:
    whole = {file.name: file.read_bytes() for file in sound.iterdir()}

    def case(draw):
        for file, content in whole.items():
            (folder / file).write_bytes(content)
        record = records[draw.integers(len(records))]
        mine = sorted(file for file in whole if file.startswith(record))
        # Headers three times as often as signals.
        mine = [file for file in mine for _ in range(3 if file.endswith(".hea") else 1)]
        file = mine[draw.integers(len(mine))]
        (folder / file).write_bytes(damage(whole[file], draw, file.endswith(".hea")))
        check(folder, sound, record)
        if file.endswith(".dat"):
            check_never_another_value(folder, sound, record)

    run_cases(name, case)


def check_never_another_value(folder, sound, record: str) -> None:
    """Require that samples are the sound ones, or refused with their segment, whatever is read."""
    opened = attempt(open_recording, folder, record)
    if is_refused(opened):
        return
    opened = opened.without(opened.wrong_segments())
    expected = by_wfdb(sound, record, opened.lead)
    for first in range(0, opened.n_samples, 1000):  # a segment
        read = attempt(opened.read, first, 1000)
        if not is_refused(read):
            gap = -(2**11) if record == "b" else -(2**15)  # as 12 and 16 bits write it
            check_against_the_sum(read, expected[first : first + 1000], gain=200, gap=gap)


def test_the_recordings_are_sound(bedside):
    for record in ("a", "b", "m"):
        recording, values = values_of(bedside, record)
        assert (recording.lead, len(values)) == ("II", 2000 if record == "m" else 1000)
        check(bedside, bedside, record)


def test_damaged_recordings(bedside, tmp_path):
    run("recordings", ["a", "b"], bedside, tmp_path)


def test_damaged_recordings_in_segments(bedside, tmp_path):
    run("recordings_in_segments", ["m"], bedside, tmp_path)


def test_damaged_open_recordings(shared_data, tmp_path):
    """Real headers of several databases, with the first bytes of their signals."""
    headers = [
        file
        for file in sorted((shared_data / "ecg-long").rglob("*.hea"))
        if sum(other.stat().st_size for other in file.parent.glob(f"{file.stem}.*")) < 3_000_000
    ]
    assert headers
    for seed in range(60):
        draw = np.random.default_rng([seed, 5])
        header = headers[draw.integers(len(headers))]
        for old in tmp_path.iterdir():
            old.unlink()
        for file in header.parent.glob(f"{header.stem}.*"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
        (tmp_path / header.name).write_bytes(damage_words(header.read_bytes(), draw))
        check(tmp_path, header.parent, header.stem)


@settings(
    max_examples=100, derandomize=True, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(st.text(max_size=30), st.text(max_size=10))
def test_any_record_and_lead(bedside, record, lead):
    assert is_refused(attempt(open_recording, bedside, record)) or record.strip("./") in "abm"
    assert is_refused(attempt(open_recording, bedside, "a", lead)) or lead.strip() in ("", "II")


@pytest.mark.parametrize("claim", [10**10, 10**15, 10**30])
def test_a_claim_of_many_samples_takes_no_memory(bedside, tmp_path, claim):
    for file in bedside.glob("a.*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    header = tmp_path / "a.hea"
    header.write_text(header.read_text().replace(" 1000", f" {claim}", 1))
    assert values_of(tmp_path, "a").reason in ("huge", "signal_truncated", "unreadable")
