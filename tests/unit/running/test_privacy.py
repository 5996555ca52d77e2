"""Who may read the results, and for whom each of them is."""

import os
import re
import stat
from pathlib import Path

import pandas as pd
import pytest

from mimicflow.errors import ConfigError
from mimicflow.reference import reference
from mimicflow.running.privacy import is_private, keep_private, kind_of

FOLDERS = ("hosp", "icu", "ed", "ecg")


def made():
    return {
        **{name: f"results/synthetic/{name}" for name in FOLDERS},
        "registry": "results/synthetic/registry",
        "waveforms": "results/synthetic/registry",
    }


def test_what_the_workflow_makes_is_not_private():
    assert not is_private({"data": made()})
    assert not is_private({"data": made(), "private_results": "auto"})
    assert not is_private({"data": {**made(), "registry": "results/arrest/registry"}})
    assert not is_private({"data": {**made(), "ecg": "./results/synthetic/ecg/"}})


@pytest.mark.parametrize("name", [*FOLDERS, "registry", "waveforms"])
@pytest.mark.parametrize(
    "folder",
    [
        "/data/mimic-iv",
        "../results/synthetic",
        "results/synthetic/../../real",
        "results/synthetic-not/hosp",
        "/elsewhere/results/synthetic",
        "results/tables",
    ],
)
def test_one_folder_of_another_origin_makes_all_private(name, folder):
    assert is_private({"data": {**made(), name: folder}})


def test_a_copy_that_carries_the_generators_mark_is_not_private(tmp_path):
    (tmp_path / "SYNTHETIC").touch()
    assert not is_private({"data": {**made(), "hosp": str(tmp_path)}})
    assert is_private({"data": {**made(), "hosp": str(tmp_path / "hosp")}})


@pytest.mark.parametrize("data", [made(), {**made(), "hosp": "/data/mimic-iv"}])
def test_the_user_has_the_last_word(data):
    assert is_private({"data": data, "private_results": "always"})
    assert not is_private({"data": data, "private_results": "never"})


@pytest.fixture
def ordinary_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("ordinary_umask")
def test_what_is_made_afterwards_is_for_the_owner_and_the_folder_is_closed(tmp_path):
    results = tmp_path / "results"
    results.mkdir()
    (tmp_path / "other").mkdir()
    (results / "earlier.txt").touch()

    keep_private(results)

    (results / "new").mkdir()
    (results / "new/file.txt").touch()
    assert mode(results) == mode(results / "new") == 0o700
    assert mode(results / "new/file.txt") == 0o600
    assert mode(results / "earlier.txt") == 0o644  # behind a closed door
    assert mode(tmp_path / "other") == 0o755


@pytest.mark.usefixtures("ordinary_umask")
def test_a_folder_that_is_not_there_is_not_made(tmp_path):
    keep_private(tmp_path / "results")
    assert not (tmp_path / "results").exists()
    (tmp_path / "results").mkdir()
    assert mode(tmp_path / "results") == 0o700


@pytest.mark.usefixtures("ordinary_umask")
def test_an_open_folder_of_somebody_else_stops_the_run(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError

    monkeypatch.setattr(Path, "chmod", refuse)
    (tmp_path / "open").mkdir()
    with pytest.raises(ConfigError, match="set private_results to never"):
        keep_private(tmp_path / "open")


@pytest.mark.usefixtures("ordinary_umask")
def test_a_closed_folder_stays_untouched(tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir(mode=0o700)
    monkeypatch.setattr(Path, "chmod", None)
    keep_private(tmp_path / "closed")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("cohort/spine.parquet", "patients"),
        ("tables/ed/triage/rejects.parquet", "patients"),
        ("all_performance/all_stays_val_predictions.csv", "patients"),
        ("scenarios/nested_0/cohort/attrition.csv", "patients"),
        ("arrest/hrv/model.txt", "patients"),
        ("admission/explanations/ecg_true_positive.png", "patients"),
        ("admission/explanations/importance_shap.png", "aggregate"),
        ("cohort/attrition.csv", "aggregate"),
        ("mortality/audited/lstm/confusion.csv", "aggregate"),
        ("arrest/registry/stays.csv", "patients"),
        ("arrest/monitors.csv", "aggregate"),
        ("rf_all_performance/all_stays_cv_summary.csv", "aggregate"),
        ("logs/build_cohort.log", "technical"),
        ("mortality/manifest.json", "technical"),
        ("ecg/store", "patients"),  # a folder
        ("mortality/audited/tuning/lstm/trials.csv", "aggregate"),
        ("admission/tuning/all_stays_model/trial_3.json", "technical"),
        ("admission/tuning/all_stays_model/best.yaml", "technical"),
        ("cohort/notes.txt", None),
    ],
)
def test_every_result_is_for_somebody(path, kind):
    assert kind_of(path) == kind


NAMES = {"system": "admission", "subset": "all", "document": "model_card", "checklist": "tripod_ai"}
NAMES |= {"scenario": "", "family": "", "network": "", "read": "", "step": "selection"}
NAMES |= {"ECG_TIMES": "ecg/record_list", "rows": "cohort/stays", "full": "", "under": ""}
"""A name for each wildcard that stands for few; others are anything."""


def test_whatever_the_rules_name_has_a_kind(repository):
    """A whole run is looked at in tests/workflow."""
    chapters = "".join(file.read_text() for file in sorted(repository.glob("rules/*.smk")))
    named = set(re.findall(r'"results/((?:[^"{}]|\{+[\w.]+\}+)+\.\w+)"', chapters))
    paths = {re.sub(r"\{+([\w.]+)\}+", lambda of: NAMES.get(of[1], of[1]), name) for name in named}
    assert len(paths) > 150
    assert [path for path in sorted(paths) if kind_of(path) is None] == []


def test_the_documents_list_the_same_kinds_of_files(repository):
    page = (repository / "docs/privacy.md").read_text()
    listed = pd.read_csv(reference("result_files.csv"))
    rows = {kind: [] for kind in listed["kind"]}
    for kind, part in listed.groupby("kind"):
        rows[kind] = [f"| `{line.pattern}` | {line.what} |" for line in part.itertuples()]
    for (kind, lines), chapter in zip(rows.items(), page.split("\n## ")[1:4], strict=True):
        assert chapter.lower().startswith(kind)
        assert [line for line in chapter.splitlines() if line in lines] == lines
    assert all(f"**{kind}**" in (repository / "results/README.md").read_text() for kind in rows)
