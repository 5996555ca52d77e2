"""Find the bedside recordings of MIMIC and their times, from headers alone.

The path of a record shows which of two layouts it has:

- MIMIC-IV waveform database 0.1: ``waves/p100/p10014354/81739927/81739927.hea``, vital signs in
  ``81739927n.csv.gz`` beside it;
- MIMIC-III matched subset: ``p00/p000020/p000020-2183-04-28-17-47.hea``, vital signs in the record
  of the same name with an ``n`` behind it.

Segments, layout headers and vital signs lie in the same folders and are no recordings of their own.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path, PurePosixPath

import pandas as pd

from mimicflow.errors import InputError, RecordError
from mimicflow.raw.waveform_paths import LINKED_LEVELS, leads_outside, real_path

RECORD_COLUMNS = ("record", "subject_id", "numerics", "has_header")

_RECORD = re.compile(
    r"/p(?P<subject>\d+)/(?:(?P<name>\d+)/(?P=name)|p(?P=subject)-\d{4}(?:-\d\d){4})$"
)
_SUBJECT_FOLDER = re.compile(r"/p(\d{6,})(?:/|$)")
_LISTS = ("RECORDS-waveforms", "RECORDS")  # the first holds no vital signs
_NUMERICS_FILES = ("n.hea", "n.csv.gz")
_UNKNOWN_SUBJECT = -1
_MAX_HEADER_BYTES = 10_000_000  # a header of a month in pieces has 100 kB

# header(5) of the WFDB manual: name[/segments] signals [rate[/ticks[(base)]] [samples [time
# [date]]]]
_RECORD_LINE = re.compile(
    r"\S+\s+\d+"
    r"(?:\s+(?P<rate>[\d.eE+-]+)(?:/(?P<ticks>[\d.eE+-]+)(?:\([^)]*\))?)?"
    r"(?:\s+(?P<samples>\d+)"
    r"(?:\s+(?P<time>[\d:.]+)"
    r"(?:\s+(?P<date>\d+/\d+/\d+))?)?)?)?\s*$",
    re.ASCII,  # else digits of other scripts are numbers
)
_DEFAULT_RATE = 250.0  # of WFDB, when the record line names none


@dataclass(frozen=True)
class RecordHeader:
    """What the header of a recording says about its time.

    Parameters
    ----------
    start : datetime.datetime or None
        First sample, in the shifted time of the tables; None when time or date is not given.
    seconds : float or None
        Length; None when the number of samples is not given.
    ticks_per_second : float
        Unit of the ``time`` column of MIMIC-IV's vital signs.
    comments : mapping of str to str
        Comment lines ``#key value``.
    """

    start: datetime | None
    seconds: float | None
    ticks_per_second: float
    comments: Mapping[str, str]


def list_records(waveforms: str | Path) -> pd.DataFrame:
    """List the recordings of a waveform folder of MIMIC, without opening a header.

    A ``RECORDS-waveforms`` or ``RECORDS`` file is followed where there is one, with those in the
    folders that it names; a folder without one is searched for headers.

    Parameters
    ----------
    waveforms : path-like
        The database's folder, or a part of it that holds whole patients.

    Returns
    -------
    pandas.DataFrame
        By subject_id, record: record (path without extension, relative to the folder),
        subject_id (-1 when the path names no patient), numerics (path of the vital signs, "" when
        there are none), has_header. A folder that RECORDS names and that is not there has one row.

    Raises
    ------
    InputError
        When the folder is missing, a line of RECORDS leads outside, or no header is found.
    """
    root = Path(waveforms)
    if not root.is_dir():
        raise InputError(
            "there is no such folder", file=root, remedy="correct data.waveforms in config.yaml"
        )
    rows = [_describe(root, path) for path in dict.fromkeys(_paths(root, PurePosixPath()))]
    records = pd.DataFrame(rows, columns=list(RECORD_COLUMNS))
    if not records["has_header"].any():
        raise InputError(
            "no header of a recording was found"
            + (f", of {len(records)} that RECORDS names" if len(records) else ""),
            file=root,
            remedy="the folder needs waves/p100/p10014354/81739927/81739927.hea and the like "
            "(MIMIC-IV) or p00/p000020/p000020-2183-04-28-17-47.hea (MIMIC-III matched subset); "
            "correct data.waveforms in config.yaml, or download the headers",
        )
    return records.sort_values(["subject_id", "record"], ignore_index=True)


def state_of_records(waveforms: str | Path) -> str:
    """Return a digest of which records are there, with the lengths of their headers.

    As a parameter of a rule it makes recordings that come later rerun it. Nothing is opened but
    lists: where there are none, all folders are gone through.

    Parameters
    ----------
    waveforms : path-like
        As for `list_records`; of a folder that this refuses the digest is empty.
    """
    root = Path(waveforms)
    try:
        listed = list_records(root)
    except InputError:  # raised again by the job that lists them
        return ""
    lines = [
        f"{row.record} {header.stat().st_size} {row.numerics} {leads_outside(root, header)}"
        for row in listed[listed["has_header"]].itertuples()
        for header in [root.absolute() / f"{row.record}.hea"]
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _paths(root: Path, folder: PurePosixPath) -> Iterator[PurePosixPath]:
    """Yield the records below a folder, and folders that are listed but not there."""
    lists = [root / folder / name for name in _LISTS if (root / folder / name).is_file()]
    if not lists:
        yield from _search(root, folder)
        return
    for number, line in enumerate(lists[0].read_text(encoding="utf-8").splitlines(), start=1):
        name = line.strip()
        path = folder / name
        if not name:
            continue
        if ".." in path.parts or path.is_absolute() or path == folder:
            raise _outside(root, lists[0], number)
        if _is_record(root, path):
            yield path
        elif (root / path).is_dir():
            yield from _paths(root, path)
        elif name.endswith("/"):
            yield path


def _outside(root: Path, file: Path, line: int) -> InputError:
    """Return the error; folders below the first have the number of a patient, and are not named."""
    remedy = "download the file again, or remove it: the folder is then searched"
    if file.parent == root:
        return InputError(
            "leads outside of what the file lists", file=file, row=line, remedy=remedy
        )
    search = f"grep -rnE '^/|[.][.]|^[.]/*$' --include {file.name}"
    return InputError(
        f"line {line} of a file {file.name} in a folder below leads outside",
        file=root,
        remedy=f"find it with `{search}` there; {remedy}",
    )


def _search(root: Path, folder: PurePosixPath) -> Iterator[PurePosixPath]:
    """Yield the records whose headers lie below a folder, in the order of their names."""
    for place, folders, files in os.walk(root / folder, onerror=_refuse, followlinks=True):
        inside = PurePosixPath(Path(place).relative_to(root).as_posix())
        if len(inside.parts) >= LINKED_LEVELS:
            folders[:] = [name for name in folders if not Path(place, name).is_symlink()]
        folders.sort()
        for file in sorted(files):
            path = inside / file.removesuffix(".hea")
            if file.endswith(".hea") and _is_record(root, path):
                yield path


def _refuse(error: OSError) -> None:
    # A folder has the number of its patient, which no message may show.
    raise InputError(
        f"a folder below data.waveforms cannot be read ({error.strerror})",
        remedy="find it with `find FOLDER -type d ! -readable`; give this user the right to read "
        "it, or take it out of the waveform folder",
    ) from None


def _in_full(root: Path, path: PurePosixPath) -> str:
    """Return the path with the name of the waveform folder, which may be that of a patient."""
    return f"/{_own_name(root)}/{path.as_posix()}"


@lru_cache
def _own_name(root: Path) -> str:
    """Return the name of a folder; of a link, the one of its two names that is a patient's."""
    names = (root.absolute().name, real_path(root).name)
    return next((name for name in names if _SUBJECT_FOLDER.match(f"/{name}")), names[-1])


