"""Give the files of a job the names that its rule has for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


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
