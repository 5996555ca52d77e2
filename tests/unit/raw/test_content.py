import json
import os
from pathlib import Path

import pytest

from mimicflow.errors import StorageError
from mimicflow.raw import content as raw_content
from mimicflow.raw.content import raw_sha256
from mimicflow.running.writing import sha256


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "labevents.csv.gz"
    file.write_bytes(b"one")
    return file


@pytest.fixture
def hashed(monkeypatch):
    """The files that were hashed, in turn."""
    files = []

    def hash_it(file):
        files.append(Path(file))
        return sha256(file)

    monkeypatch.setattr(raw_content, "sha256", hash_it)
    return files


def test_a_file_is_hashed_once_and_again_when_size_or_time_changed(tmp_path, file, hashed):
    memory = tmp_path / "results/memory.json"
    first = raw_sha256(file, memory)
    assert raw_sha256(file, memory) == first == sha256(file)
    assert hashed == [file]

    os.utime(file, ns=(1, 1))
    assert raw_sha256(file, memory) == first
    assert hashed == [file, file]

    file.write_bytes(b"two")
    os.utime(file, ns=(0, 0))  # older than before
    assert raw_sha256(file, memory) == sha256(file) != first
    assert len(hashed) == 3


def test_what_is_known_of_other_files_stays(tmp_path, file, hashed):
    memory = tmp_path / "memory.json"
    other = tmp_path / "other.csv"
    other.write_bytes(b"2")

    raw_sha256(file, memory)
    raw_sha256(other, memory)

    assert set(json.loads(memory.read_text())) == {str(file), str(other)}


@pytest.mark.parametrize("content", ["", "[]", "{", '{"labevents": 1}'])
def test_a_damaged_memory_knows_nothing(tmp_path, file, content):
    memory = tmp_path / "memory.json"
    memory.write_text(content.replace("labevents", str(file)))

    assert raw_sha256(file, memory) == sha256(file)
    assert json.loads(memory.read_text())[str(file)]["sha256"] == sha256(file)


def test_where_nothing_can_be_written_the_file_is_hashed_each_time(tmp_path, file, hashed):
    (tmp_path / "blocked").touch()

    for _ in range(2):
        assert raw_sha256(file, tmp_path / "blocked/memory.json") == sha256(file)
    assert len(hashed) == 2


def test_a_large_file_is_announced(tmp_path, file, capsys, monkeypatch):
    monkeypatch.setattr(raw_content, "_LOGGED_BYTES", 1)
    raw_sha256(file, tmp_path / "memory.json")

    assert "labevents.csv.gz once" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_reported(tmp_path):
    with pytest.raises(StorageError, match="a folder has the name of a file"):
        raw_sha256(tmp_path, tmp_path / "memory.json")
