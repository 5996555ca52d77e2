"""Vital signs of the MIMIC-IV waveform database: a table beside the record, timed in ticks.

The table has a column ``time``, counted from the beginning of the record in ticks of its header's
counter frequency, and one column per sign, such as ``HR [bpm]``; which ones differs by record.
"""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.arrest.mimic_waveforms import read_header
from mimicflow.arrest.recording import LONGEST_DAYS
from mimicflow.concepts import REFERENCE
from mimicflow.errors import RecordError

ENDING = "n.csv.gz"
"""How the table of a record is named: its name with this behind it."""

_TIME = "time"
_MAX_BYTES = 500_000_000  # unpacked; a week of vital signs each second has a tenth


def read_ticked_numerics(file: str | Path) -> pd.DataFrame:
    """Read the vital signs of one record.

    Parameters
    ----------
    file : path-like
        ``<record>n.csv.gz``; the header ``<record>.hea`` lies beside it.

    Returns
    -------
    pandas.DataFrame
        By ``time`` (datetime64[us], local): ``hr`` (/min), ``sbp``, ``dbp``, ``mbp`` (mmHg),
        ``spo2`` (%), ``rr`` (/min), float64, NaN where missing. Of several columns the first of
        ``reference/mimic_waveform_names.csv`` that has a value in a row counts.

    Raises
    ------
    RecordError
        With reason ``missing``, ``no_start_time`` or ``unreadable``.
    """
    file = Path(file)
    record = file.with_name(file.name.removesuffix(ENDING) + ".hea")
    for needed in (file, record):
        if not needed.is_file():
            raise RecordError("no such numerics or header", reason="missing", file=needed)
    header = read_header(record)
    if header.start is None:
        raise RecordError("does not say when it begins", reason="no_start_time", file=record)
    names = pd.read_csv(REFERENCE / "mimic_waveform_names.csv", keep_default_na=False)
    names["title"] = names["name"] + " [" + names["unit"] + "]"
    table = _read(file, {_TIME, *names["title"]})
    # To the microsecond: a float of seconds since 1970 could not hold it.
    seconds = table[_TIME].to_numpy() / header.ticks_per_second
    if not (np.abs(seconds) <= LONGEST_DAYS * 86400).all():
        raise RecordError("a row is years from the record's start", reason="unreadable", file=file)
    elapsed = np.round(table[_TIME].to_numpy() * (1e6 / header.ticks_per_second))
    times = np.datetime64(header.start, "us") + elapsed.astype("timedelta64[us]")
    vitals = {
        str(vital): _first_value(table, list(rows.sort_values("priority")["title"]))
        for vital, rows in names.groupby("column", sort=False)
    }
    signs = pd.DataFrame({"time": times, **vitals})
    return signs.sort_values("time", kind="stable", ignore_index=True)


def _read(file: Path, titles: set[str]) -> pd.DataFrame:
    """Read those of the columns that there are; a table without times is none."""
    try:
        with gzip.open(file) as stream:
            content = stream.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise ValueError(f"more than {_MAX_BYTES // 10**6} MB")
        if b"\0" in content:  # pandas takes it for the end of a number
            raise ValueError("a zero byte")
        # Rows longer than the header would else make an index of their first field.
        table = pd.read_csv(
            io.BytesIO(content), usecols=lambda title: title in titles, index_col=False
        )
        texts = [title for title in table if table[title].dtype.kind not in "if"]
        if texts:  # Python would take digits of other scripts, and "true", for numbers
            raise ValueError(f"{texts[0]} holds what is no number")
        table = table.astype("float64")
    except (ValueError, OSError, EOFError, zlib.error) as error:  # pandas' own are ValueErrors
        raise RecordError(f"not a table ({error})", reason="unreadable", file=file) from error
    if _TIME not in table or not np.isfinite(table[_TIME]).all():
        raise RecordError("a row or the table has no time", reason="unreadable", file=file)
    return table.replace([np.inf, -np.inf], np.nan)


def _first_value(table: pd.DataFrame, titles: list[str]) -> np.ndarray:
    """Return the first value of each row among some columns, NaN where there is none."""
    found = table.reindex(columns=titles).bfill(axis=1)
    return found.iloc[:, 0].to_numpy(dtype="float64")
