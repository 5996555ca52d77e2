"""Weights of a small network of ours with their contract, as somebody would bring them."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
import yaml

from mimicflow.ecg.encoder_file import load_encoder
from mimicflow.ecg.given.contract import contract_of
from mimicflow.ecg.given.describing import describe_encoder
from mimicflow.ecg.given.importing import import_encoder
from mimicflow.ecg.given.network import build_encoder
from mimicflow.ecg.records import LEADS
from mimicflow.ecg.resnet import ResNet1d

ECG: dict[str, Any] = {
    "sampling_rate": 100,
    "seconds": 10,
    "cleaning": "notch",
    "powerline": 50,
    "dtype": "float16",
}
ENCODER: dict[str, Any] = {"architecture": "resnet1d", "width": 8, "depth": [1, 1, 1, 1]}
WRITTEN = {
    **{key: ECG[key] for key in ("sampling_rate", "seconds", "cleaning", "powerline")},
    "leads": list(LEADS),
    "unit": "mV",
    "normalisation": "none",
    "source": "a test, of no patient",
    "licence": "MIT",
    "width": 8,
    "depth": [1, 1, 1, 1],
}


@dataclass
class Given:
    """A network, its weights as a file, and the contract beside them."""

    network: torch.nn.Module
    weights: Path
    encoder: dict[str, Any]

    @property
    def contract(self) -> Path:
        return contract_of(self.weights)

    def keys(self) -> dict[str, Any]:
        return yaml.safe_load(self.contract.read_text())

    def say(self, **changed: Any) -> None:
        """Write the contract with some lines changed; None: left out."""
        kept = {name: of for name, of in {**self.keys(), **changed}.items() if of is not None}
        self.contract.write_text(yaml.safe_dump(kept))

    def save(self, weights: dict[str, Any]) -> None:
        """Write other weights; the contract has their hash and the old numbers."""
        write_weights(weights, self.weights)
        self.rehash()

    def rehash(self) -> None:
        self.say(sha256=hashlib.sha256(self.weights.read_bytes()).hexdigest())

    def bring(self, ecg: dict[str, Any] | None = None, **encoder: Any) -> torch.nn.Module:
        """Import it, and return what the workflow then loads."""
        output = self.weights.parent / "made/pretrained_model.pth"
        import_encoder(
            self.weights,
            self.contract,
            ecg=ECG | (ecg or {}),
            encoder=self.encoder | encoder,
            seed=0,
            output=output,
            history=output.with_name("loss_history.csv"),
        )
        return load_encoder(output, **{**self.encoder, **encoder})[0]


def write_weights(weights: dict[str, Any], file: Path) -> None:
    if file.suffix == ".pth":
        torch.save(weights, file)
    else:
        safetensors.torch.save_file({name: of.contiguous() for name, of in weights.items()}, file)


def trained(network: torch.nn.Module) -> torch.nn.Module:
    """Return a network whose batch statistics are not those of a new one."""
    generator = torch.Generator().manual_seed(3)
    network.train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(4, 12, 200, generator=generator))
    return network.eval()


@pytest.fixture(scope="session")
def network() -> torch.nn.Module:
    torch.manual_seed(2)
    return trained(ResNet1d(8, (1, 1, 1, 1)))


@pytest.fixture(params=[".safetensors", ".pth"])
def either(request: pytest.FixtureRequest, network: Any, tmp_path: Path) -> Given:
    """In both formats."""
    return described(network, tmp_path / f"own{request.param}")


@pytest.fixture
def given(network: torch.nn.Module, tmp_path: Path) -> Given:
    return described(network, tmp_path / "own.safetensors")


@pytest.fixture
def bring_network(tmp_path: Path) -> Callable[[str], tuple[Any, Any, Path]]:
    """Give a function that imports a network of one's own with random weights."""

    def bring(architecture: str) -> tuple[Any, Any, Path]:
        torch.manual_seed(5)
        encoder = build_encoder(architecture, 0, ()).eval()
        file = tmp_path / "network.safetensors"
        write_weights(encoder.whole.state_dict(), file)
        ours = ("width", "depth")
        text = yaml.safe_dump({key: of for key, of in WRITTEN.items() if key not in ours})
        contract_of(file).write_text(text)
        describe_encoder(file, architecture=architecture)
        asked = {"architecture": architecture, "width": 16, "depth": [2, 2, 2, 2]}
        found = Given(encoder, file, asked).bring()
        return encoder, found, tmp_path / "made/pretrained_model.pth"

    return bring


def described(network: torch.nn.Module, file: Path) -> Given:
    write_weights(network.state_dict(), file)
    contract_of(file).write_text(yaml.safe_dump(WRITTEN))
    describe_encoder(file)
    return Given(network, file, ENCODER)
