"""Read the registry of a hospital: its bedside recordings, ICU stays and cardiac arrests.

Three CSV files in one folder. ``reference/registry.csv`` says which columns they have.
"""

from __future__ import annotations

import csv
import hashlib
import logging
import math
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mimicflow.errors import TableError
from mimicflow.raw.code_texts import code_text, key_text, trimmed
from mimicflow.raw.stream import CUT_OFF
from mimicflow.reference import reference

log = logging.getLogger(__name__)

TIME_DTYPE = "datetime64[us]"
_LINE = "line"
_AS_CSV = "save it as CSV in UTF-8, with commas and a header"
# Paths and names of signals stay as they are written.
_SPELLED = {"text": trimmed, "code": code_text, "category": key_text}
_NUMBER = r"[+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
# Pandas itself also takes "now", a year alone and times of other zones.
_ISO_8601 = r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?"  # a day is no midnight


@dataclass(frozen=True)
class Registry:
    """The three tables; identifiers are text, times are naive, empty text is "".

    Identifiers have lost the ``.0`` that spreadsheets add; sex and icu are in upper case.

    Parameters
    ----------
    recordings : pandas.DataFrame
        recording_id (row of the file, from 0), patient_id, stay_id, record, start_time (NaT when
        left to the record), ecg_lead, monitor, numerics.
    stays : pandas.DataFrame
        patient_id, stay_id, age (years), sex, icu, intime, outtime; one row per stay. Also
        death_time and limits_time (first limit of treatment), each only where the file has the
        column: NaT says that there was none, no column that nobody knows.
    arrests : pandas.DataFrame
        stay_id, cpr_time (NaT when not known); a stay may have several.
    """

    recordings: pd.DataFrame
    stays: pd.DataFrame
    arrests: pd.DataFrame


def read_registry(folder: str | Path) -> Registry:
    """Read and check ``recordings.csv``, ``stays.csv`` and ``arrests.csv``.

    Stays that are not in all files are no error: the cohort counts them.

    Parameters
    ----------
    folder : path-like
        The folder of the three files.

    Returns
    -------
    Registry

    Raises
    ------
    TableError
        A file that is missing, empty or no CSV, a quote that swallows a row, a missing column, a
        value that is missing or no time or number, a stay listed twice in ``stays.csv`` or whose
        patient dies before it begins, a stay or record of two patients.
    """
    folder = Path(folder)
    tables = {name: _read_table(folder, name) for name in ("recordings", "stays", "arrests")}
    for name in ("recordings", "stays"):
        if tables[name].empty:
            raise TableError(
                "holds no row below the header",
                file=folder / f"{name}.csv",
                remedy="check how the registry was made; data.registry in config.yaml names it",
            )
    recordings, stays = tables["recordings"], tables["stays"]
    _check_unique_stays(stays, folder / "stays.csv")
    _check_deaths(stays, folder / "stays.csv")
    file = folder / "recordings.csv"
    _check_one_patient(recordings, "stay_id", file)
    # One waveform of two patients would stand on both sides of a split.
    _check_one_patient(recordings, "record", file)
    _check_same_patients(recordings, stays, file)
    recordings.insert(0, "recording_id", range(len(recordings)))
    return Registry(**{name: table.drop(columns=_LINE) for name, table in tables.items()})


def shard_of_patient(patient_id: str, shards: int) -> int:
    """Return the shard (0 to ``shards - 1``) of a patient's recordings, the same on any machine."""
    return int(hashlib.sha256(patient_id.encode()).hexdigest(), 16) % shards


def _columns(table: str) -> pd.DataFrame:
    """Return what ``reference/registry.csv`` says about one table."""
    facts = pd.read_csv(reference("registry.csv"), keep_default_na=False)
    return facts[facts["table"] == table]


def _read_table(folder: Path, name: str) -> pd.DataFrame:
    """Read one file with its types and, in the column ``line``, where each row stands."""
    file = folder / f"{name}.csv"
    facts = _columns(name)
    header, rows = _read_rows(file, set(facts["column"]))
    missing = [
        fact.column
        for fact in facts.itertuples()
        if fact.needed in ("value", "column") and fact.column not in header
    ]
    if missing:
        raise TableError(
            f"lacks the columns {', '.join(missing)}",
            file=file,
            row=1,
            remedy=f"give it the columns {', '.join(facts['column'])}",
        )
    # What nobody recorded is no empty column: an empty time would say that it never happened.
    facts = facts[(facts["needed"] != "optional") | facts["column"].isin(header)]
    raw = pd.DataFrame(rows, columns=[*header, _LINE], dtype=object)
    table = pd.DataFrame({_LINE: raw[_LINE].astype("int64")})
    for fact in facts.itertuples():
        text = raw[fact.column] if fact.column in raw else pd.Series("", index=raw.index)
        if fact.needed == "value" and (text == "").any():
            raise TableError(
                f"{fact.column} is empty",
                file=file,
                row=int(raw[_LINE][text == ""].iloc[0]),
                remedy=f"fill it in ({fact.text}), or take the row out",
            )
        table[fact.column] = _typed(text, str(fact.type), table[_LINE], file)
    return table[[*facts["column"], _LINE]]


