"""Every key of every profile means something; Kubernetes gets what the rules ask for."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
import yte
from checkouts import Checkout, copy_repository
from snakemake.cli import get_argument_parser

from mimicflow.learning.resume import resume_path

from .kubernetes_api import Cluster

REMOTE = ("--workflow-profile", "profiles/kubernetes")
TINY = ("--configfile", "presets/tiny.yaml")
QUICK = ("--seconds-between-status-checks", "1", "--latency-wait", "5")
# A cheap rule, one that asks for much, one that asks for a GPU, with what they make.
ASKED = {
    "split_arrest_patients": "results/arrest/spine.parquet",
    "fit_arrest_model": "results/arrest/hrv/model.txt",
    "pretrain_encoder": "results/pretrained_model.pth",
}
OUT_OF_MEMORY = 137


def read_profile(file):
    with file.open() as stream:
        return yte.process_yaml(stream, require_use_yte=True)


@pytest.fixture
def plugins():
    """What the profiles need is not in the lock: the tests of Kubernetes are skipped without it."""
    pytest.importorskip(
        "snakemake_executor_plugin_kubernetes", reason="not installed: tests/kubernetes.txt"
    )
    pytest.importorskip("snakemake_storage_plugin_fs", reason="not installed: tests/kubernetes.txt")


@pytest.fixture
def volume(repository, tmp_path, plugins):
    """A clone of the repository on the volume, and the profile edited as a site would."""
    checkout = copy_repository(repository, tmp_path / "volume")
    profile = checkout.folder / "profiles/kubernetes/profile.yaml"
    assert profile.read_text().count("/mnt/mimicflow") == 1, "the marked block says it once"
    profile.write_text(profile.read_text().replace("/mnt/mimicflow", str(checkout.folder)))
    git = ["git", "-c", "user.name=site", "-c", "user.email=site@example.org"]
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "x"]):
        subprocess.run([*git, *arguments], cwd=checkout.folder, check=True)
    return checkout


@pytest.fixture
def start(tmp_path):
    """Give a function that starts a cluster; all are stopped at the end."""
    started = []
    tools = tmp_path / "tools"  # `pip install` of the storage plugin finds its wheel in the image
    tools.mkdir()
    (tools / "pip").write_text("#!/bin/sh\nexit 0\n")
    (tools / "pip").chmod(0o755)

    def start_cluster(**options):
        environment = {"HOME": str(tmp_path), "OMP_NUM_THREADS": "1", "PATH": str(tools)}
        started.append(Cluster(tmp_path, environment, **options))
        return started[-1]

    yield start_cluster
    for cluster in started:
        cluster.close()


def run_on(cluster: Cluster, volume: Checkout, *arguments: str) -> subprocess.CompletedProcess[str]:
    own = {"PYTHONPATH": str(volume.folder / "src"), "KUBECONFIG": str(cluster.kubeconfig)}
    return subprocess.run(
        [sys.executable, "-m", "snakemake", *REMOTE, *arguments, *QUICK, *TINY],
        cwd=volume.folder,
        env={**os.environ, **own, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def make_missing_inputs(volume: Checkout, targets: list[str]) -> None:
    """Write an empty file for every input that only another rule could make."""
    for _ in range(3):
        plan = volume.snakemake("--dry-run", *targets, "--allowed-rules", *ASKED, *TINY)
        missing = re.findall(r"^ {4,}(results/\S+)$", plan.stdout + plan.stderr, re.M)
        if not missing:
            assert plan.returncode == 0, plan.stdout + plan.stderr
            return
        for name in missing:
            file = volume.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()


def rule_of(body):
    command = body["spec"]["template"]["spec"]["containers"][0]["args"][1]
    return re.search(r"--allowed-rules (\w+)", command)[1]


def attempt_of(body):
    command = body["spec"]["template"]["spec"]["containers"][0]["args"][1]
    return int(re.search(r"--attempt (\d+)", command)[1])


@pytest.mark.parametrize("profile", ["default", "kubernetes", "slurm"])
def test_every_key_is_an_option_of_snakemake_or_of_the_plugin(repository, profile):
    """An unknown key of a profile is passed over in silence by Snakemake."""
    keys = read_profile(repository / f"profiles/{profile}/profile.yaml")
    if "executor" in keys:
        module = f"snakemake_executor_plugin_{keys['executor']}"
        pytest.importorskip(module, reason=f"{module} is not installed")
    known = {
        option.removeprefix("--")
        for action in get_argument_parser()._actions
        for option in action.option_strings
    }

    assert set(keys) <= known


@pytest.mark.parametrize("profile", ["kubernetes", "slurm"])
def test_a_site_edits_one_block(repository, profile):
    text = (repository / f"profiles/{profile}/profile.yaml").read_text()
    block = text.split("YOUR SITE")[1].split("# =====")[0]

    assert text.count("YOUR SITE") == 1
    assert "default-resources" in block or "__variables__" in block


def test_the_same_jobs_are_planned_as_on_this_machine(volume):
    assert volume.planned(*REMOTE, *TINY) == volume.planned(*TINY)


def test_the_state_of_a_killed_training_outlives_its_pod(repository, monkeypatch, tmp_path):
    profile = read_profile(repository / "profiles/kubernetes/profile.yaml")
    name, folder = re.search(r"(MIMICFLOW_\w+)=(\S+)", profile["precommand"]).groups()
    monkeypatch.setenv(name, str(tmp_path))

    states = [resume_path(f".snakemake/storage/fs/mnt/results/{n}/model.pth") for n in "ab"]

    assert folder.startswith(profile["default-storage-prefix"])
    assert all(state.is_relative_to(tmp_path) for state in states)
    assert len(set(states)) == 2


def test_what_is_applied_by_hand_is_valid_and_named_as_in_the_profile(repository):
    schema = pytest.importorskip(
        "kubernetes_validate", reason="not installed: tests/kubernetes.txt"
    )
    folder = repository / "profiles/kubernetes"
    objects = list(yaml.safe_load_all((folder / "cluster.yaml").read_text()))
    for content in objects:
        schema.validate(content, schema.latest_version(), strict=True)
    by_kind = {content["kind"]: content for content in objects}
    desk = by_kind["Pod"]["spec"]
    profile = read_profile(folder / "profile.yaml")

    assert (
        by_kind["ServiceAccount"]["metadata"]["name"]
        == (profile["kubernetes-service-account-name"])
    )
    assert profile["kubernetes-persistent-volumes"] == [
        f"{by_kind['PersistentVolumeClaim']['metadata']['name']}"
        f":{desk['containers'][0]['volumeMounts'][0]['mountPath']}"
    ]
    assert desk["containers"][0]["image"] == profile["container-image"]


def test_pods_have_what_their_rules_ask_for_and_more_memory_each_time(volume, start):
    """Three rules whose jobs are killed every time, and what was asked of the cluster."""
    schema = pytest.importorskip(
        "kubernetes_validate", reason="not installed: tests/kubernetes.txt"
    )
    make_missing_inputs(volume, list(ASKED.values()))
    cluster = start(verdict=lambda body, times: OUT_OF_MEMORY)

    run = run_on(cluster, volume, *ASKED.values(), "--keep-going", "--allowed-rules", *ASKED)

    assert len(cluster.jobs) == 3 * len(ASKED), run.stdout + run.stderr
    plan = volume.snakemake("--dry-run", *ASKED.values(), "--allowed-rules", *ASKED, *TINY)
    text = plan.stdout + plan.stderr
    for rule in ASKED:
        bodies = sorted(
            (body for body in cluster.jobs.values() if rule_of(body) == rule), key=attempt_of
        )
        found = re.search(rf"rule {rule}:.*?resources: ([^\n]+)", text, re.S)[1]
        threads = re.search(rf"rule {rule}:(?:(?!\nrule ).)*?threads: (\d+)", text, re.S)
        memory = int(re.search(r"mem_mb=(\d+)", found)[1])
        asked = [container_of(body)["resources"] for body in bodies]

        assert [attempt_of(body) for body in bodies] == [1, 2, 3]
        assert [each["requests"]["memory"] for each in asked] == [
            f"{memory * attempt}M" for attempt in (1, 2, 3)
        ]
        assert asked[0]["limits"]["memory"] == f"{memory}M"
        assert asked[0]["limits"]["cpu"] == f"{1000 * int(threads[1] if threads else 1)}m"
        assert asked[0]["limits"].get("nvidia.com/gpu") == ("1" if "gpu=1" in found else None)
        assert asked[0]["limits"].get("nvidia.com/gpu") == asked[0]["requests"].get(
            "nvidia.com/gpu"
        )
        for body in bodies:
            typed = {"apiVersion": "batch/v1", "kind": "Job", **body}
            schema.validate(typed, schema.latest_version(), strict=True)
            mounted = {m["mountPath"]: m["name"] for m in container_of(body)["volumeMounts"]}
            assert mounted == {"/workdir": "workdir", str(volume.folder): "mimicflow"}
    tolerations = {
        rule_of(body): body["spec"]["template"]["spec"].get("tolerations")
        for body in cluster.jobs.values()
    }
    assert tolerations["split_arrest_patients"] is None
    assert tolerations["pretrain_encoder"][0]["key"] == "nvidia.com/gpu"


def container_of(body):
    return body["spec"]["template"]["spec"]["containers"][0]


def test_a_run_survives_a_lost_pod_gives_the_same_bytes_and_asks_for_nothing_it_may_not(
    volume, start, repository, tmp_path
):
    target = "results/tables/hosp/patients/0.parquet"
    here = copy_repository(repository, tmp_path / "here")
    assert here.snakemake(target, *TINY).returncode == 0
    lost = {"ingest_table"}

    def lose_once(body, times):
        return OUT_OF_MEMORY if rule_of(body) in lost and times == 1 else None

    cluster = start(verdict=lose_once)
    run = run_on(cluster, volume, target)

    assert run.returncode == 0, run.stdout + run.stderr + "".join(cluster.logs.values())
    assert [rule_of(body) for body in cluster.jobs.values()] == [
        "make_hospital",
        "ingest_table",
        "ingest_table",
    ]
    made = {
        file.relative_to(volume.folder): file.read_bytes()
        for file in (volume.folder / "results").rglob("*")
        if file.is_file()
    }
    linked = f".snakemake/storage/fs{volume.folder}/".encode()  # where a pod finds what it reads
    for name, content in made.items():
        if {"logs", "benchmarks"}.isdisjoint(name.parts):
            assert content.replace(linked, b"") == (here.folder / name).read_bytes(), name
    assert Path(target) in made
    # What is read is linked, not copied: the store of a whole cohort would not fit on a node.
    found = "".join(cluster.logs.values())
    assert 0 < found.count("Retrieving from storage") == found.count("Creating symlink")
    assert cluster.paths == {"mimicflow"}
    assert asked_for(cluster) <= allowed(repository)


def asked_for(cluster: Cluster) -> set[tuple[str, str]]:
    """Return (resource, verb) of every request, as the rules of a role name them."""
    asked = set()
    for request in cluster.requests:
        verb, path = request.split(" ")
        parts = path.partition("?")[0].split("/namespaces/")[1].split("/")[1:]
        names = {"POST": "create", "DELETE": "delete", "GET": "get" if len(parts) > 1 else "list"}
        asked.add(("/".join([parts[0], *parts[2:]]) if len(parts) > 2 else parts[0], names[verb]))
    return asked


def allowed(repository: Path) -> set[tuple[str, str]]:
    text = (repository / "profiles/kubernetes/cluster.yaml").read_text()
    role = next(content for content in yaml.safe_load_all(text) if content["kind"] == "Role")
    return {
        (r, verb) for rule in role["rules"] for r in rule["resources"] for verb in rule["verbs"]
    }
