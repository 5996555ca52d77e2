"""The overlays run from raw files to fitted models."""

import shutil

import pandas as pd
import pytest
import torch
import yaml

from .conftest import copy_repository


@pytest.fixture(scope="module")
def results(repository, tmp_path_factory):
    checkout = copy_repository(repository, tmp_path_factory.mktemp("published") / "mimicflow")
    run = checkout.snakemake(
        *("results/all_stays_model.pth", "results/all_stays_ECGonly.pth"),
        *("--configfile", "presets/tiny.yaml", "presets/published.yaml", "presets/seed.yaml"),
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return checkout.folder / "results"


def test_discharge_is_the_positive_class_of_the_first_release(results):
    stays = pd.read_parquet(results / "cohort/stays.parquet")

    assert (stays["label"] == (stays["disposition"] == "HOME")).all()
    assert stays["subject_id"].is_unique


def test_published_fills_leave_nothing_missing(results):
    table = pd.read_parquet(results / "final_ecgs.parquet")

    assert table["missing_acuity"].eq(0).all()
    assert table["tropT_first"].notna().all()
    assert (table["path_5"] == "0").any()


def test_the_switches_are_told_beside_the_model(results):
    config = yaml.safe_load((results / "admission/all_stays_ECGonly/config.yaml").read_text())

    assert config["encoder"]["stem"] == "forgotten"
    assert config["model"]["unfreeze"] == "all"
    assert config["signal"]["powerline"] == 50
    assert torch.load(results / "all_stays_ECGonly.pth", weights_only=True)


def test_the_demo_preset_runs_on_files_laid_out_as_downloaded(repository, shared_data, tmp_path):
    """The ECG demo has no machine measurements; hybrid data stand in for the ED and ECG demos."""
    checkout = copy_repository(repository, tmp_path / "demo")
    for source, target in {
        "mimic-iv-demo-2.2/hosp": "mimic-iv-demo/2.2/hosp",
        "open-ed-hybrid/ed": "mimic-iv-ed-demo/2.2/ed",
        "open-ed-hybrid/ecg": "mimic-iv-ecg-demo/0.1",
    }.items():
        ignored = shutil.ignore_patterns("machine_measurements.csv")
        shutil.copytree(shared_data / source, checkout.folder / "data" / target, ignore=ignored)

    run = checkout.snakemake(
        *("results/all_stays_model.pth", "--configfile", "presets/tiny.yaml", "presets/demo.yaml")
    )

    assert run.returncode == 0, run.stdout + run.stderr
    encoder = torch.load(checkout.folder / "results/pretrained_model.pth", weights_only=True)
    assert encoder["pretraining"] is None
    assert len(pd.read_parquet(checkout.folder / "results/cohort/stays.parquet")) == 85
