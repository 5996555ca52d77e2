"""Two ECGs that show whatever is done to them."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mimicflow.ecg.given.describing import TOLERANCE
from mimicflow.ecg.given.golden import difference, embeddings, golden_ecgs
from mimicflow.ecg.records import LEADS

SIGNAL: dict[str, Any] = {
    "sampling_rate": 500,
    "seconds": 10,
    "cleaning": "notch",
    "powerline": 60,
    "leads": ",".join(LEADS),
}
SWAPPED = [0, 1, 2, 3, 5, 4, *range(6, 12)]


class Fed(nn.Module):
    """An encoder that is fed otherwise."""

    def __init__(self, network: nn.Module, change: Any) -> None:
        super().__init__()
        self.network, self.change = network, change

    def forward(self, ecgs: torch.Tensor) -> torch.Tensor:
        return self.network(self.change(ecgs))


def apart(found: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> float:
    """The difference of the ECG that differs more."""
    return max(
        difference(found[name], float(np.linalg.norm(of)), of[:8]) for name, of in other.items()
    )


def test_they_are_the_same_everywhere() -> None:
    """A formula that changes makes all contracts void, hence these sums of |mV| in I and V1."""
    ecgs = golden_ecgs()
    for ecg in ecgs.values():
        assert ecg.shape == (12, 5000) and 1 < np.abs(ecg).max() < 3
        assert len({lead.tobytes() for lead in ecg}) == 12
    sums = {name: np.abs(ecg).sum(axis=1)[[0, 6]].tolist() for name, ecg in ecgs.items()}
    assert sums == {
        "narrow": pytest.approx([655.62, 569.90], abs=0.01),
        "wide": pytest.approx([1295.29, 1475.29], abs=0.01),
    }


def test_the_same_waveforms_give_the_same_numbers(network: nn.Module) -> None:
    once = embeddings(network, SIGNAL, "float32")
    again = embeddings(network.train(), SIGNAL, "float32")
    assert all(np.array_equal(once[name], again[name]) for name in once)
    assert not network.training
    assert apart(embeddings(network, SIGNAL, "float16"), once) < TOLERANCE / 5


@pytest.mark.parametrize(
    "change",
    [
        {"powerline": 50},
        {"cleaning": "neurokit"},
        {"cleaning": "none"},
        {"sampling_rate": 250},
        {"sampling_rate": 499},
        {"seconds": 9},
    ],
)
def test_waveforms_made_otherwise_are_noticed(network: nn.Module, change: Any) -> None:
    usual = embeddings(network, SIGNAL, "float32")
    assert apart(embeddings(network, SIGNAL | change, "float32"), usual) > 2 * TOLERANCE


@pytest.mark.parametrize(
    "change",
    [
        lambda ecgs: ecgs[:, SWAPPED],
        lambda ecgs: ecgs * 1000,
        lambda ecgs: -ecgs,
        lambda ecgs: (ecgs - ecgs.mean(-1, keepdim=True)) / ecgs.std(-1, keepdim=True),
        lambda ecgs: (ecgs - ecgs.mean()) / ecgs.std(),
    ],
    ids=["leads", "unit", "sign", "z-score by lead", "z-score"],
)
def test_waveforms_changed_on_the_way_are_noticed(network: nn.Module, change: Any) -> None:
    usual = embeddings(network, SIGNAL, "float32")
    assert apart(embeddings(Fed(network, change), SIGNAL, "float32"), usual) > 2 * TOLERANCE


@pytest.mark.parametrize("place", [0, 7])
def test_a_difference_is_a_share_of_the_size(place: int) -> None:
    embedding = np.full(16, 2.0)
    first = embedding[:8].copy()
    assert difference(embedding, 8.0, first) == 0
    first[place] += 0.02
    assert difference(embedding, 8.0, first) == pytest.approx(0.01)
    assert difference(embedding, 8.08, embedding[:8]) == pytest.approx(0.01, rel=0.02)
    assert difference(embedding, 8.0, embedding[:7]) == np.inf
    assert difference(embedding[:3], np.sqrt(12), embedding[:3]) == pytest.approx(0)
    assert np.isnan(difference(embedding * np.nan, 8.0, first))
    assert not difference(embedding, np.nan, first) <= 1
