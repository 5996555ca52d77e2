import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from broken_machines import bound_by_rights, remount, small_disk
from made_raw_tables import patients, write

from mimicflow.errors import InputError, StorageError
from mimicflow.evaluation.figures.canvas import figure_file
from mimicflow.evaluation.study import Study
from mimicflow.learning.checkpoints import save_checkpoint
from mimicflow.raw.ingest import ingest_table
from mimicflow.running.database import connect
from mimicflow.running.leftovers import hidden_path
from mimicflow.running.storage import (
    check_place,
    check_writable,
    make_folder,
    storage_error,
    storage_explained,
)
from mimicflow.running.writing import (
    atomic_folder,
    atomic_output,
    write_csv,
    write_json,
    write_npz,
    write_parquet,
)
from mimicflow.synthetic.hospital import make_hospital
from mimicflow.synthetic.icu.hospital import make_icu
from mimicflow.synthetic.waveforms import make_waveforms

FRAME = pd.DataFrame({"a": np.random.default_rng(0).random(200_000)})


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def write_with_duckdb(path):
    with connect() as connection, atomic_output(path) as temporary:
        connection.sql("SELECT random() AS a FROM range(400_000)").write_parquet(str(temporary))


def copy_with_duckdb(path):
    with connect() as connection, atomic_output(path) as temporary:
        connection.execute(
            f"COPY (SELECT random() AS a FROM range(400_000)) TO '{temporary}' (FORMAT parquet)"
        )


def write_with_arrow(path):
    with atomic_output(path) as temporary:
        pq.write_table(pa.table({"a": FRAME["a"].to_numpy()}), temporary)


def write_a_store(path):
    with atomic_output(path) as temporary, open(temporary, "wb") as stream:
        for _ in range(100):
            stream.write(bytes(20_000))


def draw(path):
    with figure_file(path, Study(synthetic=True), size=(6, 6)) as figure:
        figure.subplots().imshow(np.random.default_rng(0).random((900, 900)))


WRITERS = {
    "table.parquet": lambda path: write_parquet(FRAME, path),
    "table.csv": lambda path: write_csv(FRAME, path),
    "plain.json": lambda path: write_json(FRAME["a"].tolist(), path),
    "arrays.npz": lambda path: write_npz({"a": FRAME["a"].to_numpy()}, path),
    "arrow.parquet": write_with_arrow,
    "duckdb.parquet": write_with_duckdb,
    "copied.parquet": copy_with_duckdb,
    "store.npy": write_a_store,
    "model.pth": lambda path: save_checkpoint("test", {"w": torch.zeros(400_000)}, path),
    "figure.png": draw,
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path, name):
    with small_disk(tmp_path / "disk") as disk:
        path = disk / name
        (disk / "filler").write_bytes(bytes(700_000))

        with pytest.raises(StorageError) as caught:
            WRITERS[name](path)

        assert str(caught.value).startswith(f"{path}: the disk is full")
        assert "free space" in str(caught.value)
        assert names(disk) == ["filler"]

        (disk / "filler").unlink()
        remount(disk, "size=100m")
        WRITERS[name](path)
        assert names(disk) == [name]


@pytest.mark.parametrize("name", WRITERS)
def test_a_read_only_disk_is_reported_and_keeps_the_old_file(tmp_path, name):
    with small_disk(tmp_path / "disk", 100) as disk:
        path = disk / name
        path.write_text("old")
        remount(disk, "ro")

        with pytest.raises(StorageError) as caught:
            WRITERS[name](path)

        assert str(caught.value).startswith(f"{path}: the disk is read-only")
        assert path.read_text() == "old"


def test_a_full_disk_leaves_the_old_folder(tmp_path):
    with small_disk(tmp_path / "disk") as disk:
        folder = disk / "registry"
        folder.mkdir()
        (folder / "old").touch()

        with pytest.raises(StorageError, match="the disk is full"), atomic_folder(folder) as new:
            (new / "large").write_bytes(bytes(2_000_000))

        assert [path.name for path in disk.rglob("*")] == ["registry", "old"]


def hospital(folder):
    make_hospital(folder, n_patients=100, seed=0, dirt=0.0)


def waveforms(folder):
    make_waveforms(folder, n_patients=20, seed=0, dirt=0.0)


def icu(folder):
    make_icu(folder / "registry", folder / "truth.parquet", n_patients=6, seed=0, dirt=0.0)


# How many bytes each may write before the disk is full.
STEPS = {hospital: 100_000, waveforms: 400_000, icu: 400_000}


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_a_full_disk_under_a_step_of_many_files(tmp_path, step):
    with small_disk(tmp_path / "disk") as disk:
        (disk / "filler").write_bytes(bytes(2**20 - STEPS[step]))

        with pytest.raises(StorageError, match="the disk is full") as caught:
            step(disk / "made")

        assert Path(caught.value.file).is_relative_to(disk / "made")
        assert ".partial" not in str(caught.value)
        assert not list(disk.rglob(".*"))

        (disk / "filler").unlink()
        remount(disk, "size=200m")
        step(disk / "made")
        step(tmp_path / "elsewhere")
        made = {path.relative_to(disk / "made") for path in (disk / "made").rglob("*")}
        assert made == {
            path.relative_to(tmp_path / "elsewhere") for path in (tmp_path / "elsewhere").rglob("*")
        }


