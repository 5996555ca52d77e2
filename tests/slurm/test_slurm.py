"""The workflow on a real Slurm of two nodes gives what a local run gives, also after faults.

One file, because one cluster and one run serve all of these and each worker takes whole files.
"""

import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path

import pytest
import yaml
from checkouts import run_tiny_once

from . import cluster as clusters
from .conftest import (
    PROFILE,
    cancel_first,
    finished,
    for_the_tests,
    known_jobs,
    minutes_of,
    share_more_jobs,
    slurm_checkout,
    snakemake,
    started,
)
from .results import TELLS_TIME, content, different, files

TINY = ("--configfile", "presets/tiny.yaml")
# The main job and one model of each other system: every kind of job, group and resource.
TARGETS = (
    "results/admission/comparison.csv",
    "results/mortality/audited/lstm/predictions.parquet",
    "results/arrest/hrv/model.txt",
)
REPOSITORY = Path(__file__).parents[2]
PROFILE_AS_IT_IS = yaml.safe_load((REPOSITORY / PROFILE).read_text())
LONGEST_IN_A_GROUP = 120  # minutes that a rule may state


def resources_of_rules() -> dict[str, dict[str, str]]:
    """Return what rules state, as text: mem_mb, runtime, gpu, threads; a variant as its rule."""
    text = "\n".join(file.read_text() for file in (REPOSITORY / "rules").glob("*.smk"))
    found, variants = {}, {}
    for head, block in re.findall(
        r"^ *(rule \w+|use rule \w+ as \w+ with):\n(.*?)(?=^ *(?:use )?rule |\Z)", text, re.M | re.S
    ):
        stated = re.findall(r"^ +(mem_mb|runtime|gpu|threads)(?:=|: )(.*?),?$", block, re.M)
        *_, name = head.removesuffix(" with").split()
        found[name] = dict(stated)
        if head.startswith("use"):
            variants[name] = head.split()[2]
    return {name: found.get(variants.get(name), {}) | stated for name, stated in found.items()}


RULES = resources_of_rules()
GROUPED = PROFILE_AS_IT_IS["groups"]


@pytest.mark.parametrize("rule", GROUPED)
def test_only_short_rules_without_a_gpu_share_a_job(rule):
    number, unit = re.fullmatch(r'"(\d+)([mhd])"', RULES[rule]["runtime"]).groups()

    assert int(number) * {"m": 1, "h": 60, "d": 1440}[unit] <= LONGEST_IN_A_GROUP
    assert "gpu" not in RULES[rule]


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_asks_for_more_memory_at_each_attempt(rule):
    assert re.fullmatch(r"memory\(\d+\)", RULES[rule]["mem_mb"])


def test_the_site_block_names_the_rules_that_ask_for_a_gpu():
    assert set(PROFILE_AS_IT_IS["set-resources"]) == {
        rule for rule, stated in RULES.items() if "gpu" in stated
    }


def test_no_rule_asks_for_more_threads_than_a_group_has():
    stated = {rule["threads"] for rule in RULES.values() if "threads" in rule}
    stated -= {"DEVICES", "INGEST_THREADS"}  # one and two where nobody asks for more

    assert stated
    assert max(map(int, stated)) <= PROFILE_AS_IT_IS["cores"]


def test_the_profile_keeps_what_the_default_one_says(repository):
    default = yaml.safe_load((repository / "profiles/default/profile.yaml").read_text())

    assert default.items() <= PROFILE_AS_IT_IS.items()


def test_the_site_block_is_all_that_has_to_be_filled_in():
    profile = (REPOSITORY / PROFILE).read_text()
    before, site, after = re.split(r"^# =+.*=$", profile, flags=re.M)
    filled = re.split(r"^# =+.*=$", for_the_tests(profile), flags=re.M)

    assert (before, after) == (filled[0], filled[2])
    assert site != filled[1]


def test_components_are_those_of_groups():
    assert set(PROFILE_AS_IT_IS["group-components"]) <= set(GROUPED.values())


def test_times_of_slurm_are_read():
    assert [minutes_of(text) for text in ("30:00", "2:00:00", "1-12:30:00")] == [30, 120, 2190]


@pytest.mark.parametrize("before", [None, b"# of somebody\n"])
def test_a_configuration_that_is_there_is_put_back(tmp_path, monkeypatch, before):
    file = tmp_path / "slurm.conf"
    monkeypatch.setattr(clusters, "CONFIGURATION", file)
    if before is not None:
        file.write_bytes(before)

    with (
        pytest.raises(InterruptedError),
        (tmp_path / "lock").open("w") as lock,
        clusters.configured(tmp_path, lock, cpus=1, memory=1000),
    ):
        assert file.read_text().startswith(clusters.OURS)
        raise InterruptedError

    assert (file.read_bytes() if file.exists() else None) == before


