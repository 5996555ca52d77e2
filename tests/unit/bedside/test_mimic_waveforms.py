"""Headers of MIMIC's recordings."""

import os
import shutil

import pytest
import wfdb
from made_waveform_database import write_header

from mimicflow.bedside.mimic_waveforms import read_header, state_of_records
from mimicflow.errors import RecordError


def test_headers_say_the_same_as_to_wfdb(shared_data, tmp_path):
    headers = list((shared_data / "ecg-long").rglob("*.hea"))
    for name, line in {
        "81": "81/2 2 62.4725/999.56 2249010 20:00:00.500 02/01/2150\n81_0000 0\n81_0001 2249010",
        "82": "82 0 250/500(10) 100 10:05 31/12/2149",
        "83": "83 0 125 100 23:59:59.999999 29/02/2152",
        "84": "84 0 125 100 23:59:59",
    }.items():
        headers.append(tmp_path / f"{name}.hea")
        headers[-1].write_text(f"{line}\n#subject_id 10000101\n# <age>: 60 <sex>: F\n")
    n_timed = 0
    for file in headers:
        ours, theirs = read_header(file), wfdb.rdheader(str(file.with_suffix("")))
        assert ours.start == theirs.base_datetime, file
        assert ours.seconds == theirs.sig_len / theirs.fs, file
        assert ours.ticks_per_second == (theirs.counter_freq or theirs.fs), file
        n_timed += ours.start is not None
    assert n_timed > 5


@pytest.mark.parametrize(
    "line",
    [
        "",
        "81 2 x 10",
        "81 2 0 10",
        "81 2 inf 10",
        "81 2 250 10 25:00:00 01/01/2150",
        "81 2 250 10 10:00:00 31/02/2150",
        "81 2 250 9999999999999999 10:00:00 01/01/2150",
        "81 2 250 10 10:00:00 0\uff11/01/2150",
        "81 2 250 1\u0660 10:00:00 01/01/2150",
    ],
)
def test_a_header_that_is_none_is_refused_with_its_name(tmp_path, line):
    file = tmp_path / "81.hea"
    file.write_text(line + "\n#subject_id 1\n", encoding="utf-8")

    with pytest.raises(RecordError, match=r"81\.hea") as refused:
        read_header(file)

    assert refused.value.reason == "unreadable"


def test_records_that_come_later_change_the_state_and_touched_ones_do_not(tmp_path):
    line = "81000001 1 250 1000 10:00:00 01/01/2150"
    assert state_of_records(tmp_path) == ""
    first = write_header(tmp_path, 10000101, 81000001, line)
    states = [state_of_records(tmp_path)]
    os.utime(first, ns=(1, 1))
    (first.parent / "81000001_0001.dat").touch()  # a segment is no recording
    assert state_of_records(tmp_path) == states[0]

    later = write_header(tmp_path, 10000102, 81000002, line.replace("81000001", "81000002"))
    states.append(state_of_records(tmp_path))
    (first.parent / "81000001n.csv.gz").touch()
    states.append(state_of_records(tmp_path))
    record = "waves/p100/p1000010{0}/8100000{0}/8100000{0}"
    (tmp_path / "RECORDS").write_text("\n".join(record.format(n) for n in (1, 2, 3)))
    assert state_of_records(tmp_path) == states[-1]
    later.write_text(later.read_text() + "\n#more")
    states.append(state_of_records(tmp_path))
    assert len(set(states)) == len(states) == 4


def test_a_folder_in_place_of_a_link_that_led_outside_changes_the_state(tmp_path):
    header = write_header(
        tmp_path / "far", 10000101, 81000001, "81000001 1 250 1000 10:00:00 01/01/2150"
    )
    place = tmp_path / "here" / header.relative_to(tmp_path / "far").parent
    place.parent.mkdir(parents=True)
    place.symlink_to(header.parent)
    record = (place / "81000001").relative_to(tmp_path / "here")
    (tmp_path / "here/RECORDS").write_text(str(record))  # no search follows such a link
    before = state_of_records(tmp_path / "here")

    place.unlink()
    shutil.copytree(header.parent, place)

    assert before
    assert state_of_records(tmp_path / "here") != before
