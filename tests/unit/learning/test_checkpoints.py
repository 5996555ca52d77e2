from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mimicflow.errors import CheckpointError
from mimicflow.learning.checkpoints import load_checkpoint, load_weights, save_checkpoint


def content() -> dict[str, Any]:
    torch.manual_seed(0)
    return {
        "weights": nn.Linear(3, 2).state_dict(),
        "names": ["a", "b", "".join(["a"])],
        "nested": {"n": 1, "x": 0.5, "none": None, "yes": True, 3: (1, 2)},
    }


def test_round_trip(tmp_path: Path) -> None:
    save_checkpoint("thing", content(), tmp_path / "a.pth")
    loaded = load_checkpoint("thing", tmp_path / "a.pth")
    assert loaded["nested"] == {"n": 1, "x": 0.5, "none": None, "yes": True, 3: [1, 2]}
    assert torch.equal(loaded["weights"]["bias"], content()["weights"]["bias"])


def test_same_content_same_bytes_whatever_the_name(tmp_path: Path) -> None:
    save_checkpoint("thing", content(), tmp_path / "a.pth")
    save_checkpoint("thing", content(), tmp_path / "other.pth")
    assert (tmp_path / "a.pth").read_bytes() == (tmp_path / "other.pth").read_bytes()


def test_the_layout_in_memory_is_kept(tmp_path: Path) -> None:
    tensor = torch.randn(2, 3, 1, 5).contiguous(memory_format=torch.channels_last)
    save_checkpoint("thing", {"t": tensor}, tmp_path / "a.pth")
    assert load_checkpoint("thing", tmp_path / "a.pth")["t"].stride() == tensor.stride()


@pytest.mark.parametrize(
    "value", [np.float64(1.0), np.zeros(2), Path("x"), {"x": {1, 2}}, nn.ReLU()]
)
def test_only_plain_values_are_saved(tmp_path: Path, value: Any) -> None:
    with pytest.raises(CheckpointError, match="cannot be saved"):
        save_checkpoint("thing", {"value": value}, tmp_path / "a.pth")
    assert not list(tmp_path.iterdir())


def test_a_file_that_could_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"kind": "thing", "format": 1, "model": nn.ReLU()}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError) as refused:
        load_checkpoint("thing", tmp_path / "a.pth")
    assert str(refused.value) == (
        f"{tmp_path / 'a.pth'}: not a readable model file: holds objects that could run code when "
        "read\n  What to do: delete it and run its rule again"
    )


@pytest.mark.parametrize("damage", ["empty", "page", "cut", "flipped"])
def test_a_damaged_file(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.pth"
    save_checkpoint("thing", content(), path)
    whole = path.read_bytes()
    flipped = whole.replace(b"weights", b"weighty", 1)
    path.write_bytes(
        {"empty": b"", "page": b"<html>", "cut": whole[:600], "flipped": flipped}[damage]
    )
    with pytest.raises(CheckpointError, match=r"a.pth: not a readable model file"):
        load_checkpoint("thing", path)


def test_a_file_of_another_kind_or_format(tmp_path: Path) -> None:
    save_checkpoint("thing", {}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="holds 'thing', not 'other'"):
        load_checkpoint("other", tmp_path / "a.pth")
    torch.save([1], tmp_path / "b.pth")
    with pytest.raises(CheckpointError, match="holds 'list'"):
        load_checkpoint("thing", tmp_path / "b.pth")
    torch.save({"kind": "thing", "format": 0}, tmp_path / "c.pth")
    with pytest.raises(CheckpointError, match="has format 0"):
        load_checkpoint("thing", tmp_path / "c.pth")


def test_weights_load_strictly() -> None:
    state = nn.Linear(3, 2).state_dict()
    load_weights(nn.Linear(3, 2), state, "a.pth")
    for wrong in ({"weight": state["weight"]}, {**state, "more": state["bias"]}):
        with pytest.raises(CheckpointError, match=r"a.pth: does not fit"):
            load_weights(nn.Linear(3, 2), wrong, "a.pth")
    with pytest.raises(CheckpointError, match="size mismatch"):
        load_weights(nn.Linear(4, 2), state, "a.pth")
