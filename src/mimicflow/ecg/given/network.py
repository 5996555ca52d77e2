"""Which network an encoder is: ours, or a class that the configuration names.

Only the configuration names a class; what a file of weights or a contract says is compared with it,
and never imported: no file that is read runs code.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from mimicflow.ecg.given.contract import RESNET, name_of
from mimicflow.ecg.resnet import ResNet1d
from mimicflow.errors import ConfigError

WHOLE = "whole"
"""The only stage of a network that is not ours."""
_REMEDY = "correct the file, or encoder.architecture; docs/how-to/own-encoder.md"


class OneStage(nn.Module):
    """A network of anybody as an encoder: trained as a whole, or not at all.

    Parameters
    ----------
    network : torch.nn.Module
        Takes waveforms (B, 12, samples) in mV and returns embeddings (B, E); its attribute
        ``embedding`` is E.
    """

    stages = (WHOLE,)

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.whole = network
        self.embedding = int(network.embedding)  # type: ignore[arg-type]

    def shortcuts(self) -> list[nn.Sequential]:
        """Return nothing: nobody knows of any."""
        return []

    def before(self, stage: str, x_BCL: Tensor) -> Tensor:
        """Return the waveforms, or with ``stage="embedding"`` the embeddings (B, E)."""
        return x_BCL if stage == WHOLE else self(x_BCL)

    def onward(self, stage: str, h_BCL: Tensor) -> Tensor:
        """Run ``stage`` on what :meth:`before` returned; embeddings (B, E)."""
        return h_BCL if stage == "embedding" else self(h_BCL)

    def forward(self, x_BCL: Tensor) -> Tensor:
        """Encode waveforms (B, 12, samples) in mV to embeddings (B, E)."""
        embedding: Tensor = self.whole(x_BCL)
        return embedding


Encoder = ResNet1d | OneStage


def build_encoder(architecture: str, width: int, depth: Sequence[int]) -> Encoder:
    """Return the network that the configuration names, with random weights.

    Parameters
    ----------
    architecture : str
        ``resnet1d``, or ``FILE.py:CLASS`` of one's own.
    width, depth : int, sequence of int
        Size of ours; a class of one's own knows its size.

    Raises
    ------
    ConfigError
        A file or a class that cannot be used.
    """
    if architecture == RESNET:
        return ResNet1d(width, depth)
    file, _, name = architecture.rpartition(":")
    kind = getattr(_imported(Path(file)), name, None)
    if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
        raise ConfigError(f"has no torch.nn.Module of the name {name}", file=file, remedy=_REMEDY)
    try:
        network = kind()
    except Exception as error:  # it is not our code
        raise ConfigError(
            f"{name}() cannot be made ({error})", file=file, remedy="let it need no arguments"
        ) from error
    if not isinstance(getattr(network, "embedding", None), int):
        raise ConfigError(
            f"{name} does not say how many numbers it returns of an ECG",
            file=file,
            remedy="give it an attribute embedding, a whole number",
        )
    return OneStage(network)


def described(architecture: str, width: int, depth: Sequence[int]) -> dict[str, Any]:
    """Return what a file of weights says of its network."""
    if architecture == RESNET:
        return {"width": width, "depth": list(depth)}
    return {"architecture": name_of(architecture)}


def _imported(file: Path) -> ModuleType:
    """Import a file of the user, which may import those beside it."""
    name = f"mimicflow_given_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None or not file.is_file():
        raise ConfigError("no such Python file", file=file, remedy=_REMEDY)
    module = importlib.util.module_from_spec(spec)
    folder = str(file.parent.absolute())
    if folder not in sys.path:
        sys.path.append(folder)  # behind all others: it hides nothing
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # it is not our code
        raise ConfigError(f"cannot be imported ({error})", file=file, remedy=_REMEDY) from error
    return module
