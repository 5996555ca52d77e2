"""Vital signs are read from WFDB or Parquet, or refused with a reason."""

import numpy as np
import pandas as pd
import pytest
import wfdb
from made_arrest_registry import reason_of

from mimicflow.bedside.numerics_files import find_numerics, read_numerics

INCOMPLETE = "multi-segment/s00001/s00001-2896-10-10-00-31"


def test_real_numerics_are_read_with_absolute_times(ecg_long):
    name = INCOMPLETE + "n"
    theirs = wfdb.rdrecord(str(ecg_long / name))
    signal = dict(zip(theirs.sig_name, theirs.p_signal.T, strict=True))

    numerics = read_numerics(ecg_long, find_numerics(ecg_long, INCOMPLETE))

    assert list(numerics) == ["time", "hr", "sbp", "dbp", "mbp", "spo2", "rr"]
    assert numerics["time"].iloc[0] == np.datetime64("2896-10-10T00:31:25.894")
    step_s = (numerics["time"].iloc[60] - numerics["time"].iloc[0]).total_seconds()
    assert step_s == pytest.approx(3600, abs=1e-4)
    assert np.array_equal(numerics["spo2"], signal["SpO2"], equal_nan=True)
    cuff = np.where(np.isnan(signal["ABPSys"]), signal["NBPSys"], signal["ABPSys"])
    assert np.array_equal(numerics["sbp"], cuff, equal_nan=True)


def test_the_arterial_line_comes_before_the_cuff(write_record):
    line = np.array([np.nan, 110, np.nan, 130])
    cuff = np.array([100, 101, 102, 103.0])
    folder = write_record(
        "p", [cuff, line, line, cuff * 0 + 70],
        rate=0.5, names=["NBPSYS", "ABP SYS", "CVP", "HR"], units=["mmHg"] * 3 + ["bpm"],
        base_date=pd.Timestamp("2150-01-01").date(), base_time=pd.Timestamp("2150-01-01").time(),
    ).parent  # fmt: skip

    numerics = read_numerics(folder, "p")

    assert numerics["sbp"].round().tolist() == [100, 110, 102, 130]
    assert numerics["hr"].round().tolist() == [70] * 4
    assert numerics[["dbp", "mbp", "spo2", "rr"]].isna().all(axis=None)
    assert numerics["time"].iloc[3] == pd.Timestamp("2150-01-01 00:00:06")


def test_numerics_in_parquet_are_ordered_and_checked(tmp_path):
    times = pd.to_datetime(["2150-01-01 00:00:02", "2150-01-01 00:00:00"])
    frame = pd.DataFrame({"time": times, "hr": [71, 70], "spo2": [np.inf, 98], "note": ["", "a"]})
    frame.to_parquet(tmp_path / "r.numerics.parquet")
    bad = {
        "no_time": frame.drop(columns="time"),
        "no_vitals": frame[["time", "note"]],
        "zoned": frame.assign(time=times.tz_localize("UTC")),
        "text_time": frame.assign(time=["a", "b"]),
        "gap": frame.assign(time=[times[0], pd.NaT]),
        "text": frame.assign(hr=["a", "b"]),
    }

    numerics = read_numerics(tmp_path, "r.numerics.parquet")

    assert numerics["hr"].tolist() == [70, 71]
    assert numerics["spo2"].tolist()[0] == 98 and np.isnan(numerics["spo2"][1])
    assert str(numerics["time"].dtype) == "datetime64[us]"
    for name, table in bad.items():
        table.to_parquet(tmp_path / f"{name}.parquet")
        assert reason_of(read_numerics, tmp_path, f"{name}.parquet") == "unreadable", name
    (tmp_path / "torn.parquet").write_bytes(b"PAR1" + b"\0" * 50)
    assert reason_of(read_numerics, tmp_path, "torn.parquet") == "unreadable"
    assert reason_of(read_numerics, tmp_path, "../r.parquet") == "outside_folder"
    assert reason_of(read_numerics, tmp_path, "none.parquet") == "missing"


