"""Check that the configuration of the admission system does not contradict itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mimicflow.admission import protocols
from mimicflow.ecg.given.code import code_of
from mimicflow.ecg.given.contract import (
    NONE,
    RESNET,
    as_contract,
    contract_of,
    fault_of_file,
    read_keys,
)
from mimicflow.ecg.given.contract import disagreements as of_contract
from mimicflow.errors import ConfigError
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
    if config["tuning"]["admission"] and split["stopping"] == "test":
        yield (
            "'tuning.admission' names models, but 'split.stopping' is test, which has validation "
            "patients train: nobody is left to choose settings by"
        )
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
    yield from _of_encoder(config)
    folders = protocols.PUBLISHED_MODELS.values()
    models = [model for of_folder in folders for model in of_folder.values()]
    missing = [model for model in models if model not in config["models"]]
    if missing:
        yield f"'models' lacks {listed(missing)}, whose result files are always written"


def _of_encoder(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with an encoder of one's own, as far as it can be seen without it."""
    encoder, file = config["encoder"], config["encoder"]["file"]
    if encoder["architecture"] != RESNET:
        yield from _of_network(config)
    if file == NONE:
        return
    if fault := fault_of_file(file):
        yield f"'encoder.file' is {file}, which {fault}"
        return
    contract = contract_of(file)
    try:
        read = as_contract(read_keys(contract), contract)
        for disagreement in of_contract(read, config["ecg"], encoder):
            yield f"{contract}: {disagreement}"
    except ConfigError as error:
        yield f"'encoder.file' is {file}, but {contract}: {error.message} ({error.remedy})"


def _of_network(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a network of one's own cannot do."""
    architecture = config["encoder"]["architecture"]
    try:
        code_of(architecture)
    except ConfigError as error:
        yield f"'encoder.architecture' is {architecture}, but {error.file} {error.message}"
    if config["encoder"]["file"] == NONE:
        yield f"'encoder.architecture' is {architecture}, but 'encoder.file' names no weights of it"
    parted = [
        name
        for name, model in config["models"].items()
        if "ecg" in model["branches"] and model["unfreeze"] not in ("all", "none")
    ]
    if parted:
        yield (
            f"'unfreeze' of {listed(parted)} names a part of the encoder, but {architecture} "
            "('encoder.architecture') is trained as a whole: choose all or none"
        )
