"""Read a CSV of the times of beats, or of the intervals between them, as Holters export it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.bedside.annotations import BEAT_SYMBOLS
from mimicflow.bedside.csv_rows import LINE, number, read_rows
from mimicflow.bedside.recording import LONGEST_DAYS, BeatRecording
from mimicflow.errors import RecordError, TableError
from mimicflow.hrv.beats import Beats
from mimicflow.reference import reference

SYMBOL = "symbol"
RATE = 1000.0
"""Hz: epochs are cut at whole milliseconds. Beats keep the times that the file gives them."""

_COLUMNS = pd.read_csv(reference("beat_columns.csv")).set_index("column")
_NORMAL, _UNKNOWN = "N", "Q"  # of WFDB; of the second nobody has said what it is
_LARGEST_BYTES = 1_000_000_000
# A usual interval beyond is no heart's: the unit is another, most often by a factor of 1000.
_USUAL_MS = (100.0, 10_000.0)
# Of a millisecond. Sums of decimals are not whole by a hair, and then differences that are equal,
# or just 50 ms, would not be: pNN50 and the measures of fragmentation would count them.
_DIGITS = 6


def open_beat_table(file: Path) -> BeatRecording:
    """Open the beats of a table; when it begins, only the registry can say.

    Parameters
    ----------
    file : Path
        Absolute: a CSV in UTF-8 with commas and a header, one
        of the columns of ``reference/beat_columns.csv`` and, if what the beats are is known,
        ``symbol``, as WFDB writes it; other columns are passed over. Without symbols all beats are
        normal. An interval ends with the beat of its row; the first one begins at 0.

    Raises
    ------
    RecordError
        With the line and a remedy, and reason ``missing``, ``unreadable``, ``wrong_beats``,
        ``empty`` or ``huge``.
    """
    if not file.is_file():
        raise RecordError("no such table of beats", reason="missing", file=file)
    if file.stat().st_size > _LARGEST_BYTES:
        raise RecordError("table of more than 1 GB", reason="huge", file=file)
    try:
        columns = {*_COLUMNS.index, SYMBOL}
        header, rows = read_rows(file, columns, "correct its name", "a table of beats")
    except TableError as error:
        raise RecordError(
            error.message, reason="unreadable", file=file, row=error.row, remedy=error.remedy
        ) from error
    column = _only_column(header, file)
    table = pd.DataFrame(rows, columns=[*header, LINE], dtype=object)
    if table.empty:
        raise RecordError("holds no beat", reason="empty", file=file)
    values = _values(table, column, file)
    symbols = _symbols(table, file)
    places_s = values * _COLUMNS.loc[column, "seconds"]
    is_interval = _COLUMNS.loc[column, "what"] == "interval"
    _check_unit(places_s if is_interval else np.diff(places_s), column, file)
    if is_interval:
        places_s = np.r_[0, np.cumsum(places_s)]
        symbols = np.insert(symbols, 0, _UNKNOWN if SYMBOL in table else _NORMAL)
    if not places_s[-1] <= LONGEST_DAYS * 86400:
        raise RecordError(
            f"claims a beat after {places_s[-1]:.6g} s",
            reason="huge",
            file=file,
            remedy="count from the beginning of the recording",
        )
    places = np.round(places_s * RATE, _DIGITS)
    n_samples = int(places[-1]) + 1
    none = np.empty((0, 2), dtype=np.int64)
    return BeatRecording(
        file=file,
        lead="",
        sampling_rate=RATE,
        n_samples=n_samples,
        start_time=None,
        beats=Beats(places, symbols, none, n_samples, RATE),
    )


def _only_column(header: list[str], file: Path) -> str:
    """Return the column that says when the beats are."""
    found = [column for column in _COLUMNS.index if column in header]
    if len(found) == 1:
        return found[0]
    choice = ", ".join(f"{column} ({text})" for column, text in _COLUMNS["text"].items())
    raise RecordError(
        f"has the columns {', '.join(found)}: which of them counts?" if found else "names no beats",
        reason="unreadable",
        file=file,
        row=1,
        remedy=f"give it one of the columns {choice}",
    )


def _values(table: pd.DataFrame, column: str, file: Path) -> np.ndarray:
    """Return the numbers of a column: times that rise, or intervals above 0."""
    values = table[column].map(number).to_numpy(dtype=np.float64)
    _refuse(np.isnan(values), table, f"{column} is not a number of at least 0", file)
    if _COLUMNS.loc[column, "what"] == "interval":
        _refuse(values == 0, table, f"{column} is 0", file)
    else:
        back = np.diff(values, prepend=-1) <= 0
        message = f"{column} is not above that of the row before"
        _refuse(
            back, table, message, file, "sort the rows, each beat once; count on after midnight"
        )
    return values


def _symbols(table: pd.DataFrame, file: Path) -> np.ndarray:
    """Return what each beat is; normal, when there is no such column."""
    if SYMBOL not in table:
        return np.full(len(table), _NORMAL)
    known = table[SYMBOL].isin(BEAT_SYMBOLS).to_numpy()
    message = f"symbol is none of {' '.join(sorted(BEAT_SYMBOLS))}"
    _refuse(~known, table, message, file)
    return table[SYMBOL].to_numpy(dtype=str)


def _refuse(
    wrong: np.ndarray,
    table: pd.DataFrame,
    message: str,
    file: Path,
    remedy: str = "correct the row; one that is no beat is taken out of times of beats",
) -> None:
    """Raise with the line of the first row that is wrong, if there is any."""
    if wrong.any():
        raise RecordError(
            message,
            reason="wrong_beats",
            file=file,
            row=int(table[LINE].iloc[int(np.argmax(wrong))]),
            remedy=remedy,
        )


def _check_unit(intervals_s: np.ndarray, column: str, file: Path) -> None:
    """Refuse a file in another unit than the name of its column says."""
    if not len(intervals_s):
        return
    usual_ms, (low, high) = 1000 * float(np.median(intervals_s)), _USUAL_MS
    if not low <= usual_ms <= high:
        raise RecordError(
            f"{column} would mean that beats follow each other after {usual_ms:.6g} ms",
            reason="wrong_beats",
            file=file,
            row=1,
            remedy="name the column after its unit: "
            + ", ".join(f"{name} ({text})" for name, text in _COLUMNS["text"].items()),
        )
