"""Check that the configuration of the arrest system does not contradict itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from mimicflow.raw.code_texts import key_text
from mimicflow.reference import reference
from mimicflow.running import origin
from mimicflow.running.agreement import listed, unknown


def disagreements(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each, with the keys; see `mimicflow.running.agreement`."""
    arrest, registry = config["arrest"], config["data"]["registry"]
    yield from _of_epochs(arrest)
    if arrest["measures"] != "all":
        measures = pd.read_csv(reference("hrv_measures.csv"))["measure"]
        yield from unknown("arrest.measures", arrest["measures"], measures)
    if origin.is_built(registry) or origin.is_made("registry", registry):
        units = pd.read_csv(reference("careunits.csv"))["icu"].unique()
        # Case does not count, as nowhere in a registry.
        known = {key_text(unit) for unit in units}
        unlisted = [icu for icu in arrest["cohort"]["icus"] if key_text(icu) not in known]
        yield from unknown("arrest.cohort.icus", unlisted, units)


def _of_epochs(arrest: Mapping[str, Any]) -> Iterator[str]:
    epochs = arrest["epochs"]
    least, most = epochs["event_window_h"]
    length = epochs["minutes"] / 60
    if least >= most:
        yield (
            f"'arrest.epochs.event_window_h' is {[least, most]}: "
            "first the least hours before the arrest, then the most"
        )
        return
    widths = {"event_window_h": most - least, "control_window_h": epochs["control_window_h"]}
    for key, hours in widths.items():
        if hours < length:
            yield (
                f"'arrest.epochs.{key}' spans {hours:g} h, less than an epoch of "
                f"{epochs['minutes']:g} minutes ('arrest.epochs.minutes')"
            )
    before = [hours for hours in arrest["evaluation"]["horizons_h"] if hours <= least]
    if before:
        yield (
            f"'arrest.evaluation.horizons_h' has {listed(before)}, but no epoch lies within "
            f"{least:g} h of an arrest ('arrest.epochs.event_window_h')"
        )
