"""Sizes and shapes of the encoder."""

import pytest
import torch

from mimicflow.ecg.resnet import STAGES, PretrainingModel, ResNet1d
from mimicflow.errors import ConfigError


def n_parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_published_parameter_counts() -> None:
    encoder = ResNet1d(width=64)
    counts = {stage: n_parameters(encoder.get_submodule(stage)) for stage in STAGES}
    assert counts == {
        "stem": 5_504,
        "layer1": 49_664,
        "layer2": 181_504,
        "layer3": 723_456,
        "layer4": 2_888_704,
    }
    assert n_parameters(encoder) == 3_848_832
    statistics = [b for name, b in encoder.named_buffers() if "running" in name]
    assert sum(buffer.numel() for buffer in statistics) == 9_600
    assert sum(n_parameters(shortcut) for shortcut in encoder.shortcuts()) == 173_824


@pytest.mark.parametrize(("n_labels", "total"), [(75, 3_890_898), (82, 3_894_489)])
def test_published_size_with_heads(n_labels: int, total: int) -> None:
    model = PretrainingModel(ResNet1d(width=64), n_labels, 7)
    assert n_parameters(model) == total


def test_shapes_of_the_stages() -> None:
    encoder = ResNet1d(width=64).eval()
    shapes = []
    with torch.no_grad():
        ecgs = torch.zeros(1, 12, 5000)
        for stage in (*STAGES[1:], "embedding"):
            shapes.append(tuple(encoder.before(stage, ecgs).shape))
    assert shapes == [
        (1, 64, 1, 1250),
        (1, 64, 1, 1250),
        (1, 128, 1, 625),
        (1, 256, 1, 313),
        (1, 512),
    ]


@pytest.mark.parametrize("stage", [*STAGES, "embedding"])
def test_before_and_onward_are_the_whole(stage: str) -> None:
    torch.manual_seed(0)
    encoder = ResNet1d(width=8, depth=(1, 2, 1, 1)).eval()
    ecgs = torch.randn(3, 12, 200)
    with torch.no_grad():
        parts = encoder.onward(stage, encoder.before(stage, ecgs))
        torch.testing.assert_close(parts, encoder(ecgs), rtol=0, atol=1e-6)
    assert parts.shape == (3, encoder.embedding)


def test_it_is_the_textbook_network() -> None:
    """The height-1 images give what one-dimensional convolutions give."""
    torch.manual_seed(0)
    encoder = ResNet1d(width=8).eval()
    convolution = encoder.stem[0]
    ecgs = torch.randn(2, 12, 101)
    plain = torch.nn.functional.conv1d(ecgs, convolution.weight.squeeze(2), stride=2, padding=3)
    expected = torch.nn.functional.max_pool1d(torch.relu(plain / (1 + 1e-5) ** 0.5), 3, 2, 1)
    with torch.no_grad():
        stem = encoder.before("layer1", ecgs).squeeze(2)
    torch.testing.assert_close(stem, expected, rtol=1e-5, atol=1e-5)


def test_any_length() -> None:
    encoder = ResNet1d(width=8)
    assert encoder(torch.randn(2, 12, 77)).shape == (2, 64)


def test_fewer_channels_than_onednn_can_take_are_refused() -> None:
    with pytest.raises(ConfigError, match="an encoder of 4 channels"):
        ResNet1d(width=4)
