"""The contract that the command writes, and what it leaves as it was."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from typer.testing import CliRunner

from mimicflow.cli import app
from mimicflow.ecg.given.describing import describe_encoder
from mimicflow.ecg.given.golden import golden_ecgs
from mimicflow.ecg.given.weights import read_weights
from mimicflow.ecg.pretraining import initialise_encoder
from mimicflow.ecg.records import LEADS
from mimicflow.errors import CheckpointError, ConfigError


@pytest.fixture
def pretrained(write_store: Any, tmp_path: Path) -> Path:
    """What our own rule writes, on a store of 100 Hz whose length is said, too."""
    (tmp_path / "store").mkdir()
    store = write_store(tmp_path / "store", np.arange(2), np.zeros((2, 12, 96)))
    made = {"sampling_rate": 100, "seconds": 10, "cleaning": "neurokit", "powerline": 60}
    (index,) = store[1]
    signal = json.dumps({**made, "leads": ",".join(LEADS)}).encode()
    table = pq.read_table(index).replace_schema_metadata({b"mimicflow.signal": signal})
    pq.write_table(table, index)
    initialise_encoder(
        store,
        width=8,
        depth=[1, 1, 1, 1],
        seed=1,
        output=tmp_path / "ours.pth",
        history=tmp_path / "history.csv",
    )
    return tmp_path / "ours.pth"


def test_a_file_of_our_own_needs_only_source_and_licence(pretrained: Path) -> None:
    result = CliRunner().invoke(
        app,
        ["encoder", "describe", str(pretrained), "--source", "our site", "--licence", "ours alone"],
    )
    assert result.exit_code == 0, result.output
    asked = yaml.safe_load(result.output)
    assert asked["encoder"]["width"] == 8 and asked["ecg"]["sampling_rate"] == 100
    contract = yaml.safe_load(pretrained.with_suffix(".yaml").read_text())
    assert contract["source"] == "our site" and contract["leads"] == list(LEADS)
    assert set(contract["golden_norm"]) == {"narrow", "wide"}


def test_what_a_file_of_our_own_says_of_itself_cannot_be_contradicted(pretrained: Path) -> None:
    pretrained.with_suffix(".yaml").write_text("{powerline: 50, source: x, licence: y}")
    with pytest.raises(CheckpointError, match=r"says of itself \{'powerline': 60\}"):
        describe_encoder(pretrained)


def test_what_only_a_person_knows_is_asked_for(given: Any) -> None:
    given.contract.unlink()
    with pytest.raises(
        ConfigError, match="lacks width, depth, sampling_rate, seconds, leads, unit"
    ):
        describe_encoder(given.weights)
    assert not given.contract.exists()


def test_a_contract_is_completed_once_and_then_kept(given: Any) -> None:
    before = given.contract.read_text()
    describe_encoder(given.weights)
    assert given.contract.read_text() == before
    given.say(golden_norm={"narrow": 1.0, "wide": 1.0})
    with pytest.raises(CheckpointError, match="other embeddings"):
        describe_encoder(given.weights)
    assert given.keys()["golden_norm"] == {"narrow": 1.0, "wide": 1.0}


def test_a_line_that_the_store_cannot_keep_is_refused_before_anything_is_written(
    given: Any,
) -> None:
    given.say(unit="µV", golden_norm=None, golden_first=None)
    before = given.contract.read_text()
    with pytest.raises(ConfigError, match="unit"):
        describe_encoder(given.weights)
    assert given.contract.read_text() == before


def test_the_command_says_what_is_wrong_in_one_sentence(given: Any) -> None:
    given.weights.write_bytes(b"no tensors")
    result = CliRunner().invoke(app, ["encoder", "describe", str(given.weights)])
    assert result.exit_code == 1
    assert "is no file of safetensors" in result.output and "Traceback" not in result.output


def test_the_golden_ecgs_can_be_taken_elsewhere(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["encoder", "golden", str(tmp_path)])
    assert result.exit_code == 0, result.output
    for name, ecg in golden_ecgs().items():
        written = pd.read_csv(tmp_path / f"golden_{name}.csv")
        assert list(written) == ["time_s", *LEADS]
        np.testing.assert_array_equal(written[list(LEADS)].to_numpy().T, ecg)
        assert written["time_s"].iloc[-1] == pytest.approx(9.998)


def test_the_contract_of_the_how_to_lacks_only_what_the_command_adds(
    repository: Path, given: Any
) -> None:
    page = (repository / "docs/how-to/own-encoder.md").read_text("utf-8")
    (block,) = re.findall(r'```yaml title="own.yaml"\n(.*?)```', page, re.S)
    written = yaml.safe_load(block)
    given.contract.write_text(block)

    with pytest.raises(ConfigError, match="lacks width, depth, source, licence"):
        describe_encoder(given.weights)

    given.contract.write_text(yaml.safe_dump({**written, "width": 8, "depth": [1, 1, 1, 1]}))
    describe_encoder(given.weights, source="a test", licence="MIT")
    assert given.keys().items() >= {**written, "width": 8, "depth": [1, 1, 1, 1]}.items()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"depth": [1, 1]}, "'encoder.depth' is [1, 1], not a list of 4"),
        ({"width": 1}, "'encoder.width' is 1"),
        ({"seconds": 1e12}, "'ecg.seconds' is 1000000000000.0, not a number from 1 to 600"),
        ({"sampling_rate": 240}, "'ecg.sampling_rate' is 240"),
        ({"cleaning": "magic"}, "'ecg.cleaning' is 'magic', not neurokit, notch or none"),
        ({"powerline": 55}, "'ecg.powerline' is 55"),
    ],
)
def test_what_no_configuration_takes_is_refused_before_anything_is_made_of_it(
    given: Any, changed: dict[str, Any], said: str
) -> None:
    given.say(golden_norm=None, golden_first=None, **changed)
    with pytest.raises(ConfigError) as refused:
        describe_encoder(given.weights)
    assert said in str(refused.value) and str(given.contract) in str(refused.value)


def test_one_kind_of_golden_numbers_wants_the_other(given: Any) -> None:
    given.say(golden_first=None)
    with pytest.raises(ConfigError, match=r"own.yaml: lacks golden_first\n.*write both"):
        describe_encoder(given.weights)


def test_the_recipe_of_the_reference_saves_weights_of_our_own(
    repository: Path, network: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are not contiguous, which safetensors refuses."""
    page = (repository / "docs/reference/encoders.md").read_text("utf-8")
    (recipe,) = re.findall(r'```python title="save.py"\n(.*?)```', page, re.S)
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": network.state_dict(), "epoch": 3}, "founder.pth")

    exec(recipe, {})

    saved, _ = read_weights(tmp_path / "founder.safetensors")
    assert all(torch.equal(saved[name], of) for name, of in network.state_dict().items())
