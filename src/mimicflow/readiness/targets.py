"""Which systems a target of the workflow belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from mimicflow.errors import ConfigError
from mimicflow.raw.needs import SECTIONS

_EVERY = tuple(SECTIONS)
TARGETS = {
    **{system: (system,) for system in SECTIONS},
    "first": ("admission",),
    **dict.fromkeys(("all", "report", "evaluation", "scenarios", "audit"), _EVERY),
    "tuning": ("admission", "mortality"),
}
"""Target rule of the Snakefile, or system -> the systems whose raw data it reads."""

_OF_ALL = ("report.html", "report_full.html", "report.zip", "audit.html")


def systems_of(targets: Iterable[str]) -> list[str]:
    """Return the systems of targets, in the order of the report; all of them if none is named.

    Parameters
    ----------
    targets : iterable of str
        Rules of the Snakefile, systems, or results such as ``results/all_stays_model.pth``.

    Raises
    ------
    ConfigError
        A word that is neither.
    """
    found = {system for target in targets for system in _systems(target)}
    return [system for system in SECTIONS if not found or system in found]


def _systems(target: str) -> tuple[str, ...]:
    parts = PurePath(target).parts
    if target in TARGETS:
        return TARGETS[target]
    if len(parts) < 2:
        raise ConfigError(
            f"no system and no target is called {target}",
            remedy=f"choose of {', '.join(TARGETS)}; or name a file below results/",
        )
    if parts[-1] in _OF_ALL:
        return _EVERY
    return tuple(system for system in SECTIONS if system in parts) or ("admission",)
