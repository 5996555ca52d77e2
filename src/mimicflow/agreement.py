"""Whether the values of a configuration agree with each other, and its names with what there is.

The schema looks at each value by itself. What here does not agree would otherwise be told by a late
job, which blames its input, or by none: a fold that does not exist has no test patients.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from mimicflow import origin
from mimicflow.admission import protocols
from mimicflow.code_texts import key_text
from mimicflow.concepts import REFERENCE
from mimicflow.errors import ConfigError
from mimicflow.mortality import protocols as mortality_protocols


def check_agreement(config: Mapping[str, Any]) -> None:
    """Stop at values that contradict each other, and at names of what does not exist.

    Parameters
    ----------
    config : mapping
        The whole configuration, fit for the schema, with its defaults.

    Raises
    ------
    ConfigError
        A sentence for each, with the keys.
    """
    problems = [
        *_of_splits(config),
        *_of_cohort_and_curves(config),
        *_of_epochs(config["arrest"]),
        *_of_names(config),
    ]
    if problems:
        raise ConfigError(
            "; ".join(problems),
            file="configuration",
            remedy="correct the values; all keys are described in config.yaml",
        )


def _of_splits(config: Mapping[str, Any]) -> Iterator[str]:
    split = config["split"]
    if split["fold"] != "none" and split["fold"] >= split["folds"]:
        yield (
            f"'split.fold' is {split['fold']}, but 'split.folds' is {split['folds']}: "
            f"choose none or 0 to {split['folds'] - 1}"
        )
    for place, shares in (("split", split), ("mortality.split", config["mortality"]["split"])):
        if shares["test"] + shares["validation"] >= 1:
            yield (
                f"'{place}.test' is {shares['test']} and '{place}.validation' "
                f"{shares['validation']}, which leaves no training patients"
            )


def _of_cohort_and_curves(config: Mapping[str, Any]) -> Iterator[str]:
    cohort = config["cohort"]
    if cohort["prediction_ecg"] != "last" and cohort["prediction_ecg"] > cohort["max_ecgs"]:
        yield (
            f"'cohort.prediction_ecg' is {cohort['prediction_ecg']}, but 'cohort.max_ecgs' "
            f"is {cohort['max_ecgs']}: no stay keeps so many ECGs"
        )
    curve = config["evaluation"]["net_benefit"]
    if curve["lowest"] >= curve["highest"]:
        yield (
            f"'evaluation.net_benefit.lowest' is {curve['lowest']}, not below "
            f"'evaluation.net_benefit.highest', which is {curve['highest']}"
        )


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
            f"'arrest.evaluation.horizons_h' has {_listed(before)}, but no epoch lies within "
            f"{least:g} h of an arrest ('arrest.epochs.event_window_h')"
        )


def _of_names(config: Mapping[str, Any]) -> Iterator[str]:
    rows, arrest = config["evaluation"]["priced_rows"], config["arrest"]
    if rows != "all":
        yield from _unknown("evaluation.priced_rows", rows, protocols.switched_rows())
    if arrest["measures"] != "all":
        measures = pd.read_csv(REFERENCE / "hrv_measures.csv")["measure"]
        yield from _unknown("arrest.measures", arrest["measures"], measures)
    registry = config["data"]["registry"]
    if origin.is_built(registry) or origin.is_made("registry", registry):
        units = pd.read_csv(REFERENCE / "careunits.csv")["icu"].unique()
        # Case does not count, as nowhere in a registry.
        known = {key_text(unit) for unit in units}
        unlisted = [icu for icu in arrest["cohort"]["icus"] if key_text(icu) not in known]
        yield from _unknown("arrest.cohort.icus", unlisted, units)
    folders = protocols.PUBLISHED_MODELS.values()
    models = [model for of_folder in folders for model in of_folder.values()]
    missing = [model for model in models if model not in config["models"]]
    if missing:
        yield f"'models' lacks {_listed(missing)}, whose result files are always written"
    yield from _of_protocols(config["mortality"])


def _of_protocols(mortality: Mapping[str, Any]) -> Iterator[str]:
    sides = [mortality_protocols.AUDITED, mortality_protocols.PUBLISHED]
    missing = [side for side in sides if side not in mortality["protocols"]]
    if missing:
        yield f"'mortality.protocols' lacks {_listed(missing)}, which leak.csv compares"
    made = mortality_protocols.priced({"mortality": mortality}).values()
    taken = sorted(set(made) & set(mortality["protocols"]))
    if taken:
        yield (
            f"'mortality.protocols' names {_listed(taken)}, "
            "as a protocol of 'mortality.priced_keys' is called"
        )


def _unknown(key: str, names: Iterable[object], known: Iterable[object]) -> Iterator[str]:
    known = list(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        yield f"'{key}' names {_listed(unknown)}, which is none of {_listed(known)}"


def _listed(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))
