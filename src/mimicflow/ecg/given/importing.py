"""Take an encoder of one's own into the workflow, if it keeps its contract."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mimicflow.ecg.encoder_file import save_without_pretraining
from mimicflow.ecg.given.contract import (
    DESCRIBE,
    GOLDEN,
    HOW_TO,
    Contract,
    as_contract,
    disagreements,
    read_keys,
)
from mimicflow.ecg.given.golden import FIRST, difference, embeddings
from mimicflow.ecg.given.network import Encoder, build_encoder, described
from mimicflow.ecg.given.weights import load_strictly, read_weights, require_file
from mimicflow.ecg.preparation import signal_of
from mimicflow.errors import CheckpointError, ConfigError
from mimicflow.learning.devices import repeatable
from mimicflow.learning.fitted_on import FITTED_ON

log = logging.getLogger(__name__)


def import_encoder(
    weights: str | Path,
    contract: str | Path,
    *,
    ecg: Mapping[str, Any],
    encoder: Mapping[str, Any],
    seed: int,
    output: str | Path,
    history: str | Path,
) -> None:
    """Write weights of one's own as pretraining would, after all that can be checked.

    The contract must agree with the configuration, the file with the contract, the names of its
    weights with the network, and what comes out for two golden ECGs with the numbers of the
    contract.

    Parameters
    ----------
    weights, contract : path-like
        ``.safetensors`` or ``.pth``, and the YAML beside it.
    ecg, encoder : mapping
        Configuration subtrees: how the waveforms are made, and ``architecture``, ``width`` and
        ``depth`` of the network.
    seed : int
        Of the heads, which predict nothing.
    output : path-like
        The model file (.pth).
    history : path-like
        CSV with the columns of a pretraining and no epoch.

    Raises
    ------
    ConfigError
        A contract that cannot be read, or asks for something else than the configuration.
    CheckpointError
        Weights that are not those of the contract, or do not fit the network or the golden ECGs.
    """
    asked = as_contract(read_keys(contract), contract)
    with repeatable(seed, 1):
        network = checked_encoder(weights, asked, contract, ecg, encoder)
        log.warning(
            "weights of %s (%s): whether tested patients taught them is not known here",
            Path(weights).name,
            asked.source,
        )
        of_file = {name: getattr(asked, name) for name in ("sha256", "source", "licence")}
        resolved = {
            "encoder": described(encoder["architecture"], encoder["width"], encoder["depth"]),
            "pretraining": {"file": Path(weights).name, **of_file},
            "seed": seed,
            "signal": signal_of(**ecg),
            FITTED_ON: {},
        }
        save_without_pretraining(network, resolved, output, history)


def checked_encoder(
    weights: str | Path,
    contract: Contract,
    file: str | Path,
    ecg: Mapping[str, Any],
    encoder: Mapping[str, Any],
) -> Encoder:
    """Return the encoder with its weights, after all checks.

    Parameters
    ----------
    weights : path-like
        The weights.
    contract, file : Contract, path-like
        Their contract, and where it is from.
    ecg, encoder : mapping
        As in :func:`import_encoder`.

    Raises
    ------
    ConfigError, CheckpointError
        As :func:`import_encoder` does.
    """
    problems = list(disagreements(contract, ecg, encoder))
    if problems:
        raise ConfigError("; ".join(problems), file=file, remedy=f"see {HOW_TO}")
    found = sha256_of(weights)
    if found != contract.sha256:
        raise CheckpointError(
            f"is not the file that its contract describes (SHA-256 {found})",
            file=weights,
            remedy=f"get the weights again; if these are meant, take sha256 and the golden numbers "
            f"out of {Path(file).name} and run mimicflow encoder describe",
        )
    tensors, known = read_weights(weights)
    other = {key: value for key, value in known.items() if _plain(getattr(contract, key)) != value}
    if other:
        raise CheckpointError(
            f"says of itself {other}, and its contract something else",
            file=weights,
            remedy=f"correct {Path(file).name}",
        )
    network = build_encoder(encoder["architecture"], encoder["width"], encoder["depth"])
    load_strictly(network, tensors, weights)
    _check_golden(embeddings(network, signal_of(**ecg), ecg["dtype"]), contract, file)
    return network


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _check_golden(found: Mapping[str, np.ndarray], contract: Contract, file: str | Path) -> None:
    """Stop unless the golden ECGs give what the contract says.

    Raises
    ------
    ConfigError
        The contract lacks some of their numbers.
    CheckpointError
        Names each ECG with the difference.
    """
    lacking = list(_lacking(found, contract))
    if lacking:
        raise ConfigError(
            f"lacks {', '.join(lacking)}",
            file=file,
            remedy=f"write them, or take {' and '.join(GOLDEN)} out and {DESCRIBE}",
        )
    apart = {
        name: difference(
            embedding,
            contract.golden_norm[name],
            np.array(contract.golden_first[name]),
        )
        for name, embedding in found.items()
    }
    log.info("golden ECGs differ by %s", {name: f"{value:.2g}" for name, value in apart.items()})
    wrong = [
        f"{name} by {value:.2g} of its size"
        for name, value in apart.items()
        if not value <= contract.tolerance  # NaN is wrong, too
    ]
    if wrong:
        raise CheckpointError(
            f"the golden ECGs give other embeddings than the contract says ({', '.join(wrong)}; "
            f"allowed {contract.tolerance:g})",
            file=file,
            remedy="the weights are fed otherwise than where these numbers come from: compare "
            f"filter, rate, unit, length and order of the leads; {HOW_TO}",
        )


def _lacking(found: Mapping[str, np.ndarray], contract: Contract) -> Iterator[str]:
    """Yield the golden numbers that a contract should have, and has not."""
    for name, embedding in found.items():
        n_first = min(FIRST, len(embedding))
        if name not in contract.golden_norm:
            yield f"golden_norm of {name}"
        if len(contract.golden_first.get(name, ())) != n_first:
            yield f"the first {n_first} numbers of {name} in golden_first"


def sha256_of(file: str | Path) -> str:
    """Return the SHA-256 of a file.

    Raises
    ------
    CheckpointError
        There is none.
    """
    require_file(file)
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
