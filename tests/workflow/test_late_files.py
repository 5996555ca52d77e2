"""Records that are still to be downloaded: taken once they are there, and nothing runs before."""

import shutil

import numpy as np
import pandas as pd
import pytest
import wfdb
import yaml
from checkouts import copy_repository

from mimicflow.ecg.records import LEADS

TARGETS = ("results/ecg/excluded.csv", "results/arrest/recordings/0.parquet")
STORE = {"build_ecg_store": 1, "collect_ecg_records": 1}


@pytest.fixture(scope="module")
def waiting(repository, tmp_path_factory):
    """A checkout whose ECGs and recordings are elsewhere still, but for some."""
    base = tmp_path_factory.mktemp("late")
    checkout = copy_repository(repository, base / "mimicflow")
    ecg, registry, elsewhere = base / "ecg", base / "registry", base / "elsewhere"
    for folder in (ecg, registry, elsewhere):
        folder.mkdir()
    draw = np.random.default_rng(0)
    for study in range(101, 113):
        write(elsewhere, str(study), LEADS, draw)
    for record in ("r1", "r2"):
        write(elsewhere, record, ["II"], draw)
    times = pd.date_range("2150-01-01 08:00", periods=12)
    pd.DataFrame(
        {"subject_id": 1, "study_id": range(101, 113), "file_name": range(101, 113)}
    ).assign(ecg_time=times, path=[str(study) for study in range(101, 113)]).to_csv(
        ecg / "record_list.csv", index=False
    )
    (registry / "recordings.csv").write_text(
        "patient_id,stay_id,record,start_time,ecg_lead,monitor\n"
        "p1,s1,r1,2150-01-01 00:00:00,,M\np2,s2,r2,2150-01-01 00:00:00,,M\n"
    )
    (registry / "stays.csv").write_text(
        "patient_id,stay_id,age,sex,icu,intime,outtime\n"
        "p1,s1,60,F,MICU,2150-01-01 00:00:00,2150-01-02 00:00:00\n"
    )
    (registry / "arrests.csv").write_text("stay_id,cpr_time\n")
    overlay = {
        "data": {"ecg": str(ecg), "registry": str(registry), "waveforms": str(registry)},
        "ingest": {"shards": 1},
        "arrest": {"groups": 1},
    }
    (checkout.folder / "late.yaml").write_text(yaml.safe_dump(overlay))
    return checkout, ecg, registry, elsewhere


def write(folder, name, leads, draw):
    wfdb.wrsamp(
        name, 250, ["mV"] * len(leads), list(leads), draw.normal(size=(1000, len(leads))),
        fmt=["16"] * len(leads), write_dir=str(folder),
    )  # fmt: skip


def arrive(elsewhere, folder, *names):
    """Copy records as ``wget -N`` and ``rsync -a`` do: with their old times."""
    for name in names:
        for suffix in (".hea", ".dat"):
            shutil.copy2(elsewhere / f"{name}{suffix}", folder)


def test_what_arrives_later_is_taken_and_nothing_runs_before(waiting):
    checkout, ecg, registry, elsewhere = waiting
    arrive(elsewhere, ecg, *map(str, range(101, 108)))  # 7 of 12
    arrive(elsewhere, registry, "r1")
    arguments = ["--keep-going", "--configfile", "late.yaml"]

    run = checkout.snakemake(*arguments, "--", *TARGETS)

    assert run.returncode == 1
    assert "5 of 12 ECG records cannot be used (header_missing 5)" in run.stdout + run.stderr
    # Until something has come, only what failed is tried again.
    assert checkout.planned(*arguments, "--", *TARGETS) == {"collect_ecg_records": 1}

    arrive(elsewhere, ecg, *map(str, range(108, 112)))
    arrive(elsewhere, registry, "r2")
    (checkout.folder / "more.yaml").write_text("ecg: {max_damaged_share: 0.1}")  # one is missing
    arguments += ["more.yaml"]
    assert checkout.planned(*arguments, "--", *TARGETS) == {**STORE, "scan_recordings": 1}
    run = checkout.snakemake(*arguments, "--", *TARGETS)

    assert run.returncode == 0, run.stdout + run.stderr
    results = checkout.folder / "results"
    assert len(pd.read_parquet(results / "ecg/records.parquet")) == 11
    assert pd.read_csv(results / "ecg/excluded.csv")["study_id"].tolist() == [112]
    scanned = pd.read_parquet(results / "arrest/recordings/0.parquet")
    assert scanned["reason"].tolist() == ["", ""]
    assert checkout.planned(*arguments, "--", *TARGETS) == {}
