"""Damaged vital signs of a monitor: the values of an independent reading, or a reason."""

import csv
import gzip
import io
import math
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from mimicflow.bedside.numerics_files import VITALS, read_numerics
from mimicflow.errors import RecordError

from .damaged_files import (
    CELLS,
    attempt,
    by_wfdb,
    check_against_the_sum,
    damage_bytes,
    damage_encoding,
    damage_lines,
    damage_table,
    damage_words,
    is_refused,
    run_cases,
)

START = datetime(2150, 1, 2, 20, 0, 0)
TICKED = ("time", "ABPs [mmHg]", "HR [bpm]", "NBPs [mmHg]", "Pulse (SpO2) [bpm]", "SpO2 [%]", "x")
SOURCES = {"hr": (2, 4), "sbp": (1, 3), "spo2": (5,)}  # columns of TICKED, the better one first


def number(text: str) -> float:
    try:
        value = float(text) if text.isascii() else math.nan
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def expected_ticked(content: bytes) -> pd.DataFrame:
    """Read a table of ticks with csv and plain Python."""
    whole = content[: content.rfind(b"\n") + 1]  # the last line may be cut off
    lines = csv.reader(io.StringIO(whole.decode("utf-8-sig"), newline=""), strict=True)
    header, *rows = filter(None, lines)
    assert all(len(row) == len(header) for row in rows)
    assert not any(field.count(",") >= len(header) - 1 for row in rows for field in row)
    spelled = {name.lower(): name for name in TICKED}
    header = [spelled.get(name.strip().lower(), name) for name in header]
    cells = [
        [row[header.index(name)] if name in header else "" for name in TICKED]
        for row in rows
    ]  # fmt: skip
    table = {"time": [START + timedelta(microseconds=round(number(c[0]) * 1000)) for c in cells]}
    for vital, places in SOURCES.items():
        found = [[v for i in places if not math.isnan(v := number(row[i]))] for row in cells]
        table[vital] = [values[0] if values else math.nan for values in found]
    return pd.DataFrame(table).sort_values("time", kind="stable", ignore_index=True)


def check_sound(table: pd.DataFrame) -> None:
    assert list(table) == ["time", *VITALS]
    assert table["time"].dtype == "datetime64[us]" and table["time"].is_monotonic_increasing
    assert not table["time"].isna().any()
    assert not np.isinf(table[list(VITALS)].to_numpy()).any()


def rows_of(n: int = 30) -> list[list[str]]:
    return [
        [str(2000 * i), *[f"{60 + i + 10 * j}" if (i + j) % 3 else "" for j in range(5)], "0.1"]
        for i in range(n)
    ]


def test_damaged_tables_of_ticks(tmp_path):
    header = tmp_path / "r.hea"
    line = b"r/2 2 62.4725/1000 624725 20:00:00 02/01/2150\nr_1 624725\n"

    def case(draw):
        header.write_bytes(line)
        content = damage_table(TICKED, rows_of(), draw)
        if draw.integers(4) == 0:
            sound = "".join(f"{','.join(row)}\n" for row in [TICKED, *rows_of()])
            content = damage_lines(sound.encode(), draw)
        packed = gzip.compress(content, 1, mtime=0)
        kind = draw.integers(6)
        if kind == 0:
            packed = damage_bytes(packed, draw)
        if kind == 1:
            header.write_bytes(damage_words(line, draw))
        (tmp_path / "rn.csv.gz").write_bytes(packed)
        found = attempt(read_numerics, tmp_path, "rn.csv.gz")
        if is_refused(found):
            return
        check_sound(found)
        if kind != 1:
            expected = expected_ticked(content)
            assert found["time"].tolist() == [pd.Timestamp(t) for t in expected["time"]]
            for vital in SOURCES:
                np.testing.assert_allclose(found[vital], expected[vital], rtol=1e-12)

    run_cases("numerics_ticked", case)


@pytest.mark.parametrize("tick", ["1e308", "-1e308", "1e17", "9e15", "-9e15", "inf", "nan"])
def test_a_time_outside_the_calendar_is_refused(tmp_path, tick):
    (tmp_path / "r.hea").write_text("r/2 2 62.4725/1000 624725 20:00:00 02/01/2150\nr_1 624725\n")
    (tmp_path / "rn.csv.gz").write_bytes(
        gzip.compress(f"time,HR [bpm]\n0,80\n{tick},81\n".encode())
    )
    with pytest.raises(RecordError) as caught:
        read_numerics(tmp_path, "rn.csv.gz")
    assert caught.value.reason == "unreadable"


