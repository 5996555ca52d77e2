"""Records in segments: one behind the other, and each of them as its header says, or refused."""

from pathlib import Path

import numpy as np
import pytest
from made_arrest_registry import reason_of

from mimicflow.bedside.open_recording import open_recording
from mimicflow.errors import RecordError
from mimicflow.hrv.epochs import measure_epoch

SIGNAL = "a.dat 16 200/mV 16 0 0 0 0 II"


def write_segments(write_record) -> Path:
    folder = write_record("s1", [np.full(1000, 0.25)]).parent
    write_record("s2", [np.full(500, 0.5)])
    (folder / "m.hea").write_text("m/3 1 250 1750\ns1 1000\n~ 250\ns2 500\n")
    return folder


def test_segments_stand_one_after_the_other(write_record):
    folder = write_segments(write_record)

    values = open_recording(folder, "m").read(990, 280)

    assert values[:10] == pytest.approx(0.25, abs=1e-3)
    assert np.isnan(values[10:260]).all()
    assert values[260:] == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("wanted", ["", "ecg_ii"])
def test_a_lead_put_on_later_changes_no_epoch_before_it(write_record, sinus, wanted):
    """It is recorded for longer, is named more closely, and comes first in the layout."""
    first, other = sinus(310), sinus(310, seed=1)
    folder = write_record("s1", [first * 0 + 80, first], names=["ABP", "ECG II"]).parent
    write_record("s2", [other, first], names=["ecg_ii", "ECG II"])
    write_record("s3", [other], names=["ecg_ii"])
    write_record("l", [other[:2], other[:2]], names=["ecg_ii", "ECG II"])
    (folder / "l.hea").write_text((folder / "l.hea").read_text().replace("l 2 250 2", "l 2 250 0"))
    n = len(first)
    (folder / "m1.hea").write_text(f"m1/2 2 250 {n}\nl 0\ns1 {n}\n")
    (folder / "m2.hea").write_text(f"m2/4 3 250 {3 * n}\nl 0\ns1 {n}\ns2 {n}\ns3 {n}\n")

    epochs = [open_recording(folder, record, wanted).read(0, 75_000) for record in ("m1", "m2")]

    then, now = (measure_epoch(epoch, 250) for epoch in epochs)
    assert epochs[0].tobytes() == epochs[1].tobytes()
    assert then.reason == now.reason == ""
    assert then.measures.tobytes() == now.measures.tobytes()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda folder: (folder / "s2.dat").write_bytes(b"12"), "signal_truncated"),
        (lambda folder: (folder / "s2.dat").unlink(), "signal_missing"),
        (lambda folder: (folder / "s2.hea").unlink(), "signal_missing"),
        (lambda folder: (folder / "s2.hea").write_text("?"), "unreadable"),
        (lambda folder: (folder / "s2.hea").write_text("s2 1 500 500\n" + SIGNAL), "unreadable"),
        (lambda folder: (folder / "s2.hea").write_text("s2 1 250 499\n" + SIGNAL), "unreadable"),
        (
            lambda folder: (folder / "s2.hea").write_text(
                "s2 1 250 500\ns2.dat 16x2 200/mV 16 0 0 0 0 II"
            ),
            "unreadable",
        ),
    ],
)
def test_a_damaged_segment_never_gives_numbers(write_record, change, reason):
    folder = write_segments(write_record)
    change(folder)

    recording = open_recording(folder, "m")

    assert np.isfinite(recording.read(0, 1000)).all()
    assert np.isnan(recording.read(1000, 250)).all()
    assert reason_of(recording.read, 1249, 2) == reason


@pytest.mark.parametrize("fmt", ["16", "80", "212", "24", "516"])
def test_a_segment_that_is_not_as_its_header_says_is_found(write_record, fmt):
    ecg = np.sin(np.arange(3000) / 20)
    folder = write_record("s1", [ecg, ecg], names=["ABP", "II"], fmt=fmt).parent
    write_record("s2", [-ecg, ecg**2], names=["ABP", "II"], fmt=fmt)
    (folder / "m.hea").write_text("m/3 2 250 7000\ns1 3000\n~ 1000\ns2 3000\n")
    opened = open_recording(folder, "m")
    assert opened.wrong_segments() == ()
    (folder / "s2.dat").write_bytes((folder / "s1.dat").read_bytes())  # of another record

    opened = open_recording(folder, "m")

    assert opened.wrong_segments() == (2,)
    assert opened.share_of([2]) == 0.5 and opened.lost_share == 0
    left = opened.without([2])
    assert left.lost_share == 0.5 and folder / "s2.dat" in left.faulty_files
    assert np.isfinite(left.read(0, 3000)).all()
    assert reason_of(left.read, 3999, 2) == "checksum_wrong"


def test_open_records_are_as_their_headers_say(ecg_long):
    """Also the excerpt of the MIMIC database, whose respiration, with a skew, is not."""
    checked = 0
    for header in sorted(ecg_long.rglob("*.hea")):
        try:
            opened = open_recording(
                ecg_long, header.relative_to(ecg_long).with_suffix("").as_posix()
            )
        except RecordError:
            continue
        assert opened.wrong_segments() == (), header.name
        checked += 1
    assert checked > 30
