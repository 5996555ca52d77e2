"""The overlays run from raw files to fitted models."""

import shutil

import numpy as np
import pandas as pd
import pytest
import torch
import wfdb
import yaml
from checkouts import copy_repository


@pytest.fixture(scope="module")
def results(repository, tmp_path_factory):
    checkout = copy_repository(repository, tmp_path_factory.mktemp("published") / "mimicflow")
    run = checkout.snakemake(
        *("results/all_stays_model.pth", "results/all_stays_ECGonly.pth"),
        *("--configfile", "presets/published.yaml", "presets/seed.yaml", "presets/tiny.yaml"),
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


def test_the_switches_are_reported_beside_the_model(results):
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


def test_the_registry_of_mimic_is_built_from_its_tables_and_waveforms(
    repository, shared_data, tmp_path
):
    demo = shared_data / "mimic-iv-demo-2.2"
    stays = pd.read_csv(demo / "icu/icustays.csv.gz", parse_dates=["intime", "outtime"])
    stay = stays.iloc[0]
    patient = str(stay["subject_id"])
    start = (stay["intime"] + pd.Timedelta(hours=1)).to_pydatetime()
    folder = tmp_path / "wdb" / "waves" / f"p{patient[:3]}" / f"p{patient}" / "81000001"
    folder.mkdir(parents=True)
    wfdb.wrsamp(
        "81000001",
        fs=125,
        units=["mV"],
        sig_name=["II"],
        p_signal=np.sin(np.arange(125 * 600) / 20)[:, None],
        fmt=["16"],
        base_date=start.date(),
        base_time=start.time(),
        comments=[f"subject_id {patient}"],
        write_dir=str(folder),
    )
    checkout = copy_repository(repository, tmp_path / "mimicflow")
    overlay = {
        "data": {
            **{module: str(demo / module) for module in ("hosp", "icu")},
            "registry": "results/arrest/registry",
            "waveforms": str(tmp_path / "wdb"),
        }
    }
    (checkout.folder / "mimic.yaml").write_text(yaml.safe_dump(overlay))
    whole = checkout.planned("--configfile", "mimic.yaml", "--", "results/arrest/comparison.csv")
    assert whole["build_registry"] == 1 and whole["ingest_table"] == 6 and "make_icu" not in whole

    run = checkout.snakemake(
        "--configfile", "mimic.yaml", "--", "results/arrest/registry/recordings.csv"
    )

    assert run.returncode == 0, run.stdout + run.stderr
    results = checkout.folder / "results/arrest/registry"
    recordings = pd.read_csv(results / "recordings.csv", dtype=str)
    assert list(recordings["stay_id"]) == [str(stay["stay_id"])]
    assert recordings["record"].item() == f"waves/p{patient[:3]}/p{patient}/81000001/81000001"
    listed = pd.read_csv(results / "stays.csv")
    assert len(listed) == len(stays) and listed["death_time"].notna().any()
    assert "limits_time" not in listed  # the texts of this demo's code status are lost