def is_gone(cluster):
    """Whether no process, no file and no configuration of a cluster is left."""
    written = clusters.CONFIGURATION.read_text() if clusters.CONFIGURATION.exists() else ""
    left = (cluster.processes(), cluster.folder.exists(), str(cluster.folder) in written)
    return left == ([], False, False)


def test_nothing_is_left_of_a_cluster_when_its_test_fails(needs_slurm):
    with pytest.raises(InterruptedError), clusters.running(cpus=1, memory=1000) as cluster:
        cluster.ask("sbatch", "--output=/dev/null", "--time=10", "--wrap=srun sleep 600")
        while [job.state for job in known_jobs(cluster)] != ["RUNNING"]:
            time.sleep(0.2)
        assert len(cluster.processes()) > 4  # the daemons
        raise InterruptedError

    assert is_gone(cluster)


def test_nothing_is_left_of_a_cluster_when_its_process_is_killed(needs_slurm):
    program = (
        "import cluster, time\n"
        "with cluster.running(cpus=1, memory=1000) as running:\n"
        "    running.ask('sbatch', '--output=/dev/null', '--time=10', '--wrap=srun sleep 600')\n"
        "    print(running.folder, flush=True)\n"
        "    time.sleep(600)\n"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parent,
        stdout=subprocess.PIPE,
        text=True,
    )
    cluster = clusters.Cluster(Path(owner.stdout.readline().strip()))
    assert len(cluster.processes()) >= 4

    owner.send_signal(signal.SIGKILL)
    owner.wait()
    end = time.monotonic() + 60
    while not is_gone(cluster) and time.monotonic() < end:
        time.sleep(0.2)

    assert is_gone(cluster)


@pytest.fixture(scope="module")
def runs(cluster, repository, tmp_path_factory):
    """The results of a local run, and the run on the cluster, in which two jobs come to grief.

    The first has not the memory that it needs; the second is cancelled from outside.
    """
    checkout = slurm_checkout(repository, tmp_path_factory.mktemp("slurm") / "mimicflow")
    share_more_jobs(checkout)
    synthetic = checkout.folder / "rules/ingest.smk"
    head, rule, tail = synthetic.read_text().partition("rule make_icu:")
    assert "memory(1500)" in tail
    synthetic.write_text(head + rule + tail.replace("memory(1500)", "memory(600)", 1))
    (checkout.folder / "private.yaml").write_text("private_results: always\n")
    over = threading.Event()
    before = os.umask(0o022)
    try:
        with started(cluster, checkout, *TINY, "private.yaml", "--", *TARGETS) as run:
            watch = cancel_first(cluster, "pretrain_encoder", over)
            _, kept = run_tiny_once(repository, tmp_path_factory)
            on_slurm = finished(cluster, checkout, run, after=0)
    finally:
        os.umask(before)
        over.set()
    watch.join()
    assert on_slurm.returncode == 0, on_slurm.said[-20000:] + cluster.logs()
    return kept.folder / "results", on_slurm


@pytest.fixture(scope="module")
def jobs(runs):
    """The jobs of the run by rule or group."""
    found = defaultdict(list)
    for job in runs[1].jobs:
        found[job.name].append(job)
    return found


def test_a_job_without_enough_memory_is_repeated_with_more(jobs):
    first, second = jobs["make_icu"]

    assert (first.state, first.memory_mb) == ("FAILED", 600)
    assert (second.state, second.memory_mb) == ("COMPLETED", 1200)


def test_a_cancelled_job_is_repeated_with_more(jobs):
    first, second = jobs["pretrain_encoder"]

    assert (first.state, first.memory_mb) == ("CANCELLED", 4000)
    assert (second.state, second.memory_mb) == ("COMPLETED", 8000)


def test_every_other_job_needs_one_attempt(runs, jobs):
    others = [job for name in set(jobs) - {"make_icu", "pretrain_encoder"} for job in jobs[name]]

    assert {job.state for job in others} == {"COMPLETED"}
    assert len(others) < 40  # of 72 jobs of rules: the groups are in effect


def test_a_chain_asks_for_its_largest_rule_and_the_sum_of_the_times(jobs):
    (job,) = jobs["hospital_make_hospital_make_waveforms"]

    assert (job.cpus, job.memory_mb, job.minutes) == (2, 1500, 60)