def test_wfdb_numerics_without_time_or_with_a_cut_file_are_refused(write_record):
    header = write_record("w", [np.arange(100.0)], rate=0.5, names=["HR"], units=["bpm"])
    assert reason_of(read_numerics, header.parent, "w") == "no_start_time"
    text = header.read_text().replace("w 1 0.5 100", "w 1 0.5 100 00:00:00 01/01/2150")
    header.write_text(text)
    assert len(read_numerics(header.parent, "w")) == 100
    header.write_text(text.replace(" 100 00:", " 0 00:"))  # WFDB: the length is not known
    assert read_numerics(header.parent, "w")["hr"].tolist() == pytest.approx(range(100), abs=0.01)
    header.write_text(text)
    header.with_suffix(".dat").write_bytes(b"123")
    assert reason_of(read_numerics, header.parent, "w") == "unreadable"
    header.write_text(text.replace(" 100 ", " 99999999999 "))
    assert reason_of(read_numerics, header.parent, "w") == "huge"


def test_a_number_is_known_when_the_last_sample_of_its_frame_is(tmp_path):
    """Frames of a minute hold four numbers each; all from 10:02:30 on are drawn anew."""
    for name, later in (("a", 60), ("b", 90)):
        np.r_[np.full(10, 70), np.full(10, later)].astype("<i2").tofile(tmp_path / f"{name}.dat")
        (tmp_path / f"{name}.hea").write_text(
            f"{name} 1 {1 / 60} 5 10:00:00 01/01/2150\n{name}.dat 16x4 1/bpm 16 0 0 0 0 HR\n"
        )

    one, two = (read_numerics(tmp_path, name, "none") for name in ("a", "b"))

    early = one["time"] < pd.Timestamp("2150-01-01 10:02:30")
    assert one[early].equals(two[early]) and early.sum() == 2
    assert one["time"].iloc[0] == pd.Timestamp("2150-01-01 10:00:45")
    assert not one[~early].equals(two[~early])


@pytest.mark.parametrize("coding", ["12", "9999", "212"])
def test_a_signal_of_another_format_than_its_file_is_refused(write_record, coding):
    header = write_record(
        "w", [np.arange(100.0)] * 2, rate=0.5, names=["HR", "RESP"], units=["bpm", "pm"],
        base_date=pd.Timestamp("2150-01-01").date(), base_time=pd.Timestamp("2150-01-01").time(),
    )  # fmt: skip
    first, hr, resp = header.read_text().splitlines()
    header.write_text("\n".join([first, hr, resp.replace(" 16 ", f" {coding} ", 1), ""]))
    assert reason_of(read_numerics, header.parent, "w") == "unreadable"


def test_signals_that_are_not_as_the_header_says_are_missing(write_record):
    values = np.arange(100.0)
    header = write_record(
        "w", [values, values + 50, values + 80], rate=0.5, names=["HR", "RESP", "SpO2"],
        units=["bpm", "pm", "%"], base_date=pd.Timestamp("2150-01-01").date(),
        base_time=pd.Timestamp("2150-01-01").time(),
    )  # fmt: skip
    content = bytearray(header.with_suffix(".dat").read_bytes())
    content[6 * 50 + 2] ^= 1  # one sample of RESP
    header.with_suffix(".dat").write_bytes(content)

    numerics = read_numerics(header.parent, "w")

    assert numerics["rr"].isna().all() and numerics[["hr", "spo2"]].notna().all(axis=None)
    assert read_numerics(header.parent, "w", "none")["rr"].notna().all()
    assert reason_of(read_numerics, header.parent, "w", 0) == "checksum_wrong"


def test_numerics_are_found_beside_the_record(tmp_path):
    (tmp_path / "d").mkdir()
    for name in ("d/an.hea", "d/a.numerics.parquet", "b.numerics.parquet", "c.numerics.parquet"):
        (tmp_path / name).touch()

    assert find_numerics(tmp_path, "d/a") == "d/an"
    assert find_numerics(tmp_path, "b") == "b.numerics.parquet"
    assert find_numerics(tmp_path, "c.vital") == "c.numerics.parquet"
    assert find_numerics(tmp_path, "e") == ""
    assert find_numerics(tmp_path, "e", "b.numerics.parquet") == "b.numerics.parquet"
    assert reason_of(find_numerics, tmp_path, "e", "f") == "missing"
    assert reason_of(find_numerics, tmp_path, "e", "../f") == "outside_folder"
