"""One table of all that a target needs, before any job: ``mimicflow check``."""

import gzip
import json
import re
from importlib.metadata import version

import pandas as pd
import pytest
from snakemake.common.configfile import load_configfile
from snakemake_interface_common.exceptions import WorkflowError
from typer.testing import CliRunner

from mimicflow.cli import app
from mimicflow.errors import ConfigError
from mimicflow.raw.needs import Need
from mimicflow.readiness import machine
from mimicflow.readiness.inputs import count_rows, disk_of, release_by_path, rows_about
from mimicflow.readiness.looks import MISSING, OK, SHORT
from mimicflow.readiness.targets import TARGETS, systems_of
from mimicflow.reference import reference
from mimicflow.running.starting.project import make_project

SYNTHETIC = {"n_patients": 0, "icu": {"n_patients": 0}}


def check(*arguments):
    return CliRunner().invoke(app, ["check", *arguments])


def verdicts(*arguments):
    return {row["part"]: row["verdict"] for row in json.loads(check(*arguments, "--json").stdout)}


def test_the_table_has_machine_and_files(repository, monkeypatch):
    monkeypatch.chdir(repository)

    result = check("mortality")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].split() == ["what", "found", "needed"]
    for part in ("configuration", "python", "packages", "cores", "memory", "disk", "GPU", "sbatch",
                 "hosp/admissions", "icu/icustays"):  # fmt: skip
        assert any(line.startswith(f"{part} ") for line in lines), part
    assert not any("ed/" in line for line in lines)
    assert version("torch") in result.output

    assert {"ed/edstays", "icu/icustays", "waveforms"} <= verdicts().keys()

    result = check("--configfile", "nowhere.yaml")
    assert result.exit_code == 1
    assert "nowhere.yaml: cannot be read" in result.output

    result = check("morality")
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
    result = check("--configfile", overlays[0])

    assert result.exit_code == 1
    assert "Error: admission: 5 inputs cannot be used" in result.output
    assert "Error: mortality: 6 inputs cannot be used" in result.output
    assert "Error: arrest" not in result.output
    found = verdicts("--configfile", overlays[0])
    assert found["hosp/patients"] == MISSING
    assert found["waveforms"] == OK


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

    result = check(*arguments)

    assert result.exit_code == 0, result.output
    assert re.search(r"icu/icustays +ok +made by the workflow", result.output)


