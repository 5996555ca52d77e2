"""Nothing but the data files of a run says of whom it is, and only the owner can read them.

Run on the real, open demo. Its identifiers are those of subjects, admissions and ICU stays:
numbers of eight digits, so that one of them is hardly found by chance.
"""

import csv
import gzip
import io
import os
import re
import stat
import zipfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from checkouts import copy_repository
from small_cells import attack

from mimicflow.running.privacy import kind_of

IDENTIFIERS = ("subject_id", "hadm_id", "stay_id")
WHOLE_NUMBER = re.compile(rb"(?<![0-9])[0-9]{8,9}(?![0-9])")  # a study_id has nine
# Data files below results/, of which every row is a patient, a stay or a visit: whoever works with
# them needs to know which. Each pattern, and why.
EXEMPT = {
    "results/tables/*/*/[0-9]*.parquet": "the raw tables, typed",
    "results/tables/*/*/rejects.parquet": "the text of raw rows that cannot be used",
    "results/mortality/stays.parquet": "who is in the cohort",
    "results/mortality/spine.parquet": "in which part of the split each patient is",
    "results/mortality/*/spine.parquet": "the outcome of each stay",
    "results/mortality/*/visits/*.parquet": "the codes of each visit",
    "results/mortality/*/sequences.npz": "the same as vectors",
    "results/mortality/*/*/predictions.parquet": "the probability of each stay",
}


@pytest.fixture(scope="module")
def run(demo_run):
    """The folder of that run, and all that it said."""
    return demo_run.folder, (demo_run.folder / "said").read_text()


@pytest.fixture(scope="module")
def identifiers(shared_data):
    """Every identifier of the demo."""
    found = set()
    for file in (shared_data / "mimic-iv-demo-2.2").glob("*/*.csv.gz"):
        with gzip.open(file, "rt") as stream:
            for row in csv.DictReader(stream):
                found |= {row[name] for name in IDENTIFIERS if row.get(name)}
    assert all(re.fullmatch("[0-9]{8}", identifier) for identifier in found)
    return {identifier.encode() for identifier in found}


def found_in(content: bytes, identifiers: set[bytes]) -> set[bytes]:
    """Return the identifiers in a file, and in what it holds when it is an archive."""
    found = identifiers & set(WHOLE_NUMBER.findall(content))
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                found |= found_in(name.encode(), identifiers)
                found |= found_in(archive.read(name), identifiers)
    if content.startswith(b"\x1f\x8b"):
        found |= found_in(gzip.decompress(content), identifiers)
    return found


def is_exempt(path: Path) -> bool:
    return any(path.match(pattern) for pattern in EXEMPT)


def is_for_readers(path: Path, results: Path) -> bool:
    return kind_of(path.relative_to(results).as_posix()) == "aggregate"


def produced(folder: Path) -> list[Path]:
    """Return all files of a run, relative to its folder."""
    found = [file for name in ("results", ".snakemake") for file in (folder / name).rglob("*")]
    return sorted(path.relative_to(folder) for path in [*found, folder / "r.zip"] if path.is_file())


def test_the_search_finds_what_it_is_for(identifiers):
    some = min(identifiers)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("page.html", b"x" * 1000 + b"<td>" + some + b"</td>")
    for content in (
        *(b"stay " + some + b"\n", b'{"a": ' + some + b"}", b"p" + some + b"/1"),
        *(archive.getvalue(), gzip.compress(b"stay " + some)),
    ):
        assert found_in(content, identifiers) == {some}
    for content in (b"1" + some, some + b"0", b"no number"):
        assert not found_in(content, identifiers)
    assert len(identifiers) == 515


