"""Weights of one's own are taken as they are, or not at all."""

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from mimicflow.ecg.encoder_file import load_encoder
from mimicflow.ecg.given.weights import load_strictly, read_weights
from mimicflow.ecg.records import LEADS
from mimicflow.errors import CheckpointError, ConfigError

SWAPPED = [*LEADS[:4], "aVL", "aVF", *LEADS[6:]]


def test_both_formats_give_the_embeddings_of_the_network_that_they_are_from(
    either: Any, network: torch.nn.Module
) -> None:
    ecgs = torch.randn(3, 12, 1000, generator=torch.Generator().manual_seed(0))

    found = either.bring().eval()

    with torch.no_grad():
        assert torch.equal(found(ecgs), network(ecgs))


def test_the_file_is_that_of_a_pretraining_and_says_where_the_weights_are_from(given: Any) -> None:
    given.bring()
    folder = given.weights.parent / "made"
    _, content = load_encoder(folder / "pretrained_model.pth", width=8, depth=[1, 1, 1, 1])

    assert content["pretraining"] == {
        "file": "own.safetensors",
        "sha256": given.keys()["sha256"],
        "source": "a test, of no patient",
        "licence": "MIT",
    }
    assert content["signal"]["powerline"] == 50 and content["signal"]["leads"] == ",".join(LEADS)
    assert content["fitted_on"] == {}
    assert pd.read_csv(folder / "loss_history.csv").empty


def test_two_imports_give_the_same_bytes(given: Any) -> None:
    output = given.weights.parent / "made/pretrained_model.pth"
    given.bring()
    first = output.read_bytes()
    given.bring()
    assert output.read_bytes() == first


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"sampling_rate": 500}, "'sampling_rate' is 500, but 'ecg.sampling_rate' is 100"),
        ({"seconds": 5}, "set ecg.seconds to 5"),
        ({"cleaning": "none"}, "set ecg.cleaning to none"),
        ({"powerline": 60}, "set ecg.powerline to 60"),
        ({"leads": SWAPPED}, "'leads' is I, II, III, aVR, aVL, aVF"),
        ({"leads": ["II"]}, "'leads' is II, but ECGs are stored as I, II"),
        ({"unit": "µV"}, "'unit' is µV, but ECGs are stored as mV"),
        ({"normalisation": "z-score"}, "'normalisation' is z-score"),
        ({"width": 16}, "set encoder.width to 16"),
        ({"depth": [2, 2, 2, 2]}, "set encoder.depth to [2, 2, 2, 2]"),
        ({"architecture": "founder.py:Founder"}, "set encoder.architecture to founder.py:Founder"),
        ({"source": None}, "lacks source"),
        ({"width": None}, "lacks width"),
        ({"sha256": None}, "run mimicflow encoder describe"),
        ({"sampling_rat": 100}, "did you mean 'sampling_rate'?"),
        ({"seconds": "ten"}, "contract.seconds is 'ten'"),
        ({"powerline": 0}, "powerline is 0.0"),
        ({"tolerance": float("nan")}, "tolerance is nan, not a finite number"),
        ({"tolerance": float("inf")}, "tolerance is inf, not a finite number"),
        ({"tolerance": 1}, "tolerance is 1.0, which any embedding keeps"),
        ({"sampling_rate": float("inf")}, "sampling_rate is inf, not a finite number"),
        ({"golden_norm": {"wide": float("nan")}}, "golden_norm.wide is nan, not a finite number"),
        ({"golden_first": None}, "lacks golden_first"),
        ({"golden_first": {}}, "lacks the first 8 numbers of narrow in golden_first, the first 8"),
        ({"golden_norm": {"narrow": 1.0}}, "lacks golden_norm of wide"),
    ],
)
def test_each_line_that_is_not_kept_is_refused_with_the_key_to_set(
    given: Any, changed: dict[str, Any], said: str
) -> None:
    given.say(**changed)
    with pytest.raises(ConfigError) as refused:
        given.bring()
    assert said in str(refused.value)
    assert str(given.contract) in str(refused.value) and "What to do" in str(refused.value)
    assert not (given.weights.parent / "made").exists()


def test_a_contract_that_is_none(given: Any) -> None:
    given.contract.write_text("- a list")
    with pytest.raises(ConfigError, match="not a mapping"):
        given.bring()
    given.contract.write_bytes(b"\xff: {")
    with pytest.raises(ConfigError, match="cannot be read"):
        given.bring()
    given.contract.write_text("unit: mV\nsource: a: b\n")
    with pytest.raises(ConfigError) as refused:
        given.bring()
    said = str(refused.value).splitlines()
    assert "cannot be read (line 2: mapping values are not allowed here)" in said[0]
    assert len(said) == 2
    given.contract.write_text("source: 2024-13-45")
    with pytest.raises(ConfigError, match=r"cannot be read \(month must be"):
        given.bring()
    given.contract.unlink()
    with pytest.raises(ConfigError, match="no contract beside them"):
        given.bring()


