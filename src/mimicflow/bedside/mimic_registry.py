"""Build the registry of MIMIC: its bedside recordings, matched to ICU stays and cardiac arrests."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from mimicflow.bedside.mimic_waveforms import RecordHeader, list_records, read_header
from mimicflow.bedside.open_recording import open_recording
from mimicflow.concepts import Paths, as_list, opened, sql
from mimicflow.errors import InputError, RecordError
from mimicflow.raw.waveform_paths import path_inside, real_path
from mimicflow.reference import reference
from mimicflow.running.writing import write_csv

log = logging.getLogger(__name__)

TABLES = {
    "icu/icustays": ("subject_id", "hadm_id", "stay_id", "first_careunit", "intime", "outtime"),
    "icu/procedureevents": ("stay_id", "starttime", "itemid"),
    "icu/chartevents": ("stay_id", "charttime", "itemid", "value"),
    "hosp/admissions": ("hadm_id", "deathtime"),
    "hosp/patients": ("subject_id", "gender", "anchor_age", "anchor_year"),
    "hosp/procedures_icd": ("hadm_id", "icd_code", "icd_version"),
}
"""The tables of MIMIC-IV that are read, with the columns that are needed."""

REASONS = (
    "patient_not_in_tables",
    "header_missing",
    "outside_folder",
    "unreadable",
    "other_patient_in_header",
    "no_start_time",
    "no_length",
    "no_icu_stay",
)
"""Why a recording has no stay, in the order in which it is asked; the first that applies counts."""

SEVERAL_STAYS = "several_stays"
"""Recordings that went to one of several stays; counted beside, they are in the registry."""

_RECORDINGS = (
    *("patient_id", "stay_id", "record", "start_time", "ecg_lead", "monitor", "numerics"),
)
_LISTS = (
    *(reference("arrest_codes.csv"), reference("careunits.csv")),
    *(reference("code_status_items.csv"), reference("limits_of_treatment.csv")),
)
_STAYS = ("patient_id", "stay_id", "age", "sex", "icu", "intime", "outtime", "death_time")
_LIMITS = "limits_time"


def build_registry(
    waveforms: str | Path,
    tables: Mapping[str, Paths],
    output: str | Path,
    memory_mb: int = 1000,
) -> None:
    """Write the registry of a waveform folder of MIMIC and of its clinical tables.

    A recording belongs to the ICU stay of its patient that it overlaps, with several to the one
    that it overlaps for longest. The dates of both sources are shifted alike.

    Parameters
    ----------
    waveforms : path-like
        Folder of the MIMIC-IV waveform database or of the MIMIC-III matched subset; only headers
        are read.
    tables : mapping of str to path or paths
        ``module/table`` of ``TABLES`` -> its Parquet shards.
    output : path-like
        Folder to write. ``recordings.csv``, ``stays.csv`` (all ICU stays) and ``arrests.csv`` as
        in ``reference/registry.csv``; an arrest that is only billed has no time, and makes all
        stays of the admission without a timed one uncertain. ``limits_time`` is left out where no
        code status has a text, since then nobody knows. ``unmatched.csv``: reason
        (``REASONS``, then ``SEVERAL_STAYS``), in_registry (0 or 1), recordings, patients.
    memory_mb : int
        Limit of the database, in MB.

    Raises
    ------
    InputError
        When the folder holds no header or nobody of the tables, a table lacks rows or columns, or
        no recording was made during an ICU stay.
    """
    waveforms, output = Path(waveforms), Path(output)
    _check_files(tables)
    views = {Path(name).name: tables[name] for name in TABLES}
    with opened(views, {}, memory_mb) as connection:
        _check_tables(connection, tables)
        for file in _LISTS:
            connection.register(file.stem, pd.read_csv(file, dtype=str))
        stays = connection.sql(sql("icu_registry")).df()
        arrests = connection.sql(sql("cardiac_arrest")).df()
        stays = _with_limits(stays, connection)
        listed = _with_headers(list_records(waveforms), waveforms, set(stays["patient_id"]))
        connection.register("recordings", _timed(listed))
        matched = connection.sql(sql("icu_registry_recordings")).df()
    recordings = listed.merge(matched, on="record", how="left")
    no_stay = (recordings["reason"] == "") & recordings["stay_id"].isna()
    recordings["reason"] = recordings["reason"].mask(no_stay, "no_icu_stay")
    unmatched = _count(recordings)
    found = recordings[recordings["reason"] == ""]
    if found.empty:
        raise InputError(
            "no recording was made during an ICU stay; they were left out so:\n"
            f"{unmatched.to_string(index=False)}",
            file=waveforms,
            remedy="check that the tables and the waveforms are of the same release of MIMIC",
        )
    _log_oddities(stays)
    log.info("%d of %d recordings have an ICU stay", len(found), len(recordings))
    write_csv(_recordings_table(found), output / "recordings.csv")
    write_csv(_stays_table(stays), output / "stays.csv")
    write_csv(_as_text(arrests, ["cpr_time"]), output / "arrests.csv")
    write_csv(unmatched, output / "unmatched.csv")


def _check_files(tables: Mapping[str, Paths]) -> None:
    """Look that every table has files, before the database opens them."""
    for name in TABLES:
        paths = as_list(tables.get(name, ()))
        missing = [path for path in paths if not Path(path).is_file()]
        if missing or not paths:
            raise InputError(
                f"the table {name} has no file" if not paths else "the file is missing",
                file=missing[0] if missing else None,
                remedy=f"ingest {', '.join(TABLES)} first",
            )


def _with_limits(stays: pd.DataFrame, connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Add the first limit of treatment of each stay, if the code status is known at all."""
    if not connection.execute("SELECT count(value) FROM chartevents").fetchall()[0][0]:
        log.warning("no code status has a text: limits of treatment are not known")
        return stays
    limits = connection.sql(sql("limits_of_treatment")).df()
    return stays.merge(limits, on="stay_id", how="left")


