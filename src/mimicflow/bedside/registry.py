"""Read the registry of a hospital: its bedside recordings, ICU stays and cardiac arrests.

Three CSV files in one folder. ``reference/registry.csv`` says which columns they have.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mimicflow.bedside.csv_rows import LINE, number, read_rows
from mimicflow.errors import TableError
from mimicflow.raw.code_texts import code_text, key_text, trimmed
from mimicflow.reference import reference

log = logging.getLogger(__name__)

TIME_DTYPE = "datetime64[us]"
_NO_REGISTRY = (
    "a registry is a folder with recordings.csv, stays.csv and arrests.csv; "
    "data.registry in config.yaml names it"
)
# Paths and names of signals stay as they are written.
_SPELLED = {"text": trimmed, "code": code_text, "category": key_text}
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
    return Registry(**{name: table.drop(columns=LINE) for name, table in tables.items()})


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
    header, rows = read_rows(file, set(facts["column"]), _NO_REGISTRY)
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
    raw = pd.DataFrame(rows, columns=[*header, LINE], dtype=object)
    table = pd.DataFrame({LINE: raw[LINE].astype("int64")})
    for fact in facts.itertuples():
        text = raw[fact.column] if fact.column in raw else pd.Series("", index=raw.index)
        if fact.needed == "value" and (text == "").any():
            raise TableError(
                f"{fact.column} is empty",
                file=file,
                row=int(raw[LINE][text == ""].iloc[0]),
                remedy=f"fill it in ({fact.text}), or take the row out",
            )
        table[fact.column] = _typed(text, str(fact.type), table[LINE], file)
    return table[[*facts["column"], LINE]]


def _typed(text: pd.Series, kind: str, lines: pd.Series, file: Path) -> pd.Series:
    """Return a column of text as its type; empty fields are missing."""
    if kind in _SPELLED:
        return text.map(_SPELLED[kind]).fillna("").astype(object)
    if kind == "number":
        values = text.map(number)
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
        raise TableError(message, file=file, row=int(rows[LINE].iloc[0]), remedy=remedy)
