"""Damaged and hostile saved models and arrays: never unpickled, never silently changed."""

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from mimicflow.ecg.given.weights import read_weights
from mimicflow.errors import CheckpointError, InputError
from mimicflow.learning.checkpoints import FORMAT, load_checkpoint, save_checkpoint
from mimicflow.mortality.sequences import VisitSequences
from mimicflow.running.writing import write_npz

from .damaged_files import attempt, damage_bytes, is_refused, run_cases


class Trap:
    """Says, when it is unpickled by whatever would call what it names, that it was."""

    def __reduce__(self):
        return (Path.touch, (Path("trap-was-run"),))


def content() -> dict:
    torch.manual_seed(0)
    return {
        "weights": torch.nn.Linear(5, 3).state_dict(),
        "steps": torch.arange(7),
        "names": ["a", "b"],
        "nested": {"n": 1, "x": 0.5, "none": None},
    }


def parts(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def same(found: object, expected: object) -> bool:
    if isinstance(expected, torch.Tensor):
        return isinstance(found, torch.Tensor) and torch.equal(found, expected)
    if isinstance(expected, dict):
        return (isinstance(found, dict) and list(found) == list(expected)
                and all(same(found[key], expected[key]) for key in expected))  # fmt: skip
    return found == expected


@pytest.fixture
def whole(tmp_path) -> bytes:
    save_checkpoint("thing", content(), tmp_path / "a.pth")
    return (tmp_path / "a.pth").read_bytes()


def test_damaged_checkpoints(whole, tmp_path):
    file = tmp_path / "a.pth"
    members = parts(whole)

    def case(draw):
        if draw.integers(2):
            file.write_bytes(damage_bytes(whole, draw))
            found = attempt(load_checkpoint, "thing", file)
            if not is_refused(found):  # what is left unchecked holds no value
                assert same(found, {"kind": "thing", "format": FORMAT} | content())
            return
        # The checksums are right here, so what comes back may differ, but only in plain values.
        name = sorted(members)[draw.integers(len(members))]
        name = "archive/data.pkl" if draw.integers(2) else name
        file.write_bytes(packed(members | {name: damage_bytes(members[name], draw)}))
        found = attempt(load_checkpoint, "thing", file)
        assert is_refused(found) or isinstance(found, dict)

    run_cases("checkpoints", case)


def test_damaged_safetensors(tmp_path):
    """Their hash is in the contract; here it is only asked that nothing else goes wrong."""
    file = tmp_path / "a.safetensors"
    safetensors.torch.save_file(content()["weights"], file)
    intact = file.read_bytes()

    def case(draw):
        file.write_bytes(damage_bytes(intact, draw))
        found = attempt(read_weights, file)
        assert is_refused(found) or isinstance(found[0], dict)

    run_cases("weights", case)


@pytest.mark.parametrize("where", ["alone", "torch", "in the archive", "protocol 4"])
def test_a_crafted_pickle_is_refused_and_runs_nothing(whole, tmp_path, monkeypatch, where):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "a.pth"
    hostile = {"kind": "thing", "format": FORMAT, "x": Trap()}
    match where:
        case "alone":
            file.write_bytes(pickle.dumps(hostile))
        case "torch":
            torch.save(hostile, file)
        case "in the archive":
            file.write_bytes(packed(parts(whole) | {"archive/data.pkl": pickle.dumps(hostile, 2)}))
        case _:
            file.write_bytes(packed(parts(whole) | {"archive/data.pkl": pickle.dumps(hostile, 4)}))
    found = attempt(load_checkpoint, "thing", file)
    assert isinstance(found, CheckpointError)
    assert not (tmp_path / "trap-was-run").exists()
    pickle.loads(pickle.dumps(Trap()))  # noqa: S301 (the trap works)
    assert (tmp_path / "trap-was-run").exists()


def test_a_checkpoint_that_unpacks_to_much_more_is_refused(whole, tmp_path):
    members = parts(whole) | {"archive/data/0": bytes(300_000_000)}
    (tmp_path / "a.pth").write_bytes(packed(members, zipfile.ZIP_DEFLATED))
    assert is_refused(attempt(load_checkpoint, "thing", tmp_path / "a.pth"))


def test_members_of_the_archive_cannot_leave_it(whole, tmp_path):
    members = {name.replace("archive/", "../../out/"): data for name, data in parts(whole).items()}
    (tmp_path / "a.pth").write_bytes(packed(members))
    attempt(load_checkpoint, "thing", tmp_path / "a.pth")
    assert [path.name for path in tmp_path.iterdir()] == ["a.pth"]


def test_a_tensor_beyond_its_storage_is_refused(tmp_path):
    """Sizes in the pickle that the stored numbers do not fill."""
    stream = io.BytesIO()
    torch.save({"kind": "thing", "format": FORMAT, "w": torch.arange(4.0)}, stream)
    members = parts(stream.getvalue())
    pickled = members["archive/data.pkl"]
    for old, new in (
        (b"K\x00K\x04\x85", b"K\x00K\xff\x85"),
        (b"K\x00K\x04\x85", b"K\xf0K\x04\x85"),
    ):
        assert old in pickled
        changed = members | {"archive/data.pkl": pickled.replace(old, new)}
        (tmp_path / "a.pth").write_bytes(packed(changed))
        assert is_refused(attempt(load_checkpoint, "thing", tmp_path / "a.pth"))


def sequences() -> dict[str, np.ndarray]:
    return {
        "stay_id": np.array([3, 5, 9]),
        "start": np.array([0, 2, 3]),
        "n_visits": np.array([2, 1, 4]),
        "vectors": np.arange(28, dtype=np.float32).reshape(7, 4),
        "vocabulary_hash": np.array("abc"),
    }


def test_damaged_arrays(tmp_path):
    file = tmp_path / "visits.npz"
    write_npz(sequences(), file)
    whole = file.read_bytes()
    members = parts(whole)

    def case(draw):
        if draw.integers(2):
            file.write_bytes(damage_bytes(whole, draw))
        else:
            name = sorted(members)[draw.integers(len(members))]
            file.write_bytes(packed(members | {name: damage_bytes(members[name][:80], draw)
                                               + members[name][80:]}))  # fmt: skip
        found = attempt(VisitSequences.read, file)
        if is_refused(found):
            assert isinstance(found, InputError)
            return
        assert len(found.stay_id) == len(found.start) == len(found.n_visits)
        assert found.vectors.ndim == 2 and found.vectors.dtype == np.float32
        assert (found.lengths > 0).all() and found.lengths.sum() == len(found.vectors)

    run_cases("arrays", case)


def test_arrays_of_objects_are_not_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "visits.npz"
    np.savez(file, **(sequences() | {"vectors": np.array([Trap()], dtype=object)}))
    assert is_refused(attempt(VisitSequences.read, file))
    assert not (tmp_path / "trap-was-run").exists()


def test_an_array_that_claims_a_huge_size_is_refused(tmp_path):
    file = tmp_path / "visits.npz"
    write_npz(sequences(), file)
    members = parts(file.read_bytes())
    old, new = b"'shape': (7, 4)", b"'shape': (700000000000, 4)"
    header = members["vectors.npy"].replace(old, new).replace(b" " * (len(new) - len(old)), b"", 1)
    assert len(header) == len(members["vectors.npy"])
    file.write_bytes(packed(members | {"vectors.npy": header}))
    assert is_refused(attempt(VisitSequences.read, file))


def test_same_content():
    assert same(OrderedDict(a=torch.ones(2)), {"a": torch.ones(2)})
    assert not same({"a": torch.ones(2)}, {"a": torch.zeros(2)})