def _read_rows(file: Path, columns: set[str]) -> tuple[list[str], list[list[object]]]:
    """Return the header, and the fields of each row with its line behind them."""
    lines = _read_lines(file)
    reader = csv.reader(lines, strict=True)
    header: list[str] = []
    rows: list[list[object]] = []
    before = 0  # lines of the records before
    try:
        for fields in reader:
            if before == 0:
                header = [_official(name, columns, file) for name in fields]
            _check_fields(fields, lines[before : reader.line_num], len(header), before + 1, file)
            if fields and before:
                rows.append([*(trimmed(field) for field in fields), reader.line_num])
            before = reader.line_num
    except csv.Error as error:
        raise TableError(
            f"is not valid CSV: {error}", file=file, row=reader.line_num, remedy=_AS_CSV
        ) from error
    if not any(header):
        raise TableError("is empty", file=file, remedy=_AS_CSV)
    if len(set(header)) < len(header):
        raise TableError("names a column twice", file=file, row=1, remedy=_AS_CSV)
    return header, rows


def _read_lines(file: Path) -> list[str]:
    """Return the lines of a file with their ends."""
    try:
        with open(file, encoding="utf-8-sig", newline="") as stream:
            lines = stream.readlines()
    except FileNotFoundError as error:
        raise TableError(
            "does not exist",
            file=file,
            remedy="a registry is a folder with recordings.csv, stays.csv and arrests.csv; "
            "data.registry in config.yaml names it",
        ) from error
    except OSError as error:  # no right to read, a folder, a broken disk
        raise TableError(f"cannot be read ({error.strerror})", file=file, remedy=_AS_CSV) from error
    except UnicodeDecodeError as error:
        raise TableError("is not UTF-8", file=file, remedy=_AS_CSV) from error
    if lines and not lines[-1].endswith(("\n", "\r")):  # as people write it, too
        log.warning("%s: %s", file, CUT_OFF)
    return lines


def _official(name: str, columns: set[str], file: Path) -> str:
    """Return the name of a column, which may be written in capitals."""
    name = trimmed(name)
    if name in columns or name.lower() not in columns:
        return name
    log.warning("%s: the column %s is read for %s", file, name, name.lower())
    return name.lower()


def _check_fields(fields: list[str], lines: list[str], width: int, first: int, file: Path) -> None:
    """Refuse a record that is no row, or has swallowed one; `first` is its first line."""
    last = first + len(lines) - 1
    if any("\0" in field for field in fields):  # what is lost there, nobody knows
        raise TableError("holds a NUL byte", file=file, row=last, remedy=_AS_CSV)
    if len(fields) not in (0, width):
        message = f"has {len(fields)} fields, the header {width}"
        raise TableError(message, file=file, row=last, remedy=_AS_CSV)
    for line, text in enumerate(lines[1:], first + 1):
        if text.count(",") == width - 1:  # the rule of the raw tables
            raise TableError(
                "looks like a row, but stands within a quote that is opened before",
                file=file,
                row=line,
                remedy="close the quote, or take the line break out of the field",
            )


def _typed(text: pd.Series, kind: str, lines: pd.Series, file: Path) -> pd.Series:
    """Return a column of text as its type; empty fields are missing."""
    if kind in _SPELLED:
        return text.map(_SPELLED[kind]).fillna("").astype(object)
    if kind == "number":
        values = text.map(_number)
        wrong = values.isna() & (text != "")
        what, remedy = "a number of at least 0", "write a number, or leave the field empty"
    else:
        values = _times(text)
        wrong = values.isna() & (text != "")
        # Pandas knows no other years.
        what = "a time with a clock and without time zone, of the years 1678 to 2261"
        remedy = "write ISO 8601 local time (2150-01-31 23:59:00), or leave the field empty"
    if wrong.any():
        first = wrong.idxmax()
        raise TableError(
            f"{text.name} is not {what}",
            file=file,
            row=int(lines[first]),
            remedy=remedy,
        )
    return values


def _number(text: object) -> float:
    """Return a finite number of at least 0, NaN for anything else."""
    # Python itself also takes digits of other scripts, and "1_000".
    value = float(str(text)) if re.fullmatch(_NUMBER, str(text), re.ASCII) else math.inf
    return value if value < math.inf else math.nan


def _times(text: pd.Series) -> pd.Series:
    """Return naive times; NaT for anything else, also for times with a time zone."""
    bare = text.where(text.str.fullmatch(_ISO_8601))
    times = pd.to_datetime(bare, format="ISO8601", errors="coerce")
    return times.astype(TIME_DTYPE)


def _check_unique_stays(stays: pd.DataFrame, file: Path) -> None:
    again = stays["stay_id"].duplicated()
    _refuse(stays[again], "lists a stay a second time", file, "keep one row per stay_id")


def _check_deaths(stays: pd.DataFrame, file: Path) -> None:
    if "death_time" in stays:
        before = stays["death_time"] < stays["intime"]
        remedy = "correct death_time or intime, or leave death_time empty"
        _refuse(stays[before], "lets the patient die before the stay begins", file, remedy)


def _check_one_patient(recordings: pd.DataFrame, key: str, file: Path) -> None:
    first = recordings.groupby(key)["patient_id"].transform("first")
    other = first != recordings["patient_id"]
    remedy = "correct patient_id, or take the row out"
    _refuse(recordings[other], f"gives a {key} to two patients", file, remedy)


def _check_same_patients(recordings: pd.DataFrame, stays: pd.DataFrame, file: Path) -> None:
    """Compare the patients of stays that are in both files."""
    patients = recordings["stay_id"].map(stays.set_index("stay_id")["patient_id"])
    other = patients.notna() & (patients != recordings["patient_id"])
    message = "the stay belongs to another patient in stays.csv"
    _refuse(recordings[other], message, file, "correct patient_id in one of the two files")


def _refuse(rows: pd.DataFrame, message: str, file: Path, remedy: str) -> None:
    """Raise with the line of the first of the rows, if there is any."""
    if len(rows):
        raise TableError(message, file=file, row=int(rows[_LINE].iloc[0]), remedy=remedy)