def test_other_weights_than_those_of_the_contract(given: Any) -> None:
    weights = {name: of.clone() for name, of in given.network.state_dict().items()}
    described = given.keys()["sha256"]
    weights["layer2.0.conv1.weight"] += 0.01
    given.save(weights)
    with pytest.raises(CheckpointError, match="the golden ECGs give other embeddings"):
        given.bring()
    given.say(sha256=described)
    with pytest.raises(CheckpointError, match="is not the file that its contract describes"):
        given.bring()


@pytest.mark.parametrize("name", ["golden_norm", "golden_first"])
@pytest.mark.parametrize("ecg", ["narrow", "wide"])
def test_each_golden_number_counts(given: Any, name: str, ecg: str) -> None:
    number = np.array(given.keys()[name][ecg])
    given.say(**{name: {**given.keys()[name], ecg: (number * 1.01).tolist()}})
    with pytest.raises(CheckpointError, match=f"contract says \\({ecg} by"):
        given.bring()


def test_all_names_that_do_not_fit_stand_in_one_sentence(given: Any) -> None:
    weights = given.network.state_dict()
    weights["stem.0.kernel"] = weights.pop("stem.0.weight")
    weights["head.weight"] = torch.zeros(1)
    weights["layer1.0.conv1.weight"] = weights["layer1.0.conv1.weight"][:1]
    weights["layer1.0.conv2.weight"] = weights["layer1.0.conv2.weight"].half()
    weights["layer2.0.bn1.bias"] = weights["layer2.0.bn1.bias"] * np.nan
    given.save(weights)
    with pytest.raises(CheckpointError) as refused:
        given.bring()
    text = str(refused.value)
    assert str(given.weights) in text and "What to do" in text
    assert "missing: stem.0.weight;" in text
    assert "surplus: head.weight, stem.0.kernel" in text or "stem.0.kernel, head.weight" in text
    assert "layer1.0.conv1.weight float32 [1, 8, 1, 3], not float32 [8, 8, 1, 3]" in text
    assert "layer1.0.conv2.weight float16" in text
    assert "not finite: layer2.0.bn1.bias" in text


class Harm:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("harmed",)


def test_a_pickle_with_code_is_never_run(either: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the ending says, and as PyTorch would have packed it."""
    folder = either.weights.parent
    monkeypatch.chdir(folder)
    plain, packed = pickle.dumps(Harm()), folder / "packed"
    torch.save({"stem.0.weight": Harm()}, packed)
    assert zipfile.is_zipfile(packed)
    for content in (plain, packed.read_bytes()):
        either.weights.write_bytes(content)
        either.rehash()
        with pytest.raises(CheckpointError, match=str(either.weights)) as refused:
            either.bring()
        assert "weights_only" not in str(refused.value)
    assert not (folder / "harmed").exists()


OURS = {"kind": "pretrained encoder", "format": 3}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (5, "holds int, not tensors"),
        (None, "holds NoneType, not tensors"),
        (torch.tensor(1.0), "holds Tensor, not tensors"),
        ({1: torch.zeros(1)}, "holds 1, not tensors"),
        ({"kind": torch.zeros(2), "format": 1}, "holds kind, format, not tensors"),
        (OURS, "calls itself an encoder of mimicflow"),
        ({**OURS, "model": 5}, "calls itself an encoder of mimicflow"),
        ({**OURS, "model": {}, "encoder": {}, "signal": {}}, "calls itself an encoder"),
        ({**OURS, "model": {}, "encoder": {1: 2}, "signal": {"leads": "I"}}, "calls itself"),
        ({**OURS, "format": torch.zeros(2)}, "has format"),
    ],
)
def test_odd_weights_are_refused_in_one_sentence(tmp_path: Path, content: Any, said: str) -> None:
    torch.save(content, tmp_path / "own.pth")
    with pytest.raises(CheckpointError, match=said):
        read_weights(tmp_path / "own.pth")


def test_sparse_weights_do_not_fit(given: Any) -> None:
    weights = {**given.network.state_dict(), "more": torch.zeros(1)}
    weights["layer1.0.bn1.bias"] = weights["layer1.0.bn1.bias"].to_sparse()
    with pytest.raises(CheckpointError, match=r"bn1.bias float32 sparse_coo \[8\], not float32"):
        load_strictly(given.network, weights, "own.pth")


@pytest.mark.parametrize("content", [{"state_dict": {}, "epoch": 3}, [torch.zeros(1)], b""])
def test_a_pth_that_is_no_state_dictionary(tmp_path: Path, content: Any) -> None:
    file = tmp_path / "own.pth"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        torch.save(content, file)
    with pytest.raises(CheckpointError, match="state dictionary"):
        read_weights(file)


def test_weights_that_are_not_there(given: Any) -> None:
    given.weights.unlink()
    with pytest.raises(CheckpointError, match=r"own.safetensors: is not there[^$]*encoder.file"):
        given.bring()
    given.weights.mkdir()
    for use in (given.bring, lambda: read_weights(given.weights)):
        with pytest.raises(CheckpointError, match=r"own.safetensors: is a folder, not a file"):
            use()
