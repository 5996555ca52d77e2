"""Which files a check of the audit reads, and what its rule calls them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mimicflow.reference import reference


def source_tables(concept: str) -> list[str]:
    """Return the raw tables in which the events of a concept are looked up: ``"ed/edstays"``."""
    with reference("audit_sources.csv").open(encoding="utf-8", newline="") as file:
        found = [row["source"] for row in csv.DictReader(file) if row["concept"] == concept]
    return list(dict.fromkeys(found))


def files_in(named: Any) -> list[str]:
    """Return the files of a nested mapping of lists, in order."""
    if isinstance(named, str):
        return [named]
    parts = named.values() if isinstance(named, Mapping) else named
    return [file for part in parts for file in files_in(part)]


def placed(named: Any, files: Iterable[str]) -> Any:
    """Return a nested mapping of lists with other files in its places.

    Parameters
    ----------
    named : mapping, list or str
        Mappings and lists whose leaves are files, as the rule writes them.
    files : iterable of str
        The same files in the order of `files_in`, as the job finds them: on Kubernetes folders of
        the storage stand before.
    """
    return _placed(named, iter(files))


def _placed(named: Any, files: Iterator[str]) -> Any:
    if isinstance(named, str):
        return next(files)
    if isinstance(named, Mapping):
        return {name: _placed(part, files) for name, part in named.items()}
    return [_placed(part, files) for part in named]
