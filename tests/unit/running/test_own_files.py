"""A result of ours that lost its end is refused by name; what is whole is taken."""

import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from snakemake.iocontainers import InputFiles

from mimicflow.errors import InputError
from mimicflow.running import rule_log as scripting
from mimicflow.running.own_files import check_whole, damaged
from mimicflow.running.writing import write_csv, write_json, write_npz, write_parquet

FRAME = pd.DataFrame({"stay_id": range(200), "probability": np.linspace(0, 1, 200)})
WRITERS = {
    "a.parquet": lambda file: write_parquet(FRAME, file),
    "a.csv": lambda file: write_csv(FRAME, file),
    "a.json": lambda file: write_json({"rows": list(range(50))}, file),
    "a.npz": lambda file: write_npz({"x": np.arange(300.0)}, file),
    "a.npy": lambda file: np.save(file, np.arange(300.0)),
    "a.pth": lambda file: torch.save({"w": torch.ones(200)}, file),
}


@pytest.fixture
def results(tmp_path):
    (tmp_path / "results").mkdir()
    return tmp_path / "results"


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_cut_off_anywhere_is_refused(results, name):
    file = results / name
    WRITERS[name](file)
    check_whole([file])
    whole = file.read_bytes()

    taken = 0
    for size in [0, 1, 7, 8, 11, 12, *range(20, len(whole), max(1, len(whole) // 150))]:
        file.write_bytes(whole[:size])
        try:
            check_whole([file])
            taken += 1
            assert whole[size - 1 : size] == b"\n" if name == "a.csv" else whole[size:] == b"\n"
        except InputError as error:
            assert f"{file}: the file is cut off" in str(error)
            assert "delete it, then run the same command again" in str(error)
    assert taken <= 12


def test_raw_files_and_files_elsewhere_are_not_looked_at(results, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    raw = Path("results/synthetic/ecg")
    raw.mkdir(parents=True)
    for folder in (raw, tmp_path):
        (folder / "record_list.csv").write_text("subject_id,study_id\n1")
        check_whole([folder / "record_list.csv"])
    storage = tmp_path / ".snakemake/storage/fs/volume/results/synthetic/hosp"
    storage.mkdir(parents=True)
    for name in ("patients.csv", "SYNTHETIC"):
        (storage / name).touch()
        check_whole([storage / name])
    check_whole([results / "not_there.csv", results])


@pytest.mark.parametrize("name", ["a.parquet", "a.npz", "a.pth"])
def test_what_is_broken_in_the_middle_is_found_once_a_job_has_failed(results, name):
    file = results / name
    WRITERS[name](file)
    assert damaged([file]) is None
    content = bytearray(file.read_bytes())
    content[60:400] = bytes(340)
    file.write_bytes(content)

    check_whole([file])
    assert f"{file}: the file is damaged" in str(damaged([file]))


SCRIPT = """
import types
snakemake = types.SimpleNamespace(input=["results/a.csv", "results/b.parquet"])
from mimicflow.running.rule_log import rule_log
with rule_log("rule.log"):
    import pandas as pd
    print("rows", len(pd.read_csv("results/a.csv")), len(pd.read_parquet("results/b.parquet")))
"""


def test_raw_files_that_a_user_has_put_below_results_are_left_to_their_reader(monkeypatch):
    inputs = InputFiles(["results/synthetic_not/hosp/a.csv", "results/b.parquet", "results/c.csv"])
    for name, index in (("raw", 0), ("shards", 1), ("other", 2)):
        inputs._set_name(name, index)
    job = types.SimpleNamespace(input=inputs)
    monkeypatch.setattr(sys.modules["__main__"], "snakemake", job, raising=False)

    assert scripting._inputs() == ["results/b.parquet", "results/c.csv"]


STORED = ".snakemake/storage/fs/volume/results/arrest/registry"


@pytest.mark.parametrize(
    "folder", ["results/arrest/registry", "results/synthetic/registry", STORED]
)
def test_a_registry_that_the_workflow_made_is_its_own_and_not_raw(tmp_path, monkeypatch, folder):
    mine = "results/mine/registry/stays.csv"
    inputs = InputFiles([f"{folder}/stays.csv", f"{folder}/recordings.csv", mine])
    inputs._set_name("registry", 0, end=3)
    job = types.SimpleNamespace(input=inputs)
    monkeypatch.setattr(sys.modules["__main__"], "snakemake", job, raising=False)
    monkeypatch.chdir(tmp_path)
    for file in map(Path, inputs):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("patient_id,stay_id\np1,s1\n")
    check_whole(scripting._inputs())

    Path(mine).write_text("patient_id,stay_id\np1")  # its own reader says so
    check_whole(scripting._inputs())
    for file in inputs[:2]:
        whole = Path(file).read_bytes()
        Path(file).write_bytes(whole[:-3])
        with pytest.raises(InputError, match=f"{file}: the file is cut off.*\n.*delete it, then"):
            check_whole(scripting._inputs())
        Path(file).write_bytes(whole)


def test_a_job_looks_at_its_inputs_before_it_begins(results, tmp_path):
    def run():
        return subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    write_csv(FRAME, results / "a.csv")
    write_parquet(FRAME, results / "b.parquet")
    whole = run()
    assert (whole.returncode, whole.stdout) == (0, "rows 200 200\n"), whole.stderr

    content = (results / "b.parquet").read_bytes()
    (results / "b.parquet").write_bytes(content[:20] + bytes(len(content) - 520) + content[-500:])
    broken = run()
    assert broken.returncode == 1
    assert "InputError: results/b.parquet: the file is damaged" in broken.stderr
    assert "Traceback" not in broken.stderr

    (results / "a.csv").write_bytes((results / "a.csv").read_bytes()[:1001])
    cut = run()
    assert cut.returncode == 1
    assert "InputError: results/a.csv: the file is cut off (its last line has no end)" in cut.stderr
    assert "Traceback" not in cut.stderr
    assert "rows" not in cut.stdout
