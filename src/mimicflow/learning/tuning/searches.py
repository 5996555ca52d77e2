"""The searches that the configuration asks for (``tuning``), checked before any job."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mimicflow.errors import ConfigError
from mimicflow.learning.tuning.space import Settings, nested, read_space
from mimicflow.running.agreement import Disagreements, listed, unknown
from mimicflow.running.configuration import complete, merged, stop_at
from mimicflow.running.own_scenarios import changed_configuration
from mimicflow.running.scenarios import leaves

Tunable = Mapping[str, Mapping[str, Sequence[str]]]
"""By system and model the keys, or the beginnings of keys, that its own job reads."""
_REMEDY = "correct 'tuning'; docs/how-to/tune.md has an example"


@dataclass(frozen=True)
class Search:
    """A search of the settings of one model.

    Parameters
    ----------
    rounds : int
        One after the other, each suggested from the results of all before.
    trials : int
        Of a round, side by side.
    space : mapping of str to mapping
        By key what it may be, see `mimicflow.learning.tuning.space.read_space`.
    own : mapping
        Values of these keys in the configuration, of those that it has: the first trial.
    """

    rounds: int
    trials: int
    space: Mapping[str, Settings]
    own: Settings = field(default_factory=dict)

    def round_of(self, trial: int) -> int:
        """Return the round of a trial; both are numbered from 0."""
        return trial // self.trials

    def before(self, number: int) -> range:
        """Return the trials of all rounds before this one; before one too many, all there are."""
        return range(number * self.trials)


def read_searches(
    written: Mapping[str, Any],
    schema_file: str | Path,
    systems: Collection[Disagreements],
    tunable: Tunable,
) -> dict[str, dict[str, Search]]:
    """Return the searches of a configuration by system and model.

    Parameters
    ----------
    written : mapping
        The configuration as read, before it is completed.
    schema_file : path-like
        Closed JSON Schema in YAML.
    systems : collection of callable
        ``disagreements`` of each system.
    tunable : mapping
        What may be changed of which model.

    Raises
    ------
    ConfigError
        A model that there is not, a key that its job does not read, bounds or choices that are
        not allowed in the configuration.
    """
    config = complete(written, schema_file)
    own, asked = leaves(config), config["tuning"]
    stop_at([*_objections(asked, tunable)], _REMEDY)
    found: dict[str, dict[str, Search]] = {system: {} for system in asked}
    for system, models in asked.items():
        for model, block in models.items():
            values = {key: own[key] for key in block["space"] if key in own}
            search = Search(**block, own=values)
            _check_values(f"tuning.{system}.{model}", search, written, schema_file, systems)
            found[system][model] = search
    return found


def _objections(asked: Mapping[str, Any], tunable: Tunable) -> Iterator[str]:
    """Yield a sentence for each model that there is not, key that is not its own."""
    for system, models in asked.items():
        yield from unknown(f"tuning.{system}", models, tunable[system])
        for model in models.keys() & tunable[system].keys():
            read = tunable[system][model]
            for key in models[model]["space"]:
                if not any(f"{key}.".startswith(f"{one}.") for one in read):
                    yield (
                        f"'tuning.{system}.{model}.space' has '{key}', "
                        f"which is none of the model's own keys: {listed(read)}"
                    )


def _check_values(
    name: str,
    search: Search,
    written: Mapping[str, Any],
    schema_file: str | Path,
    systems: Collection[Disagreements],
) -> None:
    """Stop at bounds and choices that the configuration would not allow."""
    try:
        extremes = {of.key: of.extremes for of in read_space(search.space, search.own)}
    except ConfigError as error:
        raise ConfigError(error.message, file=name, remedy=error.remedy) from error
    for place in range(max(map(len, extremes.values()))):
        values = {key: of[min(place, len(of) - 1)] for key, of in extremes.items()}
        overlay = merged(written, nested(values))
        changed_configuration(name, overlay, schema_file, systems)


def require_search(searches: Mapping[str, Mapping[str, Search]], system: str, model: str) -> Search:
    """Return the search of a model.

    Raises
    ------
    ConfigError
        The configuration asks for none.
    """
    if model not in searches.get(system, {}):
        raise ConfigError(
            f"'tuning.{system}' has no search for {model}",
            file="configuration",
            remedy="give it rounds, trials and space (docs/how-to/tune.md)",
        )
    return searches[system][model]


def require_searches(searches: Mapping[str, Mapping[str, Search]]) -> None:
    """Stop where the configuration asks for no search at all.

    Raises
    ------
    ConfigError
        There is nothing to tune.
    """
    if not any(searches.values()):
        raise ConfigError(
            "no model is to be tuned",
            file="configuration",
            remedy="name some under 'tuning', or lay presets/tuning-mortality.yaml or "
            "presets/tuning-admission.yaml over it (docs/how-to/tune.md)",
        )
