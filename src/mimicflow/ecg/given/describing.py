"""Write the contract of weights: what is known of them, their hash, and the golden numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from mimicflow.ecg.given.contract import (
    GOLDEN,
    HOW_TO,
    OF_RESNET,
    OF_STORE,
    RESNET,
    Contract,
    as_contract,
    contract_of,
    name_of,
    read_keys,
)
from mimicflow.ecg.given.golden import FIRST, SAMPLING_RATE, embeddings, golden_ecgs
from mimicflow.ecg.given.importing import checked_encoder, sha256_of
from mimicflow.ecg.given.network import build_encoder
from mimicflow.ecg.given.weights import load_strictly, read_weights
from mimicflow.ecg.preparation import signal_of
from mimicflow.ecg.records import LEADS
from mimicflow.errors import ConfigError
from mimicflow.running.configuration import SCHEMA, check_values
from mimicflow.running.place import workflow_folder
from mimicflow.running.storage import check_own_table
from mimicflow.running.writing import atomic_output, write_csv

TOLERANCE = 0.001
"""Thirty times what float16 changes, a third of what 50 instead of 60 Hz does."""
_DIGITS = 6
_DTYPE = "float32"


def describe_encoder(
    weights: str | Path, *, architecture: str = RESNET, source: str = "", licence: str = ""
) -> dict[str, dict[str, Any]]:
    """Write the contract of weights beside them, or complete the one that is there.

    Weights that mimicflow has pretrained say all but source and licence of themselves; of others
    the contract has to say what they were trained on. What it says is kept, and checked: golden
    numbers from where the weights were trained, too. Where there are none, they are made here.

    Parameters
    ----------
    weights : path-like
        ``.safetensors`` or ``.pth``.
    architecture : str
        As ``encoder.architecture`` of the configuration.
    source, licence : str
        Where the weights are from; empty: as the contract has it.

    Returns
    -------
    dict
        The keys of the configuration with which the weights are used.

    Raises
    ------
    ConfigError
        The contract lacks what only a person knows, or asks for what cannot be made.
    CheckpointError
        The weights cannot be read, do not fit the network, or are not those of the contract.
    """
    file = contract_of(weights)
    tensors, known = read_weights(weights)
    keys = {"architecture": name_of(architecture), **known}
    if file.is_file():
        keys |= read_keys(file)
    keys |= {name: text for name, text in (("source", source), ("licence", licence)) if text}
    keys = {"sha256": sha256_of(weights), "tolerance": TOLERANCE, **keys}
    made_here = not any(keys.get(name) for name in GOLDEN)
    contract = as_contract(({name: {} for name in GOLDEN} if made_here else {}) | keys, file)
    ecg = {name: keys[name] for name in OF_STORE}
    encoder = {"architecture": architecture, "width": contract.width, "depth": keys.get("depth")}
    named = _configured(weights, ecg, encoder, file)
    if made_here:
        network = build_encoder(architecture, contract.width or 0, contract.depth or ())
        load_strictly(network, tensors, weights)
        keys |= _golden_numbers(embeddings(network, signal_of(**ecg), _DTYPE))
        contract = as_contract(keys, file)
    checked_encoder(weights, contract, file, ecg | {"dtype": _DTYPE}, encoder)
    with atomic_output(file) as temporary:
        ordered = {one.name: keys[one.name] for one in fields(Contract) if one.name in keys}
        text = yaml.safe_dump(ordered, sort_keys=False, default_flow_style=None, allow_unicode=True)
        temporary.write_text(text, encoding="utf-8")
    return named


def _configured(
    weights: str | Path, ecg: dict[str, Any], encoder: Mapping[str, Any], file: Path
) -> dict[str, dict[str, Any]]:
    """Return the keys of the configuration, with values that it takes."""
    named = {"file": str(weights), **encoder}
    keys: dict[str, dict[str, Any]] = {"encoder": named, "ecg": ecg}
    if encoder["architecture"] != RESNET:
        keys["encoder"] = {name: of for name, of in named.items() if name not in OF_RESNET}
        keys["model_defaults"] = {"unfreeze": "none"}
    try:
        check_values(keys, workflow_folder() / SCHEMA)
    except ConfigError as error:
        raise ConfigError(error.message, file=file, remedy=f"correct it; {HOW_TO}") from error
    return keys


def _golden_numbers(found: Mapping[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    return {
        "golden_norm": {name: _rounded(np.linalg.norm(of)) for name, of in found.items()},
        "golden_first": {name: [_rounded(x) for x in of[:FIRST]] for name, of in found.items()},
    }


def write_golden(folder: str | Path) -> list[Path]:
    """Write both golden ECGs as CSV, a row per sample at 500 Hz, a column per lead in mV."""
    files = []
    for name, ecg in golden_ecgs().items():
        frame = pd.DataFrame(ecg.T, columns=list(LEADS))
        frame.insert(0, "time_s", np.arange(len(frame)) / SAMPLING_RATE)
        files.append(Path(folder, f"golden_{name}.csv"))
        check_own_table(files[-1], list(frame.columns))
        write_csv(frame, files[-1])
    return files


def _rounded(value: Any) -> float:
    return float(f"{value:.{_DIGITS}g}")
