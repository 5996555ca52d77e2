"""Check that the values of a configuration agree with each other, and its names with what there is.

The schema looks at each value by itself. Without this check a late job would fail and blame its
input, or none would: a fold that does not exist has no test patients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from mimicflow.running.configuration import stop_at

Disagreements = Callable[[Mapping[str, Any]], Iterator[str]]
"""Of a system: a sentence for each of its values that contradicts another, by configuration."""


def check_agreement(config: Mapping[str, Any], *systems: Disagreements) -> None:
    """Stop at values that contradict each other, and at names of what does not exist.

    Parameters
    ----------
    config : mapping
        The whole configuration, fit for the schema, with its defaults.
    *systems : callable
        ``disagreements`` of each system.

    Raises
    ------
    ConfigError
        A sentence for each, with the keys.
    """
    problems = [problem for disagreements in systems for problem in disagreements(config)]
    stop_at(problems, "correct the values; all keys are described in config.yaml")


def without_training_patients(place: str, shares: Mapping[str, float]) -> Iterator[str]:
    """Yield a sentence when the test and validation patients of a split are all there are."""
    if shares["test"] + shares["validation"] >= 1:
        yield (
            f"'{place}.test' is {shares['test']} and '{place}.validation' "
            f"{shares['validation']}, which leaves no training patients"
        )


def unknown(key: str, names: Iterable[object], known: Iterable[object]) -> Iterator[str]:
    """Yield a sentence when a key names something that does not exist."""
    known = list(known)
    missing = [name for name in names if name not in known]
    if missing:
        yield f"'{key}' names {listed(missing)}, which is none of {listed(known)}"


def listed(values: Iterable[object]) -> str:
    """Return values as they stand in a sentence."""
    return ", ".join(map(str, values))
