"""An encoder of one's own in the admission network: trained as a whole, or not at all."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from mimicflow.admission import training
from mimicflow.admission.prediction import load_predictor
from mimicflow.ecg.encoder_file import load_encoder, save_without_pretraining
from mimicflow.ecg.given.network import build_encoder, described
from mimicflow.ecg.store import WaveformStore
from mimicflow.errors import CheckpointError, ConfigError

SIZE = (16, (2, 2, 2, 2))
NETWORK = """
import torch

class Founder(torch.nn.Module):
    embedding = 8

    def __init__(self):
        super().__init__()
        self.net = torch.nn.Conv1d(12, 8, 9)
        self.norm = torch.nn.BatchNorm1d(8)

    def forward(self, ecgs):
        return self.norm(self.net(ecgs)).abs().mean(2)
"""


@pytest.fixture(scope="module")
def own(hospital: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, str]:
    """The tiny hospital with such an encoder, and its architecture."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "founder.py").write_text(NETWORK)
    architecture = f"{folder}/founder.py:Founder"
    torch.manual_seed(1)
    resolved = {
        "encoder": described(architecture, *SIZE),
        "pretraining": None,
        "seed": 0,
        "signal": WaveformStore(*hospital.store).signal,
        "fitted_on": {},
    }
    encoder = build_encoder(architecture, *SIZE)
    save_without_pretraining(encoder, resolved, folder / "own.pth", folder / "history.csv")
    return replace(hospital, pretrained=folder / "own.pth"), architecture


@pytest.mark.parametrize("unfreeze", ["all", "none"])
def test_it_is_trained_as_a_whole_or_not_at_all(
    own: tuple[Any, str], tmp_path: Path, unfreeze: str
) -> None:
    hospital, architecture = own
    asked = {"file": str(hospital.pretrained), "architecture": architecture}

    outputs = hospital.train(tmp_path, {"unfreeze": unfreeze}, asked)

    before = load_encoder(hospital.pretrained, architecture=architecture)[0].state_dict()
    predictor = load_predictor(outputs.weights, architecture)
    after = predictor.model.encoder.state_dict()
    same = all(torch.equal(before[name], after[name]) for name in before)
    assert same == (unfreeze == "none")
    names = [group["name"] for group in predictor.model.parameter_groups()]
    assert names == ["head", "adapter", *(["whole"] if unfreeze == "all" else [])]
    assert pd.read_parquet(outputs.predictions)["probability"].between(0, 1).all()
    # What a file of weights names is never imported.
    with pytest.raises(CheckpointError, match=r"has the encoder founder.py:Founder, not resnet1d"):
        load_predictor(outputs.weights)


def test_a_part_of_it_cannot_be_trained(own: tuple[Any, str], tmp_path: Path) -> None:
    hospital, architecture = own
    with pytest.raises(ConfigError, match=r"unfreeze is layer4, which encoder .* has not"):
        hospital.train(tmp_path, {"unfreeze": "layer4"}, {"architecture": architecture})


def test_a_model_without_ecgs_does_not_care(own: tuple[Any, str], tmp_path: Path) -> None:
    hospital, architecture = own
    model = {"branches": ["static"], "unfreeze": "layer4", "epochs": 1}
    outputs = hospital.train(tmp_path, model, {"architecture": architecture})
    assert Path(outputs.weights).is_file()


def test_an_interrupted_training_does_not_go_on_with_other_code(
    own: tuple[Any, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hospital, architecture = own
    imported = Path(architecture.rpartition(":")[0]).parent / "models/imported.py"
    imported.parent.mkdir()
    found = []

    def stop(task: Any, optimizer: Any, length: Any) -> None:
        found.append(length.state.fingerprint)
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "fit", stop)
    for text in ("X = 1", "X = 1", "X = 2"):
        imported.write_text(text)
        with pytest.raises(KeyboardInterrupt):
            hospital.train(tmp_path, {"unfreeze": "none"}, {"architecture": architecture})
    assert found[0] == found[1] != found[2]
