"""Read the weights of an encoder of one's own: tensors by name, and nothing that could run code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeGuard

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from mimicflow.ecg.encoder_file import KIND
from mimicflow.ecg.given.contract import HOW_TO, NONE, RESNET, UNIT, Contract, fault_of_file
from mimicflow.ecg.given.network import Encoder, OneStage
from mimicflow.errors import CheckpointError
from mimicflow.learning.checkpoints import check_kind, read_plain

_PREFIX = "encoder."  # of the encoder, in a file of our own pretraining
_MOST_NAMED = 10


def read_weights(file: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a file of weights, on the CPU.

    Parameters
    ----------
    file : path-like
        ``.safetensors``; or ``.pth``: a state dictionary, tensors by name, or what our own
        pretraining has written.

    Returns
    -------
    weights : dict
        Tensors by name.
    known : dict
        What the file itself says of them, by keys of a contract: a file of our own pretraining
        says nearly all, any other nothing.

    Raises
    ------
    CheckpointError
        It is missing, damaged, or holds anything else.
    """
    require_file(file)
    if Path(file).suffix == ".safetensors":
        try:
            return safetensors.torch.load_file(file), {}
        except (OSError, safetensors.SafetensorError) as error:
            raise CheckpointError(
                f"is no file of safetensors ({error})", file=file, remedy="get or save it again"
            ) from error
    content = read_plain(file, f"save the state dictionary alone, best as safetensors; {HOW_TO}")
    if isinstance(content, Mapping) and content.get("kind") == KIND:
        return _of_our_own(check_kind(KIND, content, file), file)
    if not _is_named_tensors(content):
        inner = list(content) if isinstance(content, Mapping) else []
        raise CheckpointError(
            f"holds {', '.join(map(str, inner[:_MOST_NAMED])) or type(content).__name__}, "
            "not tensors by their names",
            file=file,
            remedy=f"save the state dictionary alone, best as safetensors; {HOW_TO}",
        )
    return dict(content), {}


def require_file(file: str | Path) -> None:
    """Stop unless there are weights.

    Raises
    ------
    CheckpointError
        Nothing is there, or a folder.
    """
    if fault := fault_of_file(file):
        raise CheckpointError(fault, file=file, remedy="correct encoder.file")


def _is_named_tensors(content: Any) -> TypeGuard[Mapping[str, Tensor]]:
    return isinstance(content, Mapping) and all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in content.items()
    )


def _of_our_own(
    content: Mapping[str, Any], file: str | Path
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the encoder of a file of our own pretraining, and what the file says of it."""
    model = content.get("model")
    encoder, signal = content.get("encoder"), content.get("signal")
    known: dict[str, Any] = {}
    if isinstance(encoder, Mapping) and isinstance(signal, Mapping):
        stored = {"unit": UNIT, "normalisation": NONE}
        known = {"architecture": RESNET, **encoder, **signal, **stored}
    fitting = set(known) <= {one.name for one in fields(Contract)}
    if not (fitting and _is_named_tensors(model) and isinstance(known.get("leads"), str)):
        raise CheckpointError(
            "calls itself an encoder of mimicflow, but does not hold what one has",
            file=file,
            remedy="get it again from the run that has made it",
        )
    known["leads"] = known["leads"].split(",")
    return {n.removeprefix(_PREFIX): t for n, t in model.items() if n.startswith(_PREFIX)}, known


def load_strictly(encoder: Encoder, weights: Mapping[str, Tensor], file: str | Path) -> None:
    """Put weights into a network: every one of it, and no other.

    Raises
    ------
    CheckpointError
        All names that are missing or surplus, and all weights of another shape, kind of number or
        without a finite value, in one sentence.
    """
    network = encoder.whole if isinstance(encoder, OneStage) else encoder
    wanted = network.state_dict()
    odd = {
        "missing": [name for name in wanted if name not in weights],
        "surplus": [name for name in weights if name not in wanted],
        "of another shape or kind of number": [
            f"{name} {_kind(weights[name])}, not {_kind(tensor)}"
            for name, tensor in wanted.items()
            if name in weights and _kind(weights[name]) != _kind(tensor)
        ],
        "not finite": [
            name
            for name, tensor in wanted.items()
            if name in weights
            and _kind(weights[name]) == _kind(tensor)
            and not torch.isfinite(weights[name]).all()
        ],
    }
    found = [f"{words}: {_listed(names)}" for words, names in odd.items() if names]
    if found:
        raise CheckpointError(
            f"does not fit the network ({'; '.join(found)})",
            file=file,
            remedy="rename or cast its tensors, save it anew, or correct encoder.architecture, "
            f"width and depth; {HOW_TO}",
        )
    network.load_state_dict(weights, strict=True)


def _kind(tensor: Tensor) -> str:
    words = [tensor.dtype, *([] if tensor.layout == torch.strided else [tensor.layout])]
    return f"{' '.join(str(word).removeprefix('torch.') for word in words)} {list(tensor.shape)}"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
