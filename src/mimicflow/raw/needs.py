"""Say what each system reads of the raw data, and look at it before the first job.

A job that runs for hours before another one finds no folder helps nobody: names, rights and the
first bytes of every file that is asked for are looked at in a second.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from mimicflow.errors import InputError, MimicflowError
from mimicflow.raw.files import find_raw_file, read_header
from mimicflow.raw.tables import TABLES
from mimicflow.running import origin
from mimicflow.running.storage import storage_explained

SECTIONS = {
    "admission": ("hosp", "ed", "ecg"),
    "mortality": ("hosp", "icu"),
    "arrest": ("registry", "waveforms"),
}
"""System -> the folders under ``data`` that it reads; it is synthetic only if all of them are."""

REGISTRY = ("recordings", "stays", "arrests")
"""The tables of a registry of bedside recordings, each a CSV file."""

_MORTALITY = (
    *("hosp/patients", "hosp/admissions", "icu/icustays"),
    *("hosp/diagnoses_icd", "hosp/procedures_icd", "hosp/prescriptions"),
)
_ADMISSION = (
    *("hosp/patients", "hosp/admissions", "hosp/diagnoses_icd", "hosp/prescriptions"),
    *("hosp/labevents", "ed/edstays", "ed/triage", "ed/vitalsign", "ed/pyxis", "ed/medrecon"),
    "ecg/record_list",
)
_REGISTRY = (
    *("hosp/patients", "hosp/admissions", "hosp/procedures_icd"),
    *("icu/icustays", "icu/procedureevents", "icu/chartevents"),
)
_WAVEFORMS = ("ecg", "waveforms")


def tables_of(system: str, config: Mapping[str, Any]) -> list[str]:
    """Return the raw tables that a system ingests, as ``module/table``.

    Parameters
    ----------
    system : {"admission", "mortality", "arrest"}
        Of arrest: what the registry of MIMIC-IV is built from.
    config : mapping
        Without pretraining the machine measurements of ECGs are not read.
    """
    if system == "admission":
        measured = config["pretraining"]["patients"] != "none"
        return [*_ADMISSION, *(["ecg/machine_measurements"] if measured else [])]
    return list(_MORTALITY if system == "mortality" else _REGISTRY)


class Need(NamedTuple):
    """One raw table, or one folder that is read as a whole, and what was found."""

    name: str
    """``module/table``, or the section under ``data``."""
    path: Path | None
    """Where it lies; None if it was not found, or if a rule makes it."""
    problem: MimicflowError | None = None


def needs_of(system: str, config: Mapping[str, Any]) -> Iterator[Need]:
    """Look at every file and folder that a system needs, made ones included."""
    data, sections = config["data"], list(SECTIONS[system])
    tables = tables_of(system, config)
    if system == "arrest" and not origin.is_built(data["registry"]):
        tables = []
    yield from _tables(data, tables)
    yield from _folders(data, sections)


def check_raw(data: Mapping[str, str], tables: Iterable[str], sections: Iterable[str]) -> None:
    """Look at raw files and folders that no rule makes.

    Parameters
    ----------
    data : mapping
        Section -> folder, as in the configuration.
    tables : iterable of str
        ``module/table``.
    sections : iterable of str
        Folders that are read as a whole: ``ecg``, ``waveforms``, ``registry``.

    Raises
    ------
    InputError
        All that is missing, unreadable or plainly not what it should be, one line and remedy each.
    """
    problem = problem_of(chain(_tables(data, tables), _folders(data, sections)))
    if problem:
        raise problem


def problem_of(needs: Iterable[Need]) -> MimicflowError | None:
    """Return one error of all that is wrong with what is needed; None if nothing is."""
    problems = [need.problem for need in needs if need.problem]
    if len(problems) > 1:
        return InputError(
            "\n".join([f"{len(problems)} inputs cannot be used", *map(str, problems)])
        )
    return problems[0] if problems else None


def _tables(data: Mapping[str, str], tables: Iterable[str]) -> Iterator[Need]:
    for path in sorted(set(tables)):
        table = TABLES[path]
        if origin.is_made(table.module, data[table.module]):
            yield Need(path, None)
            continue
        try:
            file = find_raw_file(data[table.module], table)
            with storage_explained(file):
                read_header(file)
        except MimicflowError as error:
            yield Need(path, None, error)
        else:
            yield Need(path, file)


def _folders(data: Mapping[str, str], sections: Iterable[str]) -> Iterator[Need]:
    looks = {"registry": _check_registry, **dict.fromkeys(_WAVEFORMS, _check_folder)}
    for section in sorted(set(sections) & looks.keys()):
        folder = Path(data[section])
        if origin.is_made(section, data[section]) or (
            section == "registry" and origin.is_built(data[section])
        ):
            yield Need(section, None)
            continue
        try:
            looks[section](folder, section)
        except MimicflowError as error:
            yield Need(section, None, error)
        else:
            yield Need(section, folder)


def _check_registry(folder: Path, section: str) -> None:
    for name in REGISTRY:
        file = folder / f"{name}.csv"
        if not file.is_file():
            raise InputError(
                "the file is missing",
                file=file,
                remedy=f"put it there, or correct data.{section} in the config; docs/arrest.md",
            )
        with storage_explained(file):
            read_header(file)


def _check_folder(folder: Path, section: str) -> None:
    """Refuse a folder of waveforms that is not there, may not be read or holds no folder."""
    if not folder.is_dir():
        raise InputError(
            "there is no such folder", file=folder, remedy=f"correct data.{section} in the config"
        )
    with storage_explained(folder), os.scandir(folder) as entries:
        if not any(True for _ in entries):
            raise InputError(
                "the folder is empty",
                file=folder,
                remedy=f"put the recordings there, or correct data.{section} in the config",
            )
