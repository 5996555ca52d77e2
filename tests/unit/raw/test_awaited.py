"""What a job lacked is looked at again, and nothing else."""

import os

import pandas as pd
import pytest

from mimicflow.errors import InputError
from mimicflow.raw.awaited import count_arrivals, write_awaited


def test_a_file_that_comes_or_changes_counts_once_until_the_job_has_run(tmp_path):
    listed = tmp_path / "list.parquet"
    missing, half = tmp_path / "a" / "missing.dat", tmp_path / "half.dat"
    half.write_bytes(b"half")
    assert count_arrivals(listed) == 0  # never run

    write_awaited([missing, half, half, tmp_path], tmp_path, 0, listed)
    assert count_arrivals(listed) == 0

    missing.parent.mkdir()
    missing.write_bytes(b"here")
    assert count_arrivals(listed) == 1 == count_arrivals(listed)
    write_awaited([half], tmp_path, 1, listed)  # the job has run, as it was planned
    assert count_arrivals(listed) == 1

    half.write_bytes(b"whole file")
    assert count_arrivals(listed) == 2
    write_awaited([], tmp_path, 2, listed)
    assert count_arrivals(listed) == 2


def test_a_touched_file_has_not_changed_but_one_of_the_same_length_has(tmp_path):
    listed, file = tmp_path / "list.parquet", tmp_path / "wrong.dat"
    file.write_bytes(b"wrong")
    write_awaited([file], tmp_path, 0, listed)

    os.utime(file, ns=(1, 1))
    assert count_arrivals(listed) == 0
    file.write_bytes(b"right")
    os.utime(file, ns=(1, 1))  # older than what was there
    assert count_arrivals(listed) == 1
    file.unlink()
    assert count_arrivals(listed) == 0


def test_a_damaged_list_is_reported(tmp_path):
    listed = tmp_path / "list.parquet"
    listed.write_bytes(b"half a list")
    with pytest.raises(InputError, match="delete it and run again"):
        count_arrivals(listed)


@pytest.mark.parametrize("linked", [False, True])
def test_what_a_link_leads_outside_to_is_never_opened_and_comes_with_the_real_folder(
    tmp_path, linked
):
    listed, outside, folder = (tmp_path / name for name in ("list.parquet", "outside", "ecg"))
    (folder / "files/p10").mkdir(parents=True)
    outside.mkdir()
    (outside / "1.hea").write_text("of somebody else")
    patient = folder / "files/p10/p1"
    patient.symlink_to(outside)
    if linked:  # the folder of the configuration may be a link itself
        (tmp_path / "named").symlink_to(folder)
    named = tmp_path / ("named" if linked else "ecg")
    files = [named / "files/p10/p1/1.hea", named / "files/p10/p1/1.dat", named / "../outside/1.hea"]
    write_awaited([*files, "/etc", "a\0b"], named, 0, listed)

    assert not any(pd.read_parquet(listed)["sha256"])
    assert count_arrivals(listed) == 0
    (outside / "1.hea").write_text("of somebody else, and longer")
    (outside / "1.dat").touch()
    assert count_arrivals(listed) == 0
    patient.unlink()
    assert count_arrivals(listed) == 0
    patient.mkdir()
    assert count_arrivals(listed) == 1