def _check_tables(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Paths]) -> None:
    """Refuse a table without the columns that are read, or without rows."""
    for name, columns in TABLES.items():
        view, file = Path(name).name, as_list(tables[name])[0]
        known = connection.table(view).columns
        missing = [column for column in columns if column not in known]
        if missing:
            raise InputError(
                f"the table {name} lacks {', '.join(missing)}",
                file=file,
                remedy="remove the folder of this table under results/tables and ingest it again",
            )
        optional = name == "icu/chartevents"  # there may be no code status in it
        if not optional and not connection.execute(f"SELECT 1 FROM {view} LIMIT 1").fetchall():
            raise InputError(
                f"the table {name} has no rows in any of its files",
                file=file,
                remedy=f"check the raw file of {name}, and data.icu and data.hosp in config.yaml",
            )


def _with_headers(listed: pd.DataFrame, waveforms: Path, subjects: Collection[int]) -> pd.DataFrame:
    """Return the recordings with start, stop and monitor, or with the reason why not.

    Headers are read of those patients only whom the tables know: there may be a million.
    """
    known = listed["subject_id"].isin(subjects)
    if not known.any():
        raise InputError(
            f"none of its {listed['subject_id'].nunique()} patients has an ICU stay in the tables",
            file=waveforms,
            remedy="MIMIC-III and MIMIC-IV number their patients differently: take the tables of "
            "the same database, and correct data.waveforms, data.icu or data.hosp in config.yaml",
        )
    root = real_path(waveforms)
    rows = [
        _describe(root, record, subject, has_header)
        if is_known
        else _facts("patient_not_in_tables")
        for record, subject, has_header, is_known in zip(
            listed["record"], listed["subject_id"], listed["has_header"], known, strict=True
        )
    ]
    facts = pd.DataFrame(rows, index=listed.index)
    for number in facts.index[facts["reason"] == "unreadable"]:
        # Its name may be that of a patient.
        log.warning("row %d of list_records() has no WFDB header (unreadable)", number)
    times = {name: facts[name].astype("datetime64[us]") for name in ("start", "stop")}
    return listed.join(facts.assign(**times))


