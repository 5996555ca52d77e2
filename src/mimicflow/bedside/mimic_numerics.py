"""Read vital signs of the MIMIC-IV waveform database: a table beside the record, timed in ticks.

The table has a column ``time``, counted from the beginning of the record in ticks of its header's
counter frequency, and one column per sign, such as ``HR [bpm]``; which ones differs by record.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.bedside.mimic_waveforms import read_header
from mimicflow.bedside.recording import LONGEST_DAYS
from mimicflow.errors import RecordError, TableError
from mimicflow.raw.code_texts import clean_text
from mimicflow.raw.files import read_header as read_names
from mimicflow.raw.records import MAX_RECORD_BYTES, Block, RawRecords, bounds
from mimicflow.raw.stream import CUT_OFF, RawStream
from mimicflow.reference import reference

log = logging.getLogger(__name__)

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
        With reason ``missing``, ``no_start_time`` or ``unreadable``: one row that is none is
        enough. A last line without end may be cut off; it is left out, with a warning.
    """
    file = Path(file)
    record = file.with_name(file.name.removesuffix(ENDING) + ".hea")
    for needed in (file, record):
        if not needed.is_file():
            raise RecordError("no such numerics or header", reason="missing", file=needed)
    header = read_header(record)
    if header.start is None:
        raise RecordError("does not say when it begins", reason="no_start_time", file=record)
    names = pd.read_csv(reference("mimic_waveform_names.csv"), keep_default_na=False)
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
        header = read_names(file)
        columns = _columns(header.names, titles)
        stream = _WholeLines(file)
        records = RawRecords(stream, len(header.names), blanks=header.blanks)
        parts = [_values(block, records.width, columns) for block in records.blocks()]
        if stream.unfinished and stream.lines == 1:
            raise ValueError("its header is cut off")
    except TableError as error:
        reason = f"not a table ({error.message})"
        raise RecordError(reason, reason="unreadable", file=file) from error
    except (ValueError, OSError) as error:  # pandas' own are ValueErrors
        raise RecordError(f"not a table ({error})", reason="unreadable", file=file) from error
    if stream.unfinished:  # the number of a patient is in the name of the file
        log.warning("vital signs: %s; it is left out", CUT_OFF)
    if set(columns) - set(header.names):
        log.warning("vital signs: names of columns are read without capitals and blanks")
    nothing = pd.DataFrame(columns=list(columns), dtype="float64")
    table = pd.concat([nothing, *parts], ignore_index=True)
    if not np.isfinite(table[_TIME]).all():
        raise RecordError("a row has no time", reason="unreadable", file=file)
    return table.replace([np.inf, -np.inf], np.nan)


def _columns(names: list[str], titles: set[str]) -> dict[str, int]:
    """Find the titles among the names of a header: capitals and blanks make no other name."""
    official = {clean_text(title): title for title in titles}
    found: dict[str, int] = {}
    for place, name in enumerate(names):
        title = official.get(clean_text(name))
        if title in found:
            raise ValueError(f"the header repeats {title}")
        if title is not None:
            found[title] = place
    if _TIME not in found:
        raise ValueError(f"no column {_TIME}")
    return found


def _values(block: Block, width: int, columns: dict[str, int]) -> pd.DataFrame:
    """Return columns of the records, float64; each record has to be a row of numbers."""
    for reject in block.rejects.examples:  # one row that is none, and the table is not read
        raise ValueError(f"line {reject.line}: {reject.reason}")
    if not block.text:  # empty lines alone
        return pd.DataFrame()
    wrong = block.lines[bounds(block.text)[2] != width]
    if len(wrong):
        raise ValueError(f"line {wrong[0]} has more or fewer fields than the header")
    places = list(columns.values())
    table = pd.read_csv(
        io.BytesIO(block.text),
        header=None,
        names=range(width),
        usecols=places,
        index_col=False,
        skip_blank_lines=False,
    )[places].set_axis(list(columns), axis=1)
    texts = [title for title in table if table[title].dtype.kind not in "if"]
    if texts:  # Python would take digits of other scripts, and "true", for numbers
        raise ValueError(f"{texts[0]} holds what is no number")
    return table.astype("float64")


class _WholeLines(RawStream):
    """A table of a size that can be held, without its last line where that has no end."""

    def chunks(self) -> Iterator[bytes]:
        rest, total = b"", 0
        for chunk in super().chunks():
            total += len(chunk)
            end = chunk.rfind(b"\n") + 1
            if end:
                yield rest + chunk[:end]
                rest = b""
            rest += chunk[end:]
            if total > _MAX_BYTES or len(rest) > MAX_RECORD_BYTES:
                raise ValueError(f"more than {_MAX_BYTES // 10**6} MB, or a line without end")


def _first_value(table: pd.DataFrame, titles: list[str]) -> np.ndarray:
    """Return the first value of each row among some columns, NaN where there is none."""
    found = table.reindex(columns=titles).bfill(axis=1)
    return found.iloc[:, 0].to_numpy(dtype="float64")
