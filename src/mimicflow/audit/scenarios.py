"""What the audit refits: other settings, features of the future, outcomes that are chance.

Differences are measured with what refits in seconds: LightGBM. Of admission each is a scenario,
which shares all files that its keys cannot touch; of mortality a protocol; in arrest nothing is
refitted under other settings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mimicflow.admission.protocols import PUBLISHED, stopped_by_reported
from mimicflow.mortality.protocols import AUDITED
from mimicflow.reference import reference
from mimicflow.running.configuration import merged
from mimicflow.running.scenarios import Scenario, leaves

RELEASED = ("cohort", "split", "features", "vitals")
"""Sections of ``presets/published.yaml`` under which exchanged outcomes are learned from, too: who
is predicted, and from what. ECGs, encoder and sizes of networks stay those of the run."""


@dataclass(frozen=True)
class Setting:
    """A line of ``audit_settings.csv``: a way in which a system is run once more."""

    check: str
    """The check that compares it: ``settings`` or ``future_only``."""
    name: str
    system: str
    overlay: Mapping[str, Any]
    """What it changes: keys of the configuration, of the protocol (mortality), or ``gap_h``."""
    title: str
    reading: str
    """What a large difference means."""

    @property
    def run(self) -> str:
        """Its scenario or protocol."""
        return f"audit_{self.name}"


def every_setting() -> list[Setting]:
    """Return all settings of all systems, in the order of the table."""
    table = pd.read_csv(reference("audit_settings.csv"))
    return [
        Setting(**{**line, "overlay": json.loads(line["overlay"])})
        for line in table.to_dict(orient="records")
    ]


def settings(system: str, check: str | None = None) -> list[Setting]:
    """Return the settings of a system, those of one check if named."""
    return [one for one in every_setting() if one.system == system and check in (None, one.check)]


def changed(system: str, config: Mapping[str, Any], check: str | None = None) -> list[Setting]:
    """Return the settings of a system that are asked for and not configured as they are.

    Parameters
    ----------
    system : {"admission", "mortality", "arrest"}
        Whose they are.
    config : mapping
        The whole configuration.
    check : str, optional
        Only those of this check.
    """
    configured = {
        "admission": leaves(config),
        "mortality": config["mortality"]["protocols"][AUDITED],
        "arrest": {"gap_h": config["arrest"]["epochs"]["event_window_h"][0]},
    }[system]
    asked = config["audit"]["settings"]
    return [
        one
        for one in settings(system, check)
        if one.check != "settings" or asked == "all" or one.name in asked
        if any(configured.get(key) != value for key, value in leaves(one.overlay).items())
    ]


def scenarios(config: Mapping[str, Any], release: Mapping[str, Any]) -> Iterator[Scenario]:
    """Yield the scenarios of admission: settings, the future, permuted outcomes.

    Parameters
    ----------
    config : mapping
        The whole configuration.
    release : mapping
        The keys of ``presets/published.yaml``.
    """
    for one in changed("admission", config):
        # Another cohort would draw other test patients, on whom nothing can be compared.
        kept = {"split": {"patients": "kept"}} if "cohort" in one.overlay else {}
        yield Scenario(one.run, {**one.overlay, **kept})
    released = {section: release[section] for section in RELEASED}
    published = merged(released, stopped_by_reported(config))
    for number in permutations(config):
        yield Scenario(permuted(number), {"cohort": {"permuted_outcomes": number}})
        yield Scenario(permuted(number, PUBLISHED), published, permuted(number))


def protocols(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the protocols of mortality by name: audited, but for a setting."""
    return {
        name: protocol
        for one in changed("mortality", config)
        for name, protocol in [_protocol(one, config)]
    }


def protocol_of(setting: Setting, config: Mapping[str, Any]) -> str:
    """Return the protocol that is audited but for a setting: a configured one if it is the same."""
    return _protocol(setting, config)[0]


def _protocol(setting: Setting, config: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    configured = config["mortality"]["protocols"]
    protocol = {**configured[AUDITED], **setting.overlay}
    same = [name for name, other in configured.items() if other == protocol]
    return (same[0] if same else setting.run), protocol


def permutations(config: Mapping[str, Any]) -> list[int]:
    """Return the numbers of the permutations of the outcomes, from 1."""
    return list(range(1, config["audit"]["permutations"] + 1))


def permuted(number: int, protocol: str = "") -> str:
    """Return the scenario of a permutation, under a protocol of admission if one is named."""
    return "_".join(["audit_permuted", str(number), *filter(None, [protocol])])