def test_a_full_disk_under_ingest_keeps_the_old_table(tmp_path):
    write(tmp_path / "hosp", "patients.csv.gz", patients(200))
    with small_disk(tmp_path / "disk") as disk:
        out = disk / "tables/patients"
        ingest_table(tmp_path / "hosp", "hosp/patients", out, shards=2)
        before = {path: path.read_bytes() for path in out.iterdir()}
        write(tmp_path / "hosp", "patients.csv.gz", patients(60_000))
        (disk / "filler").write_bytes(bytes(shutil.disk_usage(disk).free - 40_000))

        with pytest.raises(StorageError, match="the disk is full"):
            ingest_table(tmp_path / "hosp", "hosp/patients", out, shards=2)

        assert {path: path.read_bytes() for path in out.iterdir()} == before
        assert names(out.parent) == ["patients"]

        (disk / "filler").unlink()
        remount(disk, "size=100m")
        assert (
            ingest_table(tmp_path / "hosp", "hosp/patients", out, shards=2)["rows_kept"] == 60_000
        )


def test_a_full_temporary_folder_is_reported(tmp_path, monkeypatch):
    with small_disk(tmp_path / "disk") as disk:
        monkeypatch.setattr("tempfile.tempdir", str(disk))

        with pytest.raises(StorageError) as caught, connect(memory_mb=60) as connection:
            connection.execute(
                "CREATE TABLE t AS SELECT random() AS a, random() AS b FROM range(6_000_000)"
            )

        assert str(caught.value).startswith(f"{disk}: neither the memory of the step")
        assert "TMPDIR" in str(caught.value)
        assert names(disk) == []


PLACES = {
    "a file without rights": "file.chmod(0)\nwith storage_explained():\n    file.read_text()",
    "a folder without rights": "file.parent.chmod(0o555)\nwrite_json(1, file)",
    "read by Arrow": "file.chmod(0)\nwith storage_explained():\n    pd.read_parquet(file)",
    "read by DuckDB": (
        "file.chmod(0)\n"
        "with connect() as connection:\n    connection.read_parquet(str(file)).fetchall()"
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_missing_rights_are_reported(tmp_path, place):
    file = tmp_path / "folder" / "table.parquet"
    file.parent.mkdir()
    pd.DataFrame({"a": [1]}).to_parquet(file)
    code = (
        "import sys\nfrom pathlib import Path\nimport pandas as pd\n"
        "from mimicflow.running.database import connect\n"
        "from mimicflow.running.writing import write_json\n"
        "from mimicflow.running.storage import storage_explained\n"
        f"file = Path(sys.argv[1])\n{PLACES[place]}\n"
    )
    command = [*bound_by_rights(), sys.executable, "-c", code, str(file)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-2]
    assert last.startswith(f"mimicflow.errors.StorageError: {file}: no permission")


def test_a_folder_in_place_of_a_file_is_reported(tmp_path):
    (tmp_path / "table.csv").mkdir()

    with pytest.raises(StorageError, match=r"table\.csv: a folder has the name of a file"):
        write_csv(FRAME.head(), tmp_path / "table.csv")

    assert names(tmp_path) == ["table.csv"]


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO, errno.ESTALE]
)
def test_errors_are_known_by_number_or_by_text(number):
    for error in (
        OSError(number, os.strerror(number)),
        RuntimeError(f"writing failed: {os.strerror(number)}"),
    ):
        caught = storage_error(error, "results/a.csv")
        assert caught is not None
        assert str(caught).startswith("results/a.csv: ")
        assert "run the same command again" in str(caught)


def test_the_final_name_is_reported_not_the_hidden_one(tmp_path):
    hidden = hidden_path(tmp_path / "table.csv")
    error = OSError(errno.ENOSPC, "full", str(hidden))

    assert storage_error(error).file == tmp_path / "table.csv"


@pytest.mark.parametrize("error", [OSError("400 requested and 131 written"), RuntimeError("?")])
def test_an_error_that_says_nothing_has_the_disk_looked_at(tmp_path, error):
    with small_disk(tmp_path / "disk") as disk:
        assert storage_error(error, disk / "a.npy") is None
        (disk / "filler").write_bytes(bytes(2**20 - 4096))
        assert storage_error(error, disk / "new" / "a.npy").message == "the disk is full"
        assert storage_error(ValueError(), disk / "a.npy") is None


@pytest.mark.parametrize("error", [KeyError("a"), FileNotFoundError(2, "missing", "a"), OSError()])
def test_other_errors_stay_what_they_are(error):
    assert storage_error(error) is None
    with pytest.raises(type(error)) as raised, storage_explained():
        raise error
    assert raised.value is error


def test_our_own_errors_stay_what_they_are():
    with pytest.raises(InputError), storage_explained():
        raise InputError("No space left on device, says the file")


def test_a_folder_is_tried_before_work_begins(tmp_path):
    check_writable(tmp_path / "not there yet")
    check_writable(tmp_path)
    assert names(tmp_path) == []
    (tmp_path / "file").touch()
    with small_disk(tmp_path / "disk") as disk:
        remount(disk, "ro")
        with pytest.raises(StorageError) as caught:
            check_writable(disk)
        assert str(caught.value).startswith(f"{disk}: the disk is read-only")


@pytest.mark.parametrize("name", ["file", "file/below", "/proc/below", "x" * 300])
def test_a_folder_that_cannot_be_made_is_reported(tmp_path, name):
    (tmp_path / "file").touch()

    for make in (make_folder, lambda folder: write_json(1, folder / "a.json")):
        with pytest.raises(StorageError, match="cannot be made a folder") as caught:
            make(tmp_path / name)
        assert caught.value.file == tmp_path / name
        assert "name another folder" in str(caught.value)


def test_the_place_is_a_path():
    assert storage_error(OSError(errno.EIO, "x", b"a.csv")).file == Path("a.csv")


@pytest.mark.parametrize("name", ["my work", "{v1}", "a\tb"])
def test_a_repository_from_which_snakemake_starts_no_script_is_refused(name):
    check_place("/data/mimicflow-1.0_b'c")
    with pytest.raises(StorageError, match="blanks or braces"):
        check_place(f"/data/{name}/mimicflow")
