"""Read the vital signs that a bedside monitor has written down: WFDB numerics or Parquet."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import wfdb

from mimicflow.bedside.mimic_numerics import ENDING, read_ticked_numerics
from mimicflow.bedside.recording import stem_of
from mimicflow.bedside.registry import TIME_DTYPE
from mimicflow.bedside.wfdb_files import read_header
from mimicflow.bedside.wfdb_signals import (
    header_file,
    in_units,
    is_as_written,
    length,
    names_of,
    read_samples,
)
from mimicflow.errors import RecordError
from mimicflow.raw.waveform_paths import path_inside, real_path
from mimicflow.raw.wfdb_headers import CHECKSUM, MAX_WRONG
from mimicflow.reference import reference

log = logging.getLogger(__name__)

PARQUET = ".parquet"
_NAMES = pd.read_csv(reference("numerics_names.csv"), keep_default_na=False)
VITALS = tuple(_NAMES["column"].unique())
"""hr (/min), sbp, dbp, mbp (mmHg), spo2 (%) and rr (/min)."""

_MAX_VALUES = 200_000_000  # rows times signals: a year of 12 signals each 2 s


def find_numerics(folder: str | Path, record: str, given: str = "") -> str:
    """Find the numerics of a recording.

    Parameters
    ----------
    folder : path-like
        The waveform folder.
    record : str
        The recording, as in the registry.
    given : str
        The numerics that the registry names, if it does.

    Returns
    -------
    str
        Relative to ``folder``: what was given, else ``<record>n`` when such a WFDB header exists,
        else ``<record>.numerics.parquet`` or ``<record>n.csv.gz``, else "".

    Raises
    ------
    RecordError
        With reason ``outside_folder``, or ``missing`` when what was given does not exist.
    """
    root = real_path(folder)
    if given:
        file = path_inside(root, root, _file_name(given))
        if not file.is_file():
            raise RecordError("no such numerics", reason="missing", file=file)
        return given
    for name in _names_beside(record):
        if path_inside(root, root, _file_name(name)).is_file():
            return name
    return ""


def places_of_numerics(folder: str | Path, record: str) -> list[Path]:
    """Return the files that `find_numerics` looks for when the registry names none."""
    return [Path(folder, _file_name(name)) for name in _names_beside(record)]


def _names_beside(record: str) -> tuple[str, str, str]:
    stem = stem_of(record)
    return f"{stem}n", f"{stem}.numerics{PARQUET}", f"{stem}{ENDING}"


def read_numerics(
    folder: str | Path, path: str, max_wrong_checksums: float | Literal["none"] = MAX_WRONG
) -> pd.DataFrame:
    """Read the numerics of a recording.

    Parameters
    ----------
    folder : path-like
        The waveform folder; nothing outside it is opened.
    path : str
        Relative to ``folder``: WFDB record without extension, a Parquet file with ``time`` and at
        least one of the vital signs, or ``<record>n.csv.gz`` of the MIMIC-IV waveform database.
    max_wrong_checksums : float or "none"
        Share of the signals of a WFDB record that may differ from the checksum or first value in
        its header: they are missing. "none": not looked at.

    Returns
    -------
    pandas.DataFrame
        By ``time`` (datetime64[us], local, as in the file; of a WFDB frame that of its last
        sample): ``hr`` (/min), ``sbp``, ``dbp``, ``mbp`` (mmHg), ``spo2`` (%), ``rr`` (/min),
        float64, NaN where missing. Of several signals of a WFDB record the first of
        ``reference/numerics_names.csv`` that has a value counts.

    Raises
    ------
    RecordError
        With reason ``outside_folder``, ``missing``, ``no_start_time``, ``huge``, ``unreadable`` or
        ``checksum_wrong``.
    """
    root = real_path(folder)
    try:
        file = path_inside(root, root, _file_name(path))
        if not file.is_file():
            raise RecordError("no such numerics", reason="missing", file=file)
        table = _read(root, file, max_wrong_checksums)
    except OSError as error:  # no right to read, a broken disk, a torn Parquet file
        raise RecordError(
            f"cannot be read ({error.strerror or error})",
            reason="unreadable",
            file=error.filename or root / path,
        ) from error
    ordered = table.sort_values("time", kind="stable", ignore_index=True)
    return ordered.replace([np.inf, -np.inf], np.nan)[["time", *VITALS]]


def _file_name(path: str) -> str:
    return path if path.endswith((PARQUET, ENDING)) else f"{path}.hea"


def _read(root: Path, file: Path, max_wrong: float | Literal["none"]) -> pd.DataFrame:
    if file.name.endswith(ENDING):
        return read_ticked_numerics(file)
    return _read_parquet(file) if file.suffix == PARQUET else _read_wfdb(root, file, max_wrong)


def _read_parquet(file: Path) -> pd.DataFrame:
    try:
        # Without the notes of pandas: damaged ones raise anything, and the columns suffice.
        table = pq.read_table(file).replace_schema_metadata().to_pandas()
    except (pa.ArrowException, ValueError) as error:
        raise RecordError(
            f"not a Parquet file ({error})", reason="unreadable", file=file
        ) from error
    times = table.get("time")
    vitals = [name for name in VITALS if name in table]
    # A time zone would have to be known for the ECG as well.
    if times is None or not vitals or str(times.dtype)[:11] != "datetime64[" or times.dt.tz:
        raise RecordError(
            f"needs a column time without time zone and some of {', '.join(VITALS)}, "
            f"has {', '.join(table)}",
            reason="unreadable",
            file=file,
        )
    if not times.dt.year.between(1, 9999).all():
        raise RecordError("holds a row without time, or at no time", reason="unreadable", file=file)
    try:
        values = {name: table[name].astype("float64") for name in vitals}
        times = times.astype(TIME_DTYPE)
    except (TypeError, ValueError) as error:
        raise RecordError(
            f"holds what is no number or no time ({error})", reason="unreadable", file=file
        ) from error
    missing = pd.Series(np.nan, index=table.index)
    columns = {name: values.get(name, missing) for name in VITALS}
    return pd.DataFrame({"time": times, **columns})


def _read_wfdb(root: Path, file: Path, max_wrong: float | Literal["none"]) -> pd.DataFrame:
    path = file.with_suffix("")
    header = read_header(root, path, missing="missing")
    start = getattr(header, "base_datetime", None)
    if start is None:
        raise RecordError("does not say when it begins", reason="no_start_time", file=file)
    if isinstance(header, wfdb.MultiRecord):
        raise RecordError("numerics in segments are not read", reason="unreadable", file=file)
    for name in header.file_name or []:
        path_inside(root, path.parent, name, same_folder=True, file=file)
    try:
        n_frames = length(path, header)
        if n_frames * header.n_sig > _MAX_VALUES:
            raise RecordError(f"claims {n_frames} samples", reason="huge", file=file)
        if n_frames / header.fs > timedelta(days=366).total_seconds():
            raise RecordError(f"claims {n_frames} samples", reason="huge", file=file)
        signals = [_read_signal(path, header, place, n_frames) for place in range(header.n_sig)]
    except RecordError as error:
        reason = "huge" if error.reason == "huge" else "unreadable"
        raise RecordError(error.message, reason=reason, file=error.file) from error
    if max_wrong != "none":
        _leave_out_wrong(signals, path, header, n_frames, max_wrong)
    # A row is known when the last sample of its frame is: none of them may come after its time.
    most = max((int(samples or 1) for samples in header.samps_per_frame or []), default=1)
    frames = np.arange(n_frames) + (most - 1) / most
    ticks = np.round(frames * (1e6 / float(header.fs))).astype("timedelta64[us]")
    columns = _vitals(names_of(header), np.column_stack(signals))
    return pd.DataFrame({"time": np.datetime64(start, "us") + ticks, **columns})


def _read_signal(path: Path, header: wfdb.Record, place: int, n_frames: int) -> np.ndarray:
    """Return one number of a monitor, (n_frames,); the mean of a frame that holds several."""
    values = in_units(read_samples(path, header, place, 0, n_frames), header, place)
    per_frame = int(header.samps_per_frame[place] or 1)
    return values if per_frame == 1 else values.reshape(-1, per_frame).mean(axis=1)


def _leave_out_wrong(
    signals: list[np.ndarray], path: Path, header: wfdb.Record, n_frames: int, allowed: float
) -> None:
    """Take signals that are not as the header says as missing; too many of them are an error."""
    wrong = [
        place for place in range(header.n_sig) if not is_as_written(path, header, place, n_frames)
    ]
    if len(wrong) > allowed * header.n_sig:
        raise RecordError(
            f"{len(wrong)} of {header.n_sig} signals are not as the header says",
            reason=CHECKSUM,
            file=header_file(path),
        )
    if wrong:
        log.warning("%d of %d signals are not as the header says", len(wrong), header.n_sig)
    for place in wrong:
        signals[place][:] = np.nan


def _vitals(names: list[str], values: np.ndarray) -> dict[str, np.ndarray]:
    """Take each vital sign from the first of its signals that has a value."""
    found = {
        _plain(name or ""): values[:, place] for place, name in reversed(list(enumerate(names)))
    }
    columns = {vital: np.full(len(values), np.nan) for vital in VITALS}
    for fact in _NAMES.sort_values(["column", "priority"]).itertuples():
        column = columns[str(fact.column)]
        if fact.name in found:
            gaps = np.isnan(column)
            column[gaps] = found[fact.name][gaps]
    return columns


def _plain(name: str) -> str:
    """Return a signal's name in upper case, without blanks and signs between its words."""
    return re.sub(r"[\s_.-]", "", name).upper()
