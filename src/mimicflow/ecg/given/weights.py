"""Read the weights of an encoder of one's own: tensors by name, and nothing that could run code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from mimicflow.ecg.encoder_file import KIND
from mimicflow.ecg.given.contract import HOW_TO, NONE, RESNET, UNIT
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
    if not Path(file).is_file():
        raise CheckpointError("no such file", file=file, remedy="correct encoder.file")
    if Path(file).suffix == ".safetensors":
        try:
            return safetensors.torch.load_file(file), {}
        except (OSError, safetensors.SafetensorError) as error:
            raise CheckpointError(
                f"is no file of safetensors ({error})", file=file, remedy="get or save it again"
            ) from error
    content = read_plain(file, f"save the state dictionary alone, best as safetensors; {HOW_TO}")
    if isinstance(content, Mapping) and content.get("kind") == KIND:
        content = check_kind(KIND, content, file)
        model = content.pop("model")
        inside = {n.removeprefix(_PREFIX): t for n, t in model.items() if n.startswith(_PREFIX)}
        return inside, _known(content)
    if not isinstance(content, Mapping) or not all(isinstance(t, Tensor) for t in content.values()):
        inner = [name for name in content if isinstance(content, Mapping)]
        raise CheckpointError(
            f"holds {', '.join(map(str, inner[:_MOST_NAMED])) or type(content).__name__}, "
            "not tensors by their names",
            file=file,
            remedy=f"save the state dictionary alone, best as safetensors; {HOW_TO}",
        )
    return dict(content), {}


def _known(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a file of our own pretraining says of its encoder."""
    signal = dict(content["signal"])
    stored = {"leads": signal.pop("leads").split(","), "unit": UNIT, "normalisation": NONE}
    return {"architecture": RESNET, **content["encoder"], **signal, **stored}


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
            name for name, tensor in weights.items() if not torch.isfinite(tensor).all()
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
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
