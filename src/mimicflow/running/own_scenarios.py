"""Scenarios of a user: what the configuration says under ``scenarios`` and ``repeats``.

Each is checked as the configuration itself is, since it is one: with its keys changed. What is
left of it is where the two, complete, differ.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from mimicflow.errors import ConfigError
from mimicflow.running.agreement import Disagreements, check_agreement
from mimicflow.running.configuration import complete, merged, stop_at
from mimicflow.running.scenarios import Scenario, leaves

CONFIGURATION = "configuration"
"""What tables call the configuration itself, which is a scenario of no name."""
_PARTS = {("split", "patients"): "drawn"}
"""Keys that only scenarios may say, with the value that the configuration itself has."""
_REMEDY = "correct the scenario; all keys are described in config.yaml"


def own_scenarios(
    written: Mapping[str, Any],
    schema_file: str | Path,
    systems: Collection[Disagreements],
    taken: Collection[str],
    can_change: Callable[[str], bool],
) -> list[Scenario]:
    """Return the scenarios of a configuration, each followed by its repeats.

    Parameters
    ----------
    written : mapping
        The configuration as read, before it is completed.
    schema_file : path-like
        Closed JSON Schema in YAML.
    systems : collection of callable
        ``disagreements`` of each system.
    taken : collection of str
        Names that scenarios have already.
    can_change : callable
        Whether scenarios can change a key, by its dotted path.

    Returns
    -------
    list of Scenario
        The configuration's own repeats first. A repeat follows (``parent``) what it repeats.

    Raises
    ------
    ConfigError
        A name that is taken, a key or value that is not allowed, values that contradict each
        other, a key that scenarios share, a scenario that changes nothing.
    """
    config = complete(written, schema_file)
    found = list(_repeats("", config))
    for name, overlay in config["scenarios"].items():
        changed = changed_configuration(
            f"scenario {name!r}", merged(written, overlay), schema_file, systems
        )
        differing = _differences(config, changed)
        alike = [] if differing else [f"'scenarios.{name}' changes nothing"]
        stop_at([*alike, *_shared(name, config, differing, can_change)], _REMEDY)
        found.append(Scenario(name, differing))
        if set(differing) != {"mortality"}:  # which repeats its models by itself (mortality.seeds)
            found += _repeats(name, config)
    names = [one.name for one in found]
    twice = {name for name in names if name in (*taken, CONFIGURATION) or names.count(name) > 1}
    problems = [f"a scenario is called {name!r} already" for name in sorted(twice)]
    stop_at(problems, "give it another name under 'scenarios'")
    return found


def require_scenarios(found: Collection[Scenario]) -> None:
    """Stop where the configuration names no scenario and no repeat.

    Raises
    ------
    ConfigError
        There is nothing to compare.
    """
    if not found:
        raise ConfigError(
            "no scenario is named",
            file="configuration",
            remedy="name some under 'scenarios', or seeds under 'repeats.seeds' "
            "(docs/how-to/scenarios.md)",
        )


def _repeats(name: str, config: Mapping[str, Any]) -> Iterator[Scenario]:
    """Yield what repeats a scenario, or the configuration itself, with other seeds."""
    repeats = config["repeats"]
    for seed in repeats["seeds"]:
        seeds = dict.fromkeys(repeats["of"], seed)
        of_all = f"seed_{seed}"
        if name:
            yield Scenario(f"{name}_{of_all}", {"seed": seeds}, name, twin=of_all)
        else:
            yield Scenario(of_all, {"seed": seeds})


def changed_configuration(
    place: str,
    written: Mapping[str, Any],
    schema_file: str | Path,
    systems: Collection[Disagreements],
) -> dict[str, Any]:
    """Return the whole configuration of a scenario or trial, or stop at what is wrong with it.

    Parameters
    ----------
    place : str
        Where these keys stand, for messages.
    written : mapping
        The configuration as read, with these keys, before it is completed.
    schema_file : path-like
        Closed JSON Schema in YAML.
    systems : collection of callable
        ``disagreements`` of each system.

    Raises
    ------
    ConfigError
        A key or value that is not allowed, values that contradict each other.
    """
    try:
        changed = complete(written, schema_file)
        as_checked = changed
        for (section, key), value in _PARTS.items():
            as_checked = merged(as_checked, {section: {key: value}})
        check_agreement(as_checked, *systems)
    except ConfigError as error:
        raise ConfigError(error.message, file=place, remedy=error.remedy) from error
    return changed


def _differences(config: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the overlay that makes one complete configuration the other."""
    found: dict[str, Any] = {}
    for key, value in changed.items():
        before = config.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            if inner := _differences(before, value):
                found[key] = inner
        elif value != before:
            found[key] = value
    return found


def _shared(
    name: str,
    config: Mapping[str, Any],
    differing: Mapping[str, Any],
    can_change: Callable[[str], bool],
) -> Iterator[str]:
    """Yield a sentence for each key that all scenarios share, as those that decide which rules are.

    There are rules for the models of the configuration, and for one way to have an encoder.
    """
    before = leaves(config)
    for key, value in leaves(differing).items():
        other_rules = key == "pretraining.patients" and "none" in (value, before[key])
        other_rules |= key.startswith("models.") and key not in before
        if other_rules or not can_change(key):
            yield (
                f"'scenarios.{name}' changes '{key}', which all scenarios share: "
                "change it in a run of its own (docs/how-to/scenarios.md)"
            )
