"""The protocols of mortality: those of the configuration, and those that price one leak each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mimicflow.running.configuration import merged

AUDITED, AUDITED_ICU_OUT, PUBLISHED = "audited", "audited_icu_out", "published"
CHANGED = f"mortality.protocols.{AUDITED}."
"""How the path of a key begins that a scenario can change: it is a protocol of its own then."""


def priced(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the keys whose published value is priced by itself, with the protocol of each.

    Parameters
    ----------
    config : mapping
        The whole configuration.
    """
    mortality = config["mortality"]
    if not {AUDITED, PUBLISHED} <= set(mortality["protocols"]):
        return {}
    return {key: f"{AUDITED}_with_{key}" for key in mortality["priced_keys"]}


def all_protocols(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return every protocol by name; one that prices a key is audited but for this key."""
    protocols: dict[str, dict[str, Any]] = dict(config["mortality"]["protocols"])
    for key, name in priced(config).items():
        protocols[name] = {**protocols[AUDITED], key: protocols[PUBLISHED][key]}
    return protocols


def of_scenarios(
    config: Mapping[str, Any], scenarios: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return the protocols of scenarios: the audited one with their keys, by the scenario's name.

    Parameters
    ----------
    config : mapping
        The whole configuration.
    scenarios : mapping of str to mapping
        The keys that each changes.
    """
    found = {}
    for name, overlay in scenarios.items():
        changed = overlay.get("mortality", {}).get("protocols", {}).get(AUDITED, {})
        if changed:
            found[name] = merged(config["mortality"]["protocols"][AUDITED], changed)
    return found


def split(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the shares of the split and its seed, moved on by that of all splits.

    Parameters
    ----------
    config : mapping
        The whole configuration.
    """
    own = config["mortality"]["split"]
    return {**own, "seed": (own["seed"] + config["seed"]["split"]) % 2**32}


def is_optimistic(protocol: Mapping[str, Any]) -> bool:
    """Return whether the future, or the patients that are reported, take part."""
    # Nobody knows when the ICU is left who will die in hospital afterwards.
    immortal = (
        protocol["prediction_time"] == "icu_out" and protocol["survivors"] != "up_to_prediction"
    )
    return (
        protocol["visits"] == "all"
        or protocol["embedding"] != "training"
        or protocol["survivors"] == "any_icu_deathtime"
        or immortal
    )
