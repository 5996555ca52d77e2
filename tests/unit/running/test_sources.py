import re
from pathlib import Path

import pytest

from mimicflow.running import sources as provenance
from mimicflow.running.sources import content_of, source_files


def test_a_module_brings_all_that_it_imports():
    files = {Path(file).name for file in source_files("raw.ingest")}

    assert {"ingest.py", "hosp.py", "schema.py", "files.py"} <= files
    assert "resnet.py" not in files


def test_modules_that_only_tell_are_left_out():
    assert not any(
        file.endswith(("errors.py", "scripting.py")) for file in source_files("raw.ingest")
    )


@pytest.mark.parametrize(
    ("module", "read"),
    [
        ("synthetic", "synthetic/vocabulary/dirt.csv"),
        ("synthetic.waveforms", "synthetic/vocabulary/leads.csv"),
        ("mortality.cohort", "reference/icu_attrition.csv"),
        ("concepts.groups", "reference/arrivals.csv"),
        ("arrest.training", "reference/hrv_measures.csv"),
        ("evaluation.documents.checklist", "evaluation/documents/templates/tripod_ai.md.j2"),
        ("report", "report/templates/style.css"),
    ],
)
def test_a_module_brings_the_tables_and_templates_that_it_reads(repository, module, read):
    assert f"src/mimicflow/{read}" in source_files(module, relative_to=repository)


def test_a_module_brings_no_table_that_it_does_not_name():
    found = {Path(file).name for file in source_files("raw.ingest")}

    assert not {"labs.csv", "dirt.csv", "complaints.csv"} & found


def test_tables_are_opened_by_names_that_can_be_followed():
    """Those that are not are listed by the rules: SQL's, the report's texts, one of ingestion's."""
    made = {
        str(file.relative_to(provenance.PACKAGE))
        for file in provenance.PACKAGE.rglob("*.py")
        if re.search(r'(reference\(|FOLDER|parent|__file__).*f"[\w./]*\{.*\.csv"', file.read_text())
    }

    assert made == {"concepts/__init__.py", "report/inputs.py", "raw/ingest.py"}


def test_data_files_are_named_by_their_place(repository):
    assert source_files("reference/labs.csv", relative_to=repository) == [
        "src/mimicflow/reference/labs.csv"
    ]


@pytest.mark.parametrize("name", ["no_such_module", "reference/no_such.csv"])
def test_an_unknown_name_is_refused(name):
    with pytest.raises(FileNotFoundError):
        source_files(name)


def test_the_digest_of_code_follows_its_content_and_nothing_else(tmp_path):
    for folder in ("here", "elsewhere"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.py").write_text("a = 1")
        (tmp_path / folder / "b.sql").write_text("SELECT 1")
    files = [tmp_path / "here/a.py", tmp_path / "here/b.sql"]
    moved = [tmp_path / "elsewhere/b.sql", tmp_path / "elsewhere/a.py"]
    (tmp_path / "other.py").write_text("a = 2")

    assert content_of(files) == content_of(moved)
    assert content_of(files) != content_of([*files[:1], tmp_path / "other.py"])
    assert content_of(files) != content_of(files[:1])


@pytest.mark.parametrize("before", ["", "/src/mimicflow/", ".snakemake/storage/fs/volume/"])
def test_an_input_is_a_file_of_the_package_wherever_storage_puts_it(before):
    file = provenance.package_file(f"{before}src/mimicflow/reference/labs.csv")

    assert file == provenance.PACKAGE / "reference/labs.csv"
    assert file.is_file()


def test_every_module_of_the_package_is_reached_by_some_name():
    package = provenance.PACKAGE
    for file in package.rglob("*.py"):
        name = ".".join(file.relative_to(package).with_suffix("").parts).removesuffix(".__init__")
        if name not in ("__init__", ""):
            assert str(file.name) in {Path(found).name for found in source_files(name)}