def test_in_a_project_the_workflow_is_found_and_its_own_configuration_is_laid_over(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert verdicts("mortality")["hosp/patients"] == OK, "a folder without any configuration"
    make_project(".")
    (tmp_path / "config.yaml").write_text("data: {hosp: nowhere/hosp}")

    result = check("mortality")

    assert result.exit_code == 1
    assert "nowhere/hosp" in result.output
    assert re.search(r"configuration +ok +config.yaml, config.yaml", result.output)


@pytest.mark.parametrize("content", ["", "# nothing yet", "- a"])
def test_an_overlay_that_snakemake_refuses_is_refused(overlays, tmp_path, content):
    file = tmp_path / "a.yaml"
    file.write_text(content)
    with pytest.raises(WorkflowError, match="with keys at top level"):
        load_configfile(file)

    result = check("--configfile", str(file))

    assert result.exit_code == 1
    assert "not a mapping of keys to values" in result.output


def test_values_that_contradict_each_other_are_refused_too(overlays, tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("split: {folds: 2, fold: 9}")

    result = check("--configfile", str(file))

    assert result.exit_code == 1
    assert "'split.fold' is 9, but 'split.folds' is 2" in result.output


def test_every_target_rule_of_the_snakefile_can_be_asked_for(repository):
    rules = re.findall(r"^rule (\w+):", (repository / "Snakefile").read_text(), re.MULTILINE)

    assert set(rules) | {"admission"} == TARGETS.keys()


@pytest.mark.parametrize(
    "targets, systems",
    [
        ([], ["admission", "mortality", "arrest"]),
        (["arrest", "first"], ["admission", "arrest"]),
        (["results/all_stays_model.pth"], ["admission"]),
        (["results/scenarios/late/mortality/comparison.csv"], ["mortality"]),
        (["results/report.html"], ["admission", "mortality", "arrest"]),
    ],
)
def test_a_target_is_of_the_systems_that_it_reads(targets, systems):
    assert systems_of(targets) == systems


def test_a_word_that_is_no_target_is_refused():
    with pytest.raises(ConfigError, match="no system and no target is called model"):
        systems_of(["model.pth"])


def test_too_little_disk_and_memory_are_said(monkeypatch, tmp_path):
    looks = {look.part: look for look in machine.look_at_machine(tmp_path / "results", 1e18)}
    assert looks["disk"].verdict == SHORT
    assert "1,000,000,000.0 GB" in looks["disk"].needed
    assert looks["memory"].verdict == OK

    monkeypatch.setattr(machine, "JOB_MB", 10**9)
    looks = {look.part: look for look in machine.look_at_machine(tmp_path, 0)}
    assert looks["memory"].verdict == SHORT
    assert looks["disk"].verdict == OK


def test_packages_that_are_lacking_or_too_old_end_runs(monkeypatch):
    monkeypatch.setattr(
        machine, "requires", lambda name: ["nowhere>=1", "numpy>=99", 'x; extra == "dev"']
    )

    look = {look.part: look for look in machine.look_at_machine(machine.Path(), 0)}["packages"]

    assert look.verdict == MISSING
    assert look.found == f"no nowhere; numpy {version('numpy')} is not >=99"


def test_the_largest_job_asks_for_what_is_said(repository):
    asked = [
        int(mb)
        for file in (repository / "rules").glob("*.smk")
        for mb in re.findall(r"memory\((\d+)\)", file.read_text())
    ]

    assert max(asked) == machine.JOB_MB


@pytest.mark.parametrize("packed", [False, True])
def test_rows_are_estimated_from_the_beginning(tmp_path, packed):
    lines = "".join(f"{number},{number * 7919 % 10007}\n" for number in range(4_000_000))
    content = f"subject_id,value\n{lines}".encode()
    file = tmp_path / ("table.csv.gz" if packed else "table.csv")
    file.write_bytes(gzip.compress(content, 1) if packed else content)
    assert file.stat().st_size > 10 << 20

    assert rows_about(file) == pytest.approx(4_000_000, rel=0.15)
    content = b"subject_id,value\n"
    file.write_bytes(gzip.compress(content) if packed else content)
    assert rows_about(file) == 0


def test_a_file_whose_beginning_is_damaged_is_said_before_any_job(repository, tmp_path):
    """Behind a header that can be read."""
    file = tmp_path / "patients.csv.gz"
    packed = gzip.compress(b"subject_id,gender\n" + bytes(range(256)) * 1000)
    file.write_bytes(packed[:300] + b"\xff" * 100 + packed[400:])

    needs, rows = count_rows({"mortality": [Need("hosp/patients", file)]})

    [need] = needs["mortality"]
    assert rows == {}
    assert str(file) in str(need.problem) and "What to do" in str(need.problem)


@pytest.mark.parametrize("system", ["admission", "mortality"])
def test_disk_is_foretold_as_it_was_measured(repository, system, tmp_path):
    """At 100 times the default: what all stages wrote, by the rows of raw tables."""
    measured = pd.read_csv(repository / "docs/scaling.csv").query("system == @system")
    largest = measured[measured["scale"] == 100]
    counts = pd.read_csv(repository / "docs/scaling.csv").query("scale == 100")
    counts = counts.drop_duplicates("driver").set_index("driver")["count"]
    tables = pd.read_csv(reference("disk.csv")).query("system == @system and table != 'synthetic'")[
        "table"
    ]
    needs = [Need(table, tmp_path) for table in tables]

    foretold = disk_of({system: needs}, counts.to_dict(), SYNTHETIC)

    # A little more: there, what mortality shares with admission counted once.
    assert 1 <= foretold / (largest["disk_mb"].sum() * 1e6) < 1.25


def test_a_made_up_hospital_takes_what_its_patients_take():
    """A tiny run of 200 and 60 patients took 139 MB, with ECGs at half the rate."""
    tiny = {"n_patients": 200, "icu": {"n_patients": 60}}
    needs = {system: [Need("made", None)] for system in ("admission", "mortality", "arrest")}

    assert 1 < disk_of(needs, {}, tiny) / 139e6 < 1.2


@pytest.mark.parametrize(
    "path, release",
    [
        ("/data/mimic-iv-3.1/hosp", "mimic-iv 3.1"),
        ("/data/physionet.org/files/mimiciv/3.1/icu", "mimiciv 3.1"),
        ("/data/mimic-iv-ed/2.2/ed/edstays.csv.gz", "mimic-iv-ed 2.2"),
        ("/data/hosp", ""),
    ],
)
def test_a_release_is_read_from_the_path(path, release):
    assert release_by_path(machine.Path(path)) == release
