"""What can be seen and refused before any job runs."""

import gzip
import shutil

import pytest
import torch
import yaml
from checkouts import copy_repository


@pytest.fixture(scope="module")
def fresh(repository, tmp_path_factory):
    return copy_repository(repository, tmp_path_factory.mktemp("fresh") / "mimicflow")


def test_a_dry_run_on_a_fresh_clone_shows_the_whole_dag(fresh):
    planned = fresh.planned()

    assert planned["train_model"] == 4
    assert planned["pretrain_encoder"] == planned["build_cohort"] == 1
    assert planned["ingest_table"] == 14


def test_the_main_job_needs_one_model_only(fresh):
    planned = fresh.planned("results/all_stays_model.pth")

    assert planned["train_model"] == 1
    assert not {"fit_baseline", "fit_lightgbm"} & set(planned)


@pytest.mark.parametrize("option", ["--dag", "--rulegraph"])
def test_graphs_can_be_drawn(fresh, option):
    run = fresh.snakemake(option)

    assert run.returncode == 0
    assert "digraph snakemake_dag" in run.stdout
    assert "pretrain_encoder" in run.stdout


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        ({"cohort": {"max_ecg": 6}}, "did you mean 'max_ecgs'?"),
        ({"models": {"all_stays_model": {"epoch": 1}}}, "did you mean 'epochs'?"),
        ({"seed": "zero"}, "'seed' is 'zero', not keys with values or a whole number"),
        ({"cohort": {"stays_per_patient": "some"}}, "is 'some', not all, most_ecgs"),
        ({"mortality": {"protocols": {"audited": {"visit": "all"}}}}, "did you mean 'visits'?"),
        (
            {"mortality": {"protocols": {"mine": {"visits": "all"}}}},
            "'mortality.protocols.mine' lacks ",
        ),
        ({"models": {"mine": {"stays": "all"}}}, "'models.mine' lacks branches"),
        ({"split": {"folds": 2, "fold": 9}}, "'split.fold' is 9, but 'split.folds' is 2"),
    ],
)
def test_a_wrong_key_or_value_stops_before_any_job(fresh, overlay, message):
    file = fresh.folder / "wrong.yaml"
    file.write_text(yaml.safe_dump(overlay))

    run = fresh.snakemake("--configfile", str(file))

    assert run.returncode != 0
    assert message in run.stdout + run.stderr
    assert not (fresh.folder / "results").exists()


def test_a_missing_raw_table_is_named_with_what_to_do(fresh):
    file = fresh.folder / "nowhere.yaml"
    file.write_text(yaml.safe_dump({"data": {"hosp": "nowhere/hosp"}}))

    run = fresh.snakemake("--configfile", str(file))

    text = run.stdout + run.stderr
    assert run.returncode != 0
    assert "nowhere/hosp/" in text
    assert "correct data.hosp" in text
    assert not (fresh.folder / "results").exists()


def test_a_folder_that_only_a_late_job_reads_is_missed_before_the_first_one(fresh):
    """The registry is still to be made; its job would run first."""
    file = fresh.folder / "waveforms.yaml"
    file.write_text(yaml.safe_dump({"data": {"waveforms": "nowhere/waveforms"}}))

    run = fresh.snakemake("results/arrest/recordings/0.parquet", "--configfile", str(file))

    text = run.stdout + run.stderr
    assert run.returncode == 1
    assert "nowhere/waveforms: there is no such folder" in text
    assert "correct data.waveforms in the config" in text
    assert "Finished jobid" not in text
    assert not (fresh.folder / "results").exists()


HEADER = b"subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod\n"
PATIENTS = HEADER + b"".join(b"%d,F,50,2150,2011 - 2013,\n" % i for i in range(10**4, 10**5))
BAD_FILES = {
    "html": (b"<!DOCTYPE html><html>Please log in</html>", "web page"),
    "truncated": (gzip.compress(PATIENTS)[:100_000], "ends too early"),
    "semicolons": (gzip.compress(HEADER.replace(b",", b";")), "separated by semicolons"),
    "numbers": (gzip.compress(PATIENTS.replace(b",50,", b",fifty,")), "90000 of 90000 rows"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_raw_file_ends_in_one_clear_message_and_leaves_no_output(fresh, case):
    content, message = BAD_FILES[case]
    folder = fresh.folder / "bad/hosp"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "patients.csv.gz").write_bytes(content)
    file = fresh.folder / "bad.yaml"
    file.write_text(yaml.safe_dump({"data": {"hosp": "bad/hosp"}}))
    target = fresh.folder / "results/tables/hosp/patients"

    run = fresh.snakemake("results/tables/hosp/patients/0.parquet", "--configfile", str(file))

    text = run.stdout + run.stderr
    assert run.returncode != 0
    assert message in text
    assert "patients.csv.gz" in text and "What to do" in text
    assert [path for path in target.rglob("*") if path.is_file()] == []
    shutil.rmtree(fresh.folder / "results")


@pytest.fixture(scope="module")
def own_weights(fresh, bring_weights):
    """The overlay that `mimicflow encoder describe` prints for a file of another run."""
    file = bring_weights(fresh.folder)
    said = fresh.mimicflow(
        "encoder", "describe", file.name, "--source", "a test", "--licence", "MIT"
    )
    assert said.returncode == 0, said.stderr
    overlay = fresh.folder / "own_weights.yaml"
    overlay.write_text(said.stdout)
    return overlay


PRETRAINING = {"pretrain_encoder", "build_pretraining_targets", "initialise_encoder"}


def test_weights_of_ones_own_take_the_place_of_pretraining(fresh, own_weights):
    planned = fresh.planned("results/all_stays_model.pth", "--configfile", str(own_weights))

    assert planned["import_encoder"] == planned["train_model"] == 1
    assert not PRETRAINING & set(planned)


def test_weights_of_ones_own_stand_beside_pretraining_as_a_scenario(fresh, own_weights):
    overlay = {"scenarios": {"own": yaml.safe_load(own_weights.read_text())}}
    file = fresh.folder / "own_scenario.yaml"
    file.write_text(yaml.safe_dump(overlay))

    planned = fresh.planned("scenarios", "--configfile", str(file))

    assert planned["import_encoder"] == planned["pretrain_encoder"] == 1
    assert planned["train_model"] == 2


def test_weights_of_ones_own_are_imported_by_one_job(fresh, own_weights):
    target = "results/pretrained_model.pth"

    run = fresh.snakemake(target, "--configfile", str(own_weights))

    assert run.returncode == 0, run.stdout + run.stderr
    content = torch.load(fresh.folder / target, weights_only=True)
    assert content["pretraining"]["file"] == "own.pth"
    assert "tested patients" in (fresh.folder / "results/logs/import_encoder.log").read_text()
    shutil.rmtree(fresh.folder / "results")
