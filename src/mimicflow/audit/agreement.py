"""Check that a configuration asks for what the audit has, and leaves to it what is its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mimicflow.audit.scenarios import every_setting
from mimicflow.running.agreement import unknown

_ONLY_OF_THE_AUDIT = {
    ("cohort", "permuted_outcomes"): 0,
    ("split", "patients"): "drawn",
    ("features", "until"): "prediction",
}
"""Keys that only scenarios of the audit change, with the value that everything else has."""


def disagreements(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each, with the keys; see `mimicflow.running.agreement`."""
    asked = config["audit"]["settings"]
    if asked != "all":
        known = [one.name for one in every_setting() if one.check == "settings"]
        yield from unknown("audit.settings", asked, known)
    # They would let the future in, or make the outcomes chance.
    for (section, key), value in _ONLY_OF_THE_AUDIT.items():
        if config[section][key] != value:
            yield (
                f"'{section}.{key}' is {config[section][key]}, which only scenarios of the audit "
                f"may say: it must be {value}"
            )
