"""Check that the configuration of the admission system does not contradict itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mimicflow.admission import protocols
from mimicflow.running.agreement import listed, unknown, without_training_patients


def disagreements(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each, with the keys; see `mimicflow.running.agreement`."""
    split, cohort = config["split"], config["cohort"]
    if split["fold"] != "none" and split["fold"] >= split["folds"]:
        yield (
            f"'split.fold' is {split['fold']}, but 'split.folds' is {split['folds']}: "
            f"choose none or 0 to {split['folds'] - 1}"
        )
    yield from without_training_patients("split", split)
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
    rows = config["evaluation"]["priced_rows"]
    if rows != "all":
        yield from unknown("evaluation.priced_rows", rows, protocols.switched_rows())
    folders = protocols.PUBLISHED_MODELS.values()
    models = [model for of_folder in folders for model in of_folder.values()]
    missing = [model for model in models if model not in config["models"]]
    if missing:
        yield f"'models' lacks {listed(missing)}, whose result files are always written"
