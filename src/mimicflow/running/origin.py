"""Decide whether raw files are made up or a hospital's, by the generator's mark in each folder.

Whether the workflow *makes* a folder is a question of the configuration: it names exactly the
folder that the generator writes. Whether a folder *is* synthetic is said by the generator's mark
in it, never by its path: real files may lie anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from mimicflow.errors import ConfigError

MARK = "SYNTHETIC"
"""Name of the file by which the generator says that a folder holds no patients."""

MODULES = ("hosp", "icu", "ed", "ecg")
"""The modules of the made-up hospital."""

MADE = {
    **{module: f"results/synthetic/{module}" for module in MODULES},
    "registry": "results/synthetic/registry",
    "waveforms": "results/synthetic/registry",
}
"""Section of ``data`` in the configuration -> the folder that the generator writes."""

BUILT = {"registry": "results/arrest/registry"}
"""What the workflow builds from the raw tables of ``hosp`` and ``icu``."""


def is_made(module: str, path: str) -> bool:
    """Return whether the workflow itself makes the raw files of a module."""
    return PurePosixPath(path) == PurePosixPath(MADE[module])


def is_built(registry: str) -> bool:
    """Return whether the workflow builds the registry from tables."""
    return PurePosixPath(registry) == PurePosixPath(BUILT["registry"])


def absolute(data: Mapping[str, str]) -> dict[str, str]:
    """Return the raw folders, those that no rule makes as absolute paths."""
    made = {*MADE.values(), *BUILT.values()}
    return {
        section: path if folder(data, section) in made else str(Path(path).absolute())
        for section, path in data.items()
    }


def folder(data: Mapping[str, str], module: str) -> str:
    """Return where the raw files of a module lie, written as the rules that make some write it."""
    return str(PurePosixPath(data[module]))


def mark_of(module: str, path: str) -> str | None:
    """Return the generator's mark in a raw folder, there or still to be made; None if real.

    A folder that may not be looked into shows no mark; whoever reads its files says so.

    Parameters
    ----------
    module : str
        Section of ``data``: hosp, icu, ed, ecg, registry or waveforms.
    path : str
        The folder of its files.
    """
    mark = str(PurePosixPath(path, MARK))
    try:
        return mark if is_made(module, path) or Path(mark).is_file() else None
    except PermissionError:
        return None


def marks(data: Mapping[str, str], modules: Iterable[str]) -> list[str]:
    """Return the marks of all these modules; none when one of them is real.

    A registry that is built from tables is as synthetic as they are.

    Raises
    ------
    ConfigError
        A mark in a folder whose name has braces: Snakemake would take them for a wildcard, and
        jobs could not read it.
    """
    asked: dict[str, None] = {}
    for module in modules:
        built = module == "registry" and is_built(data[module])
        asked.update(dict.fromkeys(("hosp", "icu") if built else (module,)))
    found = dict.fromkeys(mark_of(module, data[module]) for module in asked)
    named = [mark for mark in found if mark is not None]
    for mark in named:
        if "{" in mark or "}" in mark:
            raise ConfigError(
                "a synthetic folder cannot have braces in its name",
                file=str(PurePosixPath(mark).parent),
                remedy="rename it, or name a link to it in config.yaml",
            )
    return named if len(named) == len(found) else []
