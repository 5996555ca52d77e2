"""Headers of MIMIC's recordings."""

import pytest
import wfdb

from mimicflow.arrest.mimic_waveforms import read_header
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
    ],
)
def test_a_header_that_is_none_is_refused_with_its_name(tmp_path, line):
    file = tmp_path / "81.hea"
    file.write_text(line + "\n#subject_id 1\n")

    with pytest.raises(RecordError, match=r"81\.hea") as refused:
        read_header(file)

    assert refused.value.reason == "unreadable"
