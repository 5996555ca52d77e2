"""What a search may change: keys of the configuration, and what each of them may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mimicflow.errors import ConfigError
from mimicflow.running.configuration import merged

Settings = Mapping[str, Any]
"""Values by the dotted path of their key, such as ``models.all_stays_model.dropout``."""

_RANGE, _CHOICES = ({"low", "high"}, {"low", "high", "log"}), ({"choices"},)
_REMEDY = (
    "write for instance {low: 0.1, high: 0.5}, {low: 1.0e-5, high: 1.0e-2, log: true} "
    "or {choices: [64, 128, 256]}"
)


@dataclass(frozen=True)
class Parameter:
    """A key that a search may change.

    Parameters
    ----------
    key : str
        Its dotted path.
    low, high : int, float or None
        Bounds, both of which it may reach; of whole numbers both are.
    log : bool
        Whether it is searched by orders of magnitude.
    choices : tuple
        What it may be, where there are no bounds.
    """

    key: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[Any, ...] = ()

    @property
    def extremes(self) -> tuple[Any, ...]:
        """Return values of which all are allowed only if every value of the search is."""
        return self.choices or (self.low, self.high)

    def holds(self, value: object) -> bool:
        """Return whether the search may come to a value."""
        if self.low is None or self.high is None:
            return value in self.choices
        return _is_number(value) and self.low <= value <= self.high  # type: ignore[operator]


def read_space(space: Mapping[str, Settings], own: Settings) -> list[Parameter]:
    """Return the parameters of a search in the order of their keys.

    Parameters
    ----------
    space : mapping of str to mapping
        By key ``low`` and ``high``, and ``log`` or not; or ``choices``.
    own : mapping
        Value of each key in the configuration, if it has one. Where this and both bounds are whole
        numbers, the search has whole numbers only.

    Raises
    ------
    ConfigError
        Bounds or choices that are none, with the key.
    """
    return [_parameter(key, space[key], own.get(key)) for key in sorted(space)]


def _parameter(key: str, said: Settings, own: object) -> Parameter:
    if set(said) in _CHOICES:
        choices = said["choices"]
        plain = isinstance(choices, list) and not any(isinstance(c, list | dict) for c in choices)
        if not plain or len({repr(choice) for choice in choices}) < max(2, len(choices)):
            _refuse(key, f"has the choices {choices}, not a list of two or more different values")
        return Parameter(key, choices=tuple(choices))
    if set(said) not in _RANGE:
        _refuse(key, f"has {', '.join(said) or 'nothing'}, neither low and high nor choices alone")
    low, high, log = said["low"], said["high"], said.get("log", False)
    if not (_is_number(low) and _is_number(high) and low < high):
        _refuse(key, f"is searched from {low} to {high}, not from a number to a greater one")
    if not isinstance(log, bool):
        _refuse(key, f"has log: {log}, which is neither true nor false")
    if log and low <= 0:
        _refuse(key, f"is searched by orders of magnitude from {low}, which is not above 0")
    if not all(isinstance(value, int) for value in (low, high, *([] if own is None else [own]))):
        low, high = float(low), float(high)
    return Parameter(key, low, high, log)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _refuse(key: str, what: str) -> None:
    raise ConfigError(f"{key!r} {what}", remedy=_REMEDY)


def nested(settings: Settings) -> dict[str, Any]:
    """Return settings as an overlay of the configuration.

    Examples
    --------
    >>> nested({"a.b": 1, "a.c": 2})
    {'a': {'b': 1, 'c': 2}}
    """
    overlay: dict[str, Any] = {}
    for path, value in settings.items():
        for key in reversed(path.split(".")):
            value = {key: value}
        overlay = merged(overlay, value)
    return overlay


def section(overlay: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """Return what an overlay changes of a section of the configuration; empty for nothing."""
    for key in keys:
        overlay = overlay.get(key, {})
    return overlay
