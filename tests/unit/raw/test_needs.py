"""Everything that a system reads is looked at before the first job, all problems at once."""

import gzip

import pytest
from snakemake.common.configfile import load_configfile
from snakemake_interface_common.exceptions import WorkflowError
from typer.testing import CliRunner

from mimicflow.cli import app
from mimicflow.errors import InputError
from mimicflow.raw.needs import REGISTRY, SECTIONS, check_raw, check_system, tables_of
from mimicflow.raw.tables import TABLES
from mimicflow.running import origin

CONFIG = {"pretraining": {"patients": "not_test"}}


@pytest.fixture
def data(tmp_path):
    """Folders of real files, each with its header alone."""
    for table in TABLES.values():
        file = tmp_path / table.module / f"{table.name}.csv.gz"
        file.parent.mkdir(exist_ok=True)
        header = ",".join(column.name for column in table.columns)
        file.write_bytes(gzip.compress(f"{header}\n".encode()))
    for name in REGISTRY:
        (tmp_path / "registry").mkdir(exist_ok=True)
        (tmp_path / f"registry/{name}.csv").write_text("stay_id,patient_id\n")
    (tmp_path / "waveforms/p10").mkdir(parents=True)
    return {section: str(tmp_path / section) for section in origin.MADE}


def test_what_is_there_is_enough_and_what_rules_make_is_not_looked_at(data):
    for system in SECTIONS:
        check_system(system, {**CONFIG, "data": data})
        check_system(system, {**CONFIG, "data": dict(origin.MADE)})
    check_raw({**data, **origin.BUILT}, tables_of("arrest", CONFIG), SECTIONS["arrest"])


def test_all_that_is_missing_is_reported_at_once_with_remedies(data, tmp_path):
    (tmp_path / "hosp/admissions.csv.gz").unlink()
    (tmp_path / "ed/pyxis.csv.gz").write_bytes(b"<!DOCTYPE html><html>Please log in</html>")
    data["ecg"] = str(tmp_path / "nowhere")

    with pytest.raises(InputError) as error:
        check_system("admission", {**CONFIG, "data": data})

    said = str(error.value)
    assert "5 inputs cannot be used" in said  # two tables of the folder, and the folder itself
    for part in ("admissions.csv.gz: the file is missing", "pyxis.csv.gz: this is a web page",
                 "nowhere: there is no such folder", "correct data.ecg in the config"):  # fmt: skip
        assert part in said


@pytest.mark.parametrize("missing", ["registry/arrests.csv", "waveforms/p10"])
def test_arrest_needs_its_registry_and_its_recordings(data, tmp_path, missing):
    path = tmp_path / missing
    path.rmdir() if path.is_dir() else path.unlink()

    with pytest.raises(InputError, match=r"the file is missing|the folder is empty"):
        check_system("arrest", {**CONFIG, "data": data})
    check_system("admission", {**CONFIG, "data": data})


def test_the_command_says_what_is_there(repository, monkeypatch):
    monkeypatch.chdir(repository)

    result = CliRunner().invoke(app, ["check", "mortality"])
    assert result.exit_code == 0, result.output
    assert "mortality: everything that it reads is there." in result.output

    result = CliRunner().invoke(app, ["check"])
    assert result.output.count("everything that it reads is there.") == 3

    result = CliRunner().invoke(app, ["check", "--configfile", "nowhere.yaml"])
    assert result.exit_code == 1
    assert "nowhere.yaml: cannot be read" in result.output

    result = CliRunner().invoke(app, ["check", "morality"])
    assert result.exit_code == 1
    assert "choose of admission, mortality, arrest" in result.output


@pytest.fixture
def overlays(repository, monkeypatch, tmp_path):
    monkeypatch.chdir(repository)
    (tmp_path / "a.yaml").write_text("data: {hosp: nowhere/hosp, icu: nowhere/icu}")
    (tmp_path / "b.yaml").write_text("data: {icu: results/synthetic/icu}")
    (tmp_path / "c.yaml").write_text("data: {hosp: results/synthetic/hosp}")
    return [str(tmp_path / f"{name}.yaml") for name in "abc"]


def test_every_system_has_its_own_result(overlays):
    result = CliRunner().invoke(app, ["check", "--configfile", overlays[0]])

    assert result.exit_code == 1
    assert "Error: admission: 5 inputs cannot be used" in result.output
    assert "Error: mortality: 6 inputs cannot be used" in result.output
    assert "arrest: everything that it reads is there." in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["--configfile", "0", "1", "2"],
        ["--configfiles", "0", "1", "2", "--", "mortality"],
        ["--configfile", "0", "--configfile", "1", "2", "mortality"],
        ["mortality", "arrest", "--configfile", "0", "1", "2"],
        ["--configfile=0", "--configfile", "1", "--configfile=2"],
    ],
)
def test_several_files_are_taken_as_snakemake_takes_them(overlays, arguments):
    for number, file in enumerate(overlays):
        arguments = [
            file if word == str(number) else word.replace(f"={number}", f"={file}")
            for word in arguments
        ]

    result = CliRunner().invoke(app, ["check", *arguments])

    assert result.exit_code == 0, result.output
    assert "mortality: everything" in result.output


@pytest.mark.parametrize("content", ["", "# nothing yet", "- a"])
def test_an_overlay_that_snakemake_refuses_is_refused(overlays, tmp_path, content):
    file = tmp_path / "a.yaml"
    file.write_text(content)
    with pytest.raises(WorkflowError, match="with keys at top level"):
        load_configfile(file)

    result = CliRunner().invoke(app, ["check", "--configfile", str(file)])

    assert result.exit_code == 1
    assert "not a mapping of keys to values" in result.output


def test_values_that_contradict_each_other_are_refused_too(overlays, tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("split: {folds: 2, fold: 9}")

    result = CliRunner().invoke(app, ["check", "--configfile", str(file)])

    assert result.exit_code == 1
    assert "'split.fold' is 9, but 'split.folds' is 2" in result.output
