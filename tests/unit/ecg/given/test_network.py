"""A class of one's own in place of our network."""

from pathlib import Path
from typing import Any

import pytest
import torch

from mimicflow.ecg.encoder_file import load_encoder
from mimicflow.ecg.given.code import code_of
from mimicflow.ecg.given.network import OneStage, build_encoder
from mimicflow.errors import CheckpointError, ConfigError

NETWORK = '''
import torch
from beside import FACTOR

class Founder(torch.nn.Module):
    """Takes mV, and normalises by itself."""

    embedding = 8

    def __init__(self):
        super().__init__()
        self.net = torch.nn.Conv1d(12, 8, 9)

    def forward(self, ecgs):
        ecgs = ecgs[:, [0, 1, 2, 3, 5, 4, *range(6, 12)]]
        ecgs = (ecgs - ecgs.mean((1, 2), keepdim=True)) / ecgs.std((1, 2), keepdim=True)
        return FACTOR * self.net(ecgs).abs().mean(2)

class Wide(Founder):
    embedding = "six"

class Asks(Founder):
    def __init__(self, size):
        super().__init__()

nothing = 3
'''


@pytest.fixture
def founder(tmp_path: Path) -> str:
    """Return the architecture of a network that imports a file beside it."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code/beside.py").write_text("FACTOR = 2.0")
    (tmp_path / "code/founder.py").write_text(NETWORK)
    return str(tmp_path / "code/founder.py:Founder")


def test_a_class_of_ones_own_is_an_encoder_of_one_stage(founder: str) -> None:
    encoder = build_encoder(founder, 64, (2, 2, 2, 2))
    assert isinstance(encoder, OneStage) and encoder.embedding == 8
    ecgs = torch.randn(2, 12, 50)
    whole = encoder(ecgs)
    assert whole.shape == (2, 8)
    assert encoder.before(encoder.stages[0], ecgs) is ecgs
    assert torch.equal(encoder.before("embedding", ecgs), whole)
    assert torch.equal(encoder.onward(encoder.stages[0], ecgs), whole)
    assert encoder.onward("embedding", whole) is whole
    assert encoder.shortcuts() == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("founder.py:Finder", "no torch.nn.Module of the name Finder"),
        ("founder.py:nothing", "no torch.nn.Module of the name nothing"),
        ("founder.py:Wide", "does not say how many numbers it returns"),
        ("founder.py:Asks", r"Asks\(\) cannot be made"),
        ("finder.py:Founder", "no such Python file"),
        ("broken.py:Founder", r"cannot be imported \(No module named 'nowhere'\)"),
    ],
)
def test_a_class_that_is_none_is_named_with_its_file(founder: str, name: str, said: str) -> None:
    folder = Path(founder).parent
    (folder / "broken.py").write_text("import nowhere")
    with pytest.raises(ConfigError, match=said) as refused:
        build_encoder(str(folder / name), 4, (1, 1, 1, 1))
    assert str(folder / name.partition(":")[0]) in str(refused.value)


def test_code_below_the_folder_belongs_to_it(founder: str) -> None:
    """All that it may import, for the rules and for the state of an interrupted training."""
    folder = Path(founder).parent
    for name in ("models/net1d.py", "models/deep/er.py", ".hidden/no.py", "__pycache__/no.py"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("X = 1")
    (folder / "weights.txt").touch()
    found = [str(file.relative_to(folder)) for file in code_of(founder)]
    assert found == ["beside.py", "founder.py", "models/deep/er.py", "models/net1d.py"]
    assert code_of("resnet1d") == []
    for number in range(200):
        (folder / f"models/more{number}.py").touch()
    with pytest.raises(ConfigError, match="more than 200 Python files") as refused:
        code_of(founder)
    assert "folder of its own" in str(refused.value)


def test_it_is_brought_with_its_contract_as_ours_is(founder: str, bring_network: Any) -> None:
    network, found, output = bring_network(founder)
    ecgs = torch.randn(2, 12, 1000)
    with torch.no_grad():
        assert torch.equal(found.eval()(ecgs), network(ecgs))
    assert load_encoder(output, architecture=founder)[1]["encoder"] == {
        "architecture": "founder.py:Founder"
    }


def test_no_file_of_weights_says_what_is_imported(founder: str, bring_network: Any) -> None:
    _, _, output = bring_network(founder)
    with pytest.raises(CheckpointError, match=r"pretrained with .*founder.py:Founder"):
        load_encoder(output)
    other = founder.replace("Founder", "Wide")
    with pytest.raises(CheckpointError, match=r"asks for .*founder.py:Wide"):
        load_encoder(output, architecture=other)