@pytest.mark.parametrize(
    "table",
    [
        "time,HR [bpm],SpO2 [%]\n0,80,97,1\n2000,81,98,1\n",
        "time,HR [bpm]\n0,80\n2000,81,5\n",
    ],
)
def test_rows_longer_than_the_header_are_refused(tmp_path, table):
    (tmp_path / "r.hea").write_text("r/2 2 62.4725/1000 624725 20:00:00 02/01/2150\nr_1 624725\n")
    (tmp_path / "rn.csv.gz").write_bytes(gzip.compress(table.encode()))
    assert is_refused(attempt(read_numerics, tmp_path, "rn.csv.gz"))


def test_damaged_wfdb_numerics(monitor, tmp_path):
    whole = {file.name: file.read_bytes() for file in monitor.iterdir()}

    def as_wfdb_reads(n_samples):
        read = by_wfdb(tmp_path, "rn", n_samples)
        signals = dict(
            zip([(n or "").upper() for n in read.sig_name], read.p_signal.T, strict=True)
        )
        missing = np.full(read.sig_len, np.nan)
        return read, {vital: signals.get(vital.upper(), missing) for vital in ("hr", "spo2", "rr")}

    def case(draw):
        for name, content in whole.items():
            (tmp_path / name).write_bytes(content)
        name = ["rn.hea", "rn.hea", "rn.dat"][draw.integers(3)]
        if name == "rn.dat":
            content = damage_bytes(whole[name], draw)
        elif draw.integers(6) == 0:
            content = damage_encoding(whole[name].decode(), draw)
        else:
            content = damage_words(whole[name], draw)
        (tmp_path / name).write_bytes(content)
        found = attempt(read_numerics, tmp_path, "rn")
        if is_refused(found):
            return
        check_sound(found)
        read, expected = as_wfdb_reads(len(found))
        assert found["time"].iloc[0] == pd.Timestamp(read.base_datetime)
        seconds = (found["time"].iloc[-1] - found["time"].iloc[0]).total_seconds()
        assert math.isclose(seconds, (read.sig_len - 1) / read.fs, abs_tol=1e-5)
        for vital, values in expected.items():
            if not found[vital].isna().all():  # else left out: not as the header says
                np.testing.assert_allclose(found[vital], values, rtol=1e-12)
            if name == "rn.dat" and not found[vital].isna().all():
                check_against_the_sum(found[vital], sound[vital], gain=10, gap=-(2**15))

    sound = read_numerics(monitor, "rn")
    run_cases("numerics_wfdb", case)


def test_damaged_parquet_numerics(tmp_path):
    times = pd.date_range("2150-01-01", periods=30, freq="2s").astype("datetime64[us]")
    frame = pd.DataFrame({"time": times, "hr": np.arange(60.0, 90), "spo2": 97.0, "note": "a"})
    file = tmp_path / "r.numerics.parquet"

    def case(draw):
        changed = frame.copy()
        match int(draw.integers(4)):
            case 0:
                column = ["time", "hr", "spo2"][draw.integers(3)]
                cells = changed[column].astype(str).astype(object)
                cells[draw.integers(30)] = CELLS[draw.integers(len(CELLS))].encode(
                    "utf-8", "replace").decode()  # fmt: skip
                changed[column] = cells
            case 1:
                units = ["datetime64[s]", "datetime64[ms]"]
                when = int(draw.integers(-(2**51), 2**51))
                values = np.array([when] * 30).astype(units[draw.integers(2)])
                changed["time"] = pd.Series(values)
            case 2:
                changed["hr"] = np.array([np.inf, -np.inf, np.nan, 1e308, -5] * 6)
            case _:
                changed = changed.sample(frac=1, random_state=int(draw.integers(100)))
        changed.to_parquet(file, index=bool(draw.integers(2)))
        if draw.integers(3) == 0:
            file.write_bytes(damage_bytes(file.read_bytes(), draw))
        found = attempt(read_numerics, tmp_path, file.name)
        if is_refused(found):
            return
        check_sound(found)
        theirs = pq.ParquetFile(file).read(columns=["time", "hr"]).to_pydict()
        rows = sorted(zip(theirs["time"], theirs["hr"], strict=True), key=lambda row: row[0])
        assert found["time"].tolist() == [pd.Timestamp(time) for time, _ in rows]
        plain = [np.nan if hr is None else float(hr) for _, hr in rows]
        expected = [hr if math.isfinite(hr) else np.nan for hr in plain]
        np.testing.assert_array_equal(np.sort(found["hr"]), np.sort(expected))

    run_cases("numerics_parquet", case)
