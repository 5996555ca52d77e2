"""ResNet-18 in one dimension: the encoder of 12-lead ECGs, and its two pretraining heads.

Architecture only. How it is pretrained is in ``ecg.pretraining``, how it is fine-tuned in
``admission.model``.

Shapes, by the suffix of a name:
    B  ECGs of a batch      C  leads or channels    L  samples
    E  embedding (8 width)  K  report labels        M  measurements

Source: He et al. 2016 (doi 10.1109/CVPR.2016.90), kernels of 3 samples and a stem for 12 leads.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from mimicflow.errors import ConfigError

LEAST_WIDTH = 8
"""With fewer channels, oneDNN of PyTorch 2.13 writes beyond its memory on CPUs without AVX-512:
long ECGs end the process by a segmentation fault in the backward pass, shorter ones say nothing."""

STAGES = ("stem", "layer1", "layer2", "layer3", "layer4")
"""Parts of the encoder from the waveform to the embedding."""


def _convolution(channels_in: int, channels_out: int, kernel: int, stride: int) -> nn.Conv2d:
    # One-dimensional convolutions written as images of height 1: with channels last these run
    # 1.5 times faster on a CPU than nn.Conv1d, and the weights are the same numbers.
    convolution = nn.Conv2d(
        channels_in, channels_out, (1, kernel), (1, stride), (0, kernel // 2), bias=False
    )
    weight = convolution.weight.data.contiguous(memory_format=torch.channels_last)
    convolution.weight = nn.Parameter(weight)
    return convolution


class ResidualBlock(nn.Module):
    """Two convolutions of 3 samples with batch normalisation, added to their input.

    Parameters
    ----------
    channels_in, channels_out : int
        Channels before and after.
    stride : int
        Of the first convolution. The shortcut is a projection when stride or channels change.
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _convolution(channels_in, channels_out, 3, stride)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.conv2 = _convolution(channels_out, channels_out, 3, 1)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels_in != channels_out:
            self.shortcut = nn.Sequential(
                _convolution(channels_in, channels_out, 1, stride), nn.BatchNorm2d(channels_out)
            )

    def forward(self, x_BCL: Tensor) -> Tensor:
        """Return activations of shape (B, channels_out, 1, ceil(L / stride))."""
        y_BCL = functional.relu(self.bn1(self.conv1(x_BCL)), inplace=True)
        y_BCL = self.bn2(self.conv2(y_BCL))
        y_BCL += self.shortcut(x_BCL)
        return functional.relu(y_BCL, inplace=True)


class ResNet1d(nn.Module):
    """Encoder of a 12-lead ECG: stem, four stages of residual blocks, average over time.

    Parameters
    ----------
    width : int
        Channels of the stem; each later stage doubles them. Published: 64.
    depth : sequence of int
        Residual blocks of the four stages.
    leads : int
        Input channels.

    Attributes
    ----------
    embedding : int
        Length E of the output, 8 * width.

    Raises
    ------
    ConfigError
        Fewer channels than ``LEAST_WIDTH``.
    """

    stages = STAGES

    def __init__(
        self, width: int = 64, depth: Sequence[int] = (2, 2, 2, 2), leads: int = 12
    ) -> None:
        super().__init__()
        if width < LEAST_WIDTH:
            raise ConfigError(
                f"an encoder of {width} channels may end without a word on some CPUs",
                remedy=f"set encoder.width to {LEAST_WIDTH} or more",
            )
        self.stem = nn.Sequential(
            _convolution(leads, width, 7, 2),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.MaxPool2d((1, 3), (1, 2), (0, 1)),
        )
        channels = width
        for stage, (name, blocks) in enumerate(zip(STAGES[1:], depth, strict=True)):
            layers = []
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                layers.append(ResidualBlock(channels, width * 2**stage, stride))
                channels = width * 2**stage
            self.add_module(name, nn.Sequential(*layers))
        self.embedding = channels

    def shortcuts(self) -> list[nn.Sequential]:
        """Return the shortcut projections (of the first blocks of layers 2 to 4)."""
        blocks = [module for module in self.modules() if isinstance(module, ResidualBlock)]
        return [block.shortcut for block in blocks if len(block.shortcut)]

    def before(self, stage: str, x_BCL: Tensor) -> Tensor:
        """Run the stages before ``stage``.

        Parameters
        ----------
        stage : str
            One of ``STAGES``, or ``"embedding"`` for the whole encoder.
        x_BCL : Tensor
            Waveforms in mV, (B, leads, L).

        Returns
        -------
        Tensor
            What enters ``stage``, (B, channels, 1, samples), or the embeddings, (B, E).
        """
        x_BCL = x_BCL.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        for name in STAGES:
            if name == stage:
                return x_BCL
            x_BCL = self.get_submodule(name)(x_BCL)
        return x_BCL.mean((2, 3))

    def onward(self, stage: str, h_BCL: Tensor) -> Tensor:
        """Run ``stage`` and all after it on what :meth:`before` returned; embeddings (B, E)."""
        if stage == "embedding":
            return h_BCL
        for name in STAGES[STAGES.index(stage) :]:
            h_BCL = self.get_submodule(name)(h_BCL)
        return h_BCL.mean((2, 3))

    def forward(self, x_BCL: Tensor) -> Tensor:
        """Encode waveforms (B, leads, L) in mV to embeddings (B, E)."""
        return self.before("embedding", x_BCL)


class PretrainingModel(nn.Module):
    """The encoder with one head for report labels and one for measurements.

    Parameters
    ----------
    encoder : torch.nn.Module
        The encoder that is kept afterwards; its attribute ``embedding`` is E.
    n_labels, n_measurements : int
        Outputs K and M of the two heads.
    """

    def __init__(self, encoder: nn.Module, n_labels: int, n_measurements: int) -> None:
        super().__init__()
        embedding: int = encoder.embedding  # type: ignore[assignment]
        self.encoder = encoder
        self.labels = nn.Linear(embedding, n_labels)
        self.measurements = nn.Linear(embedding, n_measurements)

    def forward(self, x_BCL: Tensor) -> tuple[Tensor, Tensor]:
        """Return label logits (B, K) and z-scored measurements (B, M)."""
        h_BE = self.encoder(x_BCL)
        return self.labels(h_BE), self.measurements(h_BE)