def _is_record(root: Path, path: PurePosixPath) -> bool:
    return _RECORD.search(_in_full(root, path)) is not None


def _describe(root: Path, path: PurePosixPath) -> dict[str, object]:
    """Return one row of `list_records`."""
    full = _in_full(root, path)
    match = _RECORD.search(full)
    subject = match["subject"] if match else next(iter(_SUBJECT_FOLDER.findall(full)), None)
    record = path.as_posix()
    found = [suffix for suffix in _NUMERICS_FILES if match and (root / (record + suffix)).is_file()]
    return {
        "record": record,
        "subject_id": _UNKNOWN_SUBJECT if subject is None else int(subject),
        # A WFDB record is named without its extension.
        "numerics": record + found[0].removesuffix(".hea") if found else "",
        "has_header": match is not None and (root / f"{record}.hea").is_file(),
    }


def read_header(file: str | Path) -> RecordHeader:
    """Read the time of a recording from its header; no signal is opened.

    Parameters
    ----------
    file : path-like
        The ``.hea`` file of a single- or multi-segment record.

    Returns
    -------
    RecordHeader

    Raises
    ------
    RecordError
        With the reason ``unreadable``, when the header is no WFDB header.
    """
    file = Path(file)
    try:
        if file.stat().st_size > _MAX_HEADER_BYTES:
            raise ValueError(f"more than {_MAX_HEADER_BYTES // 1_000_000} MB")
        # A stray byte in a comment must not end the reading; in the record line it fails below.
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        first = next((line for line in lines if line.strip() and line[0] != "#"), "")
        return _parse(first, [line[1:].strip() for line in lines if line.startswith("#")])
    except (OSError, ValueError, OverflowError) as error:
        raise RecordError(
            f"header is not WFDB ({error})", reason="unreadable", file=file
        ) from error


def _parse(line: str, comments: list[str]) -> RecordHeader:
    match = _RECORD_LINE.match(line.strip())
    if match is None:
        raise ValueError(f"record line {line!r}")
    rate = float(match["rate"]) if match["rate"] else _DEFAULT_RATE
    ticks = float(match["ticks"]) if match["ticks"] else rate
    if not (0 < rate < float("inf") and 0 < ticks < float("inf")):
        raise ValueError(f"sampling rate {match['rate']!r}")
    # Frames per second: a signal may have several samples in each.
    seconds = int(match["samples"]) / rate if match["samples"] else None
    start = _start(match["time"], match["date"]) if match["date"] else None
    if start is not None and seconds is not None:
        start + timedelta(seconds=seconds)  # raises when that is no time
    pairs = (comment.partition(" ") for comment in comments)
    return RecordHeader(start, seconds, ticks, {key: value.strip() for key, _, value in pairs})


def _start(time: str, date: str) -> datetime:
    """Return the base time ``[[HH:]MM:]SS[.fff]`` on the base date ``DD/MM/YYYY``."""
    day, month, year = (int(part) for part in date.split("/"))
    *coarse, seconds = time.split(":")
    hours, minutes = ([0, 0] + [int(part) for part in coarse])[-2:]
    if len(coarse) > 2 or not (minutes < 60 and float(seconds) < 60 and hours < 24):
        raise ValueError(f"base time {time!r}")
    whole = timedelta(hours=hours, minutes=minutes, seconds=float(seconds))
    return datetime(year, month, day) + whole