def _describe(root: Path, record: str, subject: int, has_header: bool) -> dict[str, object]:
    """Return what the header of one recording says, or why it says nothing."""
    if not has_header:
        return _facts("header_missing")
    try:
        header = read_header(path_inside(root, root, f"{record}.hea"))
    except RecordError as error:
        return _facts(error.reason)
    if header.comments.get("subject_id", str(subject)) != str(subject):
        return _facts("other_patient_in_header")
    if header.start is None:
        return _facts("no_start_time")
    if not header.seconds:
        header = replace(header, seconds=_seconds(root, record))
    return _facts("", header) if header.seconds else _facts("no_length")


def _seconds(root: Path, record: str) -> float | None:
    """Return how long the ECG of a record is whose header leaves its length to the files."""
    try:
        opened = open_recording(root, record)
    except RecordError:
        return None
    return opened.n_samples / opened.sampling_rate


def _facts(reason: str, header: RecordHeader | None = None) -> dict[str, object]:
    if header is None or header.start is None or header.seconds is None:
        return {"reason": reason, "start": None, "stop": None, "monitor": ""}
    return {
        "reason": reason,
        "start": header.start,
        "stop": header.start + timedelta(seconds=header.seconds),
        "monitor": header.comments.get("monitor", ""),
    }


def _timed(listed: pd.DataFrame) -> pd.DataFrame:
    return listed.loc[listed["reason"] == "", ["record", "subject_id", "start", "stop"]]


def _count(recordings: pd.DataFrame) -> pd.DataFrame:
    """Count recordings and patients by reason, also those that are none."""
    several = (recordings["reason"] == "") & (recordings["n_stays"] > 1)
    parts = {reason: recordings[recordings["reason"] == reason] for reason in REASONS}
    parts[SEVERAL_STAYS] = recordings[several]
    return pd.DataFrame(
        [
            {
                "reason": reason,
                "in_registry": int(reason == SEVERAL_STAYS),
                "recordings": len(rows),
                "patients": rows.loc[rows["subject_id"] >= 0, "subject_id"].nunique(),
            }
            for reason, rows in parts.items()
        ]
    )


def _log_oddities(stays: pd.DataFrame) -> None:
    other = stays.loc[stays["icu"] == "other", "careunit"].fillna("(none)").value_counts()
    for careunit, n in sorted(other.items()):
        log.warning(
            "%d stays in %r, which careunits.csv does not list: icu is 'other'", n, careunit
        )
    if n_open := int(stays["outtime"].isna().sum()):
        log.warning("%d stays without outtime: no recording can be matched to them", n_open)
    if n_reversed := int((stays["outtime"] < stays["intime"]).sum()):
        log.warning("%d stays end before they begin: no recording is matched to them", n_reversed)
    if n_dead := int(stays["died_before"].sum()):
        log.warning("%d stays begin after the death of the admission: it is left out", n_dead)


def _recordings_table(found: pd.DataFrame) -> pd.DataFrame:
    """Return recordings.csv, by patient, start and record."""
    ordered = found.sort_values(["subject_id", "start", "record"])
    table = ordered.rename(columns={"subject_id": "patient_id", "start": "start_time"})
    table = table.assign(stay_id=table["stay_id"].astype(np.int64), ecg_lead="")
    return _as_text(table, ["start_time"])[list(_RECORDINGS)]


def _stays_table(stays: pd.DataFrame) -> pd.DataFrame:
    """Return stays.csv, by patient, intime and stay."""
    columns = [*_STAYS, *([_LIMITS] if _LIMITS in stays else [])]
    times = [name for name in columns if name.endswith("time")]
    return _as_text(stays.assign(age=stays["age"].astype("Int64")), times)[columns]


def _as_text(table: pd.DataFrame, times: list[str]) -> pd.DataFrame:
    """Write times as ISO 8601, missing ones as nothing."""
    texts = {
        name: table[name].map(lambda time: "" if pd.isna(time) else time.isoformat())
        for name in times
    }
    return table.assign(**texts)
