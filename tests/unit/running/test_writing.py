import json

import numpy as np
import pandas as pd
import pytest

from mimicflow.running.writing import (
    atomic_output,
    sha256,
    write_csv,
    write_json,
    write_npz,
    write_parquet,
)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "table.csv"
    target.write_text("old")

    with pytest.raises(RuntimeError), atomic_output(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError

    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_frames_survive_writing(tmp_path):
    frame = pd.DataFrame({"stay_id": [1, 2], "value": [0.5, None]})

    write_parquet(frame, tmp_path / "new" / "a.parquet")
    write_csv(frame, tmp_path / "a.csv")

    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "new" / "a.parquet"), frame)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "a.csv"), frame)


def test_json_is_sorted(tmp_path):
    write_json({"b": 1, "a": [2]}, tmp_path / "a.json")

    assert list(json.loads((tmp_path / "a.json").read_text())) == ["a", "b"]


def test_npz_loads_without_pickles_and_refuses_objects(tmp_path):
    write_npz({"fpr": np.array([0.0, 1.0]), "auc": 0.5}, tmp_path / "a.npz")

    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
        assert arrays["fpr"].tolist() == [0.0, 1.0]
        assert float(arrays["auc"]) == 0.5
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        write_npz({"names": np.array([{}])}, tmp_path / "b.npz")
    assert not (tmp_path / "b.npz").exists()


def test_sha256_is_the_official_one(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")

    assert sha256(tmp_path / "a") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
