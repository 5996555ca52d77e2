import re
from pathlib import Path

import pytest

from mimicflow.running import sources as provenance
from mimicflow.running.sources import content_of, sources


def test_a_module_brings_all_that_it_imports():
    files = {Path(file).name for file in sources("raw.ingest")}

    assert {"ingest.py", "hosp.py", "schema.py", "files.py"} <= files
    assert "resnet.py" not in files


def test_modules_without_an_effect_are_left_out():
    assert not any(file.endswith(("errors.py", "rule_log.py")) for file in sources("raw.ingest"))


@pytest.mark.parametrize(
    ("module", "read"),
    [
        ("synthetic", "synthetic/vocabulary/dirt.csv"),
        ("synthetic.waveforms", "synthetic/vocabulary/leads.csv"),
        ("raw.ingest", "raw/tables/versions.csv"),
        ("mortality.cohort", "reference/icu_attrition.csv"),
        ("concepts.groups", "reference/arrivals.csv"),
        ("arrest.training", "reference/hrv_measures.csv"),
        ("evaluation.documents.checklist", "evaluation/documents/templates/tripod_ai.md.j2"),
        ("report", "report/sections.csv"),
        ("report", "report/templates/style.css"),
        ("concepts/stays/cohort.sql", "concepts/complaints.sql"),
        ("concepts/stays/cohort.sql", "reference/complaints.csv"),
    ],
)
def test_what_a_file_reads_is_followed(repository, module, read):
    assert f"src/mimicflow/{read}" in sources(module, relative_to=repository)


def test_a_module_brings_no_table_that_it_does_not_name():
    found = {Path(file).name for file in sources("raw.ingest")}

    assert not {"lab_units.csv", "dirt.csv", "complaints.csv"} & found


@pytest.mark.parametrize("argument", ["name", 'f"{name}.csv"', '"labs" + ending', ""])
def test_a_reference_table_whose_name_is_not_written_out_is_refused(
    tmp_path, monkeypatch, argument
):
    (tmp_path / "module.py").write_text(f"import pandas\nTABLE = reference({argument})\n")
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path)

    with pytest.raises(ValueError, match=r"module\.py:2: reference\(\) needs a name"):
        sources("module")


@pytest.mark.parametrize(
    "line",
    ["tables.reference('labs.csv')", "from mimicflow.reference import reference as table"],
)
def test_a_reference_table_that_is_read_under_another_name_is_refused(tmp_path, monkeypatch, line):
    (tmp_path / "module.py").write_text(f"import mimicflow.reference as tables\n{line}\n")
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path)

    with pytest.raises(ValueError, match=r"module\.py:[12]: reference.. is called by its own"):
        sources("module")


def test_a_module_asks_for_its_place_only_where_it_is_followed():
    """But for SQL, which rules choose, and for folders of which it reads no file."""
    followed = r'Path\(__file__\)\.parent / "[\w./]+"'
    asking = {
        str(file.relative_to(provenance.PACKAGE))
        for file in provenance.PACKAGE.rglob("*.py")
        if "__file__" in re.sub(followed, "", file.read_text())
    }

    assert asking == {
        *("concepts/__init__.py", "reference/__init__.py"),
        *("report/run_manifest.py", "running/sources.py"),
    }


def test_files_are_named_by_their_place(repository):
    assert sources("reference/labs.csv", relative_to=repository) == [
        "src/mimicflow/reference/labs.csv"
    ]


@pytest.mark.parametrize("name", ["no_such_module", "reference/no_such.csv"])
def test_an_unknown_name_is_refused(name):
    with pytest.raises(FileNotFoundError):
        sources(name)


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
            assert str(file.name) in {Path(found).name for found in sources(name)}