def test_rules_side_by_side_ask_for_the_sum_of_their_memory_and_the_longest_time(jobs):
    (job,) = jobs["assembly_assemble_static_features_assemble_vitals"]

    assert (job.cpus, job.memory_mb, job.minutes) == (2, 4000, 30)


def test_a_rule_asks_for_what_it_states(jobs):
    for job in jobs["train_model"]:
        assert (job.cpus, job.memory_mb, job.minutes) == (1, 4000, 1440)
    assert len(jobs["train_model"]) == 4


def test_every_result_is_that_of_a_local_run(runs):
    local, on_slurm = runs
    names = files(on_slurm.folder / "results")

    assert len(names) > 500
    assert {target.removeprefix("results/") for target in TARGETS} < names
    assert names < files(local)
    # The logs of the two jobs that were killed may mention it; all else is the same.
    logs = {"logs/make_icu.log", "logs/pretrain_encoder.log"}
    assert logs < names
    assert different(on_slurm.folder / "results", local, names - logs) == []


def test_the_comparison_of_results_sees_a_difference(tmp_path):
    for number, name in enumerate(("ours", "theirs")):
        results = tmp_path / name
        for folder in ("logs", "benchmarks/mortality/audited"):
            (results / folder).mkdir(parents=True)
        (results / "rows.csv").write_bytes(b"row\n%d\n" % number)
        (results / "logs/a.log").write_text(
            f"2026-01-01 00:00:0{number},000 INFO {{'datetime': '{number}'}} took {number}.0s, "
            f"{number} effective words/s, .a.host-{number}.partial.kv\n"
        )
        (results / "logs/b.log").write_text(f"2026-01-01 00:00:00,000 INFO {number}\n")
        (results / "benchmarks/a.tsv").write_text(f"s\tmax_rss\n{number}\t{number}\n")
        (results / "benchmarks/mortality/audited/lstm.json").write_text(
            f'{{"train_seconds": {[1.0] * (number + 1)}}}'
        )
        (results / "benchmarks/mortality/times.csv").write_text(
            f"repeat,train_seconds\n1,{number}\n"
        )

    assert different(tmp_path / "ours", tmp_path / "theirs", files(tmp_path / "ours")) == [
        *("benchmarks/mortality/audited/lstm.json", "logs/b.log", "rows.csv"),
    ]
    times = "benchmarks/mortality/times.csv"
    (tmp_path / "ours" / times).write_text("repeat,train_seconds\n2,0\n")
    assert times in different(tmp_path / "ours", tmp_path / "theirs", {times})


def test_what_holds_the_time_is_there_and_nothing_else_is_left_out(runs):
    local, _ = runs
    names = files(local)

    for pattern in TELLS_TIME:
        assert any(Path(name).match(pattern.replace("/*", "/**/*")) for name in names), pattern
    assert isinstance(content(local, "mortality/leak.csv"), bytes)


def test_only_the_owner_can_read_private_results_of_jobs(runs):
    folder = runs[1].folder
    made = [folder / "results", *(folder / "results").rglob("*")]
    made += [file for file in (folder / ".snakemake/slurm_logs").rglob("*") if file.is_file()]

    assert any(file.suffix == ".log" and "slurm_logs" in file.parts for file in made)
    assert [path for path in made if stat.S_IMODE(path.lstat().st_mode) & 0o077] == []


def test_a_second_run_has_nothing_to_do(cluster, runs):
    folder = runs[1].folder
    done = subprocess.run(
        snakemake("-n", *TINY, "private.yaml", "--", *TARGETS),
        cwd=folder,
        env={**cluster.environment, "PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "Nothing to be done" in done.stdout + done.stderr


def test_the_message_of_a_failing_job_reaches_the_user(cluster, repository, tmp_path):
    checkout = slurm_checkout(repository, tmp_path / "mimicflow")
    (checkout.folder / "raw").mkdir()
    (checkout.folder / "raw/patients.csv").write_text("subject_id,gender\n1,F\n")
    (checkout.folder / "mine.yaml").write_text(yaml.safe_dump({"data": {"hosp": "raw"}}))
    last = max((job.number for job in known_jobs(cluster)), default=0)

    target = "results/tables/hosp/patients/0.parquet"
    arguments = (*TINY, "mine.yaml", "--retries", "0", "--", target)
    with started(cluster, checkout, *arguments) as run:
        failed = finished(cluster, checkout, run, after=last)

    assert failed.returncode == 1
    assert [job.state for job in failed.jobs] == ["FAILED"]
    assert "raw/patients.csv" in failed.said
    assert "anchor_age" in failed.said
    assert not (checkout.folder / target).exists()