def test_no_identifier_outside_of_data_files(run, identifiers):
    folder, _ = run
    searched = [path for path in produced(folder) if not is_exempt(path)]
    names = {path.as_posix() for path in searched}

    assert {
        *("results/mortality/manifest.json", "results/mortality/comparison.csv", "r.zip"),
        *("results/mortality/audited/lstm.pth", "results/mortality/audited/med2vec.kv"),
        *("results/mortality/audited/table_one.csv", "results/tables/icu/icustays/report.json"),
        "results/logs/ingest_table/hosp_patients.log",
        "results/benchmarks/ingest_table/hosp_patients.tsv",
    } <= names
    assert any(name.startswith(".snakemake/log/") for name in names)
    assert any(name.startswith(".snakemake/metadata/") for name in names)
    for path in searched:
        assert not found_in(path.as_posix().encode(), identifiers), path
        assert not found_in((folder / path).read_bytes(), identifiers), path


def test_no_few_patients_can_be_read_or_worked_out_of_tables_for_readers(run):
    results = run[0] / "results"
    for_readers = [path for path in results.rglob("*.csv") if is_for_readers(path, results)]

    assert {"attrition.csv", "table_one.csv", "confusion.csv", "comparison.csv"} <= {
        path.name for path in for_readers
    }
    assert attack(results, kept=lambda path: kind_of(path) == "aggregate") == []


def test_what_the_run_says_has_no_identifier(run, identifiers):
    said = run[1]

    assert "Finished jobid" in said and "100%" in said
    assert not found_in(said.encode(), identifiers)


def test_models_hold_no_identifier_as_a_number(run, identifiers):
    """Tensors are binary: what is text above is numbers here."""
    numbers = np.array(sorted(map(int, identifiers)))
    models = sorted((run[0] / "results/mortality").rglob("*.pth"))

    def arrays(content):
        if isinstance(content, torch.Tensor):
            yield content.numpy()
        elif isinstance(content, dict):
            for key, value in content.items():
                yield from arrays(key)
                yield from arrays(value)
        elif isinstance(content, list | tuple):
            for value in content:
                yield from arrays(value)
        elif isinstance(content, int | float):
            yield np.array([content])

    assert models
    for model in models:
        values = [*arrays(torch.load(model, weights_only=True))]
        assert values, model
        assert not any(np.isin(array, numbers).any() for array in values), model


def test_exempt_are_files_of_rows_by_patient_alone(run):
    """A pattern that exempts anything else, or nothing, has no place in the list."""
    files = produced(run[0])

    for pattern in EXEMPT:
        exempt = [path for path in files if path.match(pattern)]
        assert exempt, pattern
        for path in exempt:
            if path.suffix == ".npz":
                columns = set(np.load(run[0] / path, allow_pickle=False))
            else:
                columns = set(pq.read_schema(run[0] / path).names)
            assert columns & {*IDENTIFIERS, "text"}, path


def others_may(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode) & 0o077


def test_only_the_owner_can_read_results_of_real_patients(run):
    results = run[0] / "results"
    made = [results, *(path for path in results.rglob("*") if not path.is_symlink())]

    assert stat.S_IMODE(results.stat().st_mode) == 0o700
    assert len(made) > 100
    assert [path for path in made if others_may(path)] == []
    assert others_may(run[0] / "r.zip") == 0
    assert others_may(run[0] / ".snakemake") == 0  # a closed door, before logs and metadata


@pytest.mark.parametrize(
    ("private", "expected"), [("auto", (0o755, 0o644)), ("always", (0o700, 0o600))]
)
def test_synthetic_results_are_as_private_as_the_user_has_it(
    repository, tmp_path, private, expected
):
    """Jobs inherit the mask: the made-up hospital is written by one."""
    copied = copy_repository(repository, tmp_path / "mimicflow")
    (copied.folder / "mine.yaml").write_text(yaml.safe_dump({"private_results": private}))
    target = "results/synthetic/hosp/patients.csv.gz"
    before = os.umask(0o022)
    try:
        made = copied.snakemake("--configfile", "presets/tiny.yaml", "mine.yaml", "--", target)
    finally:
        os.umask(before)

    assert made.returncode == 0, made.stdout + made.stderr
    file = copied.folder / target
    folders = [file.parent, copied.folder / "results", copied.folder / "results/logs"]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {expected[0]}
    assert stat.S_IMODE(file.stat().st_mode) == expected[1]
