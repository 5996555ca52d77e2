"""Run the same workflow under another configuration, sharing all that does not differ.

A fold of a cross-validation, a published defect brought back, a model without one of its
branches: each is a name and the keys that it changes. Its files lie under
``results/scenarios/{name}/``; whatever its keys cannot touch it takes from its parent, in the end
from ``results/`` itself. Which keys touch which files is in ``reference/stages.csv``.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from mimicflow.errors import ConfigError
from mimicflow.reference import reference
from mimicflow.running.configuration import merged

FOLDER = "scenarios"


@dataclass(frozen=True)
class Scenario:
    """What makes a scenario differ.

    Parameters
    ----------
    name : str
        Lower-case letters, digits and underscores.
    overlay : mapping
        The configuration keys that it changes, nested as in ``config.yaml``.
    parent : str
        The scenario that it changes; empty for the configuration itself.
    twin : str
        The scenario that changes the same of the configuration itself, if there is one: its files
        serve wherever the parent's keys touch nothing.
    """

    name: str
    overlay: Mapping[str, Any] = field(default_factory=dict)
    parent: str = ""
    twin: str = ""


@dataclass(frozen=True)
class _Stage:
    name: str
    paths: tuple[str, ...]
    keys: tuple[str, ...]
    after: tuple[str, ...]


class Scenarios:
    """All scenarios of a configuration.

    Parameters
    ----------
    config : mapping
        The whole configuration.
    scenarios : iterable of Scenario
        Parents before their children.

    Raises
    ------
    ConfigError
        Two scenarios of one name, or a parent that is not known.
    """

    def __init__(self, config: Mapping[str, Any], scenarios: Iterable[Scenario]) -> None:
        self.base = config
        self.known: dict[str, Scenario] = {}
        for scenario in scenarios:
            if scenario.name in self.known or (scenario.parent and scenario.parent not in self):
                raise ConfigError(
                    f"scenario {scenario.name!r} is named twice or follows no known scenario",
                    remedy="give every scenario a name of its own, parents first",
                )
            self.known[scenario.name] = scenario

    def __contains__(self, name: str) -> bool:
        return name in self.known

    @cached_property
    def _stages(self) -> dict[str, _Stage]:
        table = pd.read_csv(reference("stages.csv"), keep_default_na=False)
        return {
            row["stage"]: _Stage(
                row["stage"],
                *(tuple(row[column].split()) for column in ("paths", "keys", "after")),
            )
            for _, row in table.iterrows()
        }

    def config(self, name: str) -> dict[str, Any]:
        """Return the whole configuration of a scenario; of none, the configuration itself."""
        if not name:
            return copy.deepcopy(dict(self.base))
        scenario = self._get(name)
        return merged(self.config(scenario.parent), scenario.overlay)

    def folder(self, name: str, path: str) -> str:
        """Return where a scenario finds a file: ``""`` or ``"scenarios/{name}/"``.

        Parameters
        ----------
        name : str
            The scenario; empty for the configuration itself.
        path : str
            The file below ``results/``, as it is called without scenarios.
        """
        keys = self.stage_keys(path)
        while name:
            scenario = self._get(name)
            if self._touches(scenario, keys):
                shared = scenario.twin and not self.folder(scenario.parent, path)
                return f"{FOLDER}/{scenario.twin if shared else name}/"
            name = scenario.parent
        return ""

    def can_change(self, key: str) -> bool:
        """Return whether a file of some stage depends on a key, by its dotted path."""
        keys = {known for stage in self._stages.values() for known in stage.keys}
        return any(f"{key}.".startswith(f"{known}.") for known in keys)

    def own_keys(self, path: str) -> tuple[str, ...]:
        """Return the configuration keys that a file depends on by itself, its inputs' left out."""
        return self._stage(path).keys

    def stage_keys(self, path: str) -> set[str]:
        """Return the configuration keys that a file depends on, its inputs' included."""
        return self._keys(self._stage(path))

    def _get(self, name: str) -> Scenario:
        if name not in self.known:
            raise ConfigError(
                f"no scenario is called {name!r}", remedy=f"choose one of: {', '.join(self.known)}"
            )
        return self.known[name]

    def _stage(self, path: str) -> _Stage:
        """Return the first stage that names the path; the last one has all that no other names."""
        for stage in self._stages.values():
            if not stage.paths or path.startswith(stage.paths):
                return stage
        raise AssertionError("the last stage of reference/stages.csv must name no path")

    def _keys(self, stage: _Stage) -> set[str]:
        before = (self._keys(self._stages[name]) for name in stage.after)
        return set(stage.keys).union(*before)

    @staticmethod
    def _touches(scenario: Scenario, keys: set[str]) -> bool:
        return any(
            leaf == key or leaf.startswith(f"{key}.")
            for leaf in leaves(scenario.overlay)
            for key in keys
        )


def words_of_keys(overlay: Mapping[str, Any]) -> str:
    """Return what an overlay changes, for instance ``vitals.ranges: none``."""
    return ", ".join(f"{key}: {value}" for key, value in leaves(overlay).items())


def leaves(overlay: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return all values of a nested mapping by their dotted paths."""
    found: dict[str, Any] = {}
    for key, value in overlay.items():
        if isinstance(value, Mapping):
            found |= leaves(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found
