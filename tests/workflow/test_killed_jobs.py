"""Jobs killed at random moments, without Snakemake: the next attempt ends with the same bytes.

The jobs read what a clean run has made, and must write what it has written.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from inspect import cleandoc
from pathlib import Path
from textwrap import indent

import pytest
from broken_machines import hidden_files

from mimicflow.running.configuration import read_config

KILLS = 5

# The server imports once and forks for each attempt: a kill hits the work, not the imports.
SERVER = """
import json, logging, os, sys, traceback
from pathlib import Path
here, config = Path(sys.argv[1]), json.loads(sys.argv[2])
logging.basicConfig(level=logging.INFO)
{imports}

def job(out):
{job}

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        try:
            job(Path(line.strip()))
            sys.stderr.flush()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""
TRAINING = "machine=Machine(save_minutes=0)"  # a state after every batch


@dataclass(frozen=True)
class Job:
    """What is run, and where the clean run has its files."""

    imports: str
    code: str
    files: dict[str, str]
    """Name below the folder of this test -> path below results/ of the tiny run."""
    resumes: bool = False
    """Whether an attempt goes on from where the one before was killed."""


JOBS = {
    "hospital": Job(
        "from mimicflow.synthetic.hospital import make_hospital\n",
        """make_hospital(
            out, n_patients=config["synthetic"]["n_patients"], seed=config["seed"]["hospital"],
            dirt=config["synthetic"]["dirt"], processes=2)""",
        {
            "hosp/labevents.csv.gz": "synthetic/hosp/labevents.csv.gz",
            "ecg/record_list.csv": "synthetic/ecg/record_list.csv",
        },
    ),
    "icu": Job(
        "from mimicflow.synthetic.icu.hospital import make_icu\n",
        """make_icu(
            out / "registry", out / "truth.parquet", seed=config["seed"]["hospital"], processes=2,
            **config["synthetic"]["icu"])""",
        {
            "registry/recordings.csv": "synthetic/registry/recordings.csv",
            "truth.parquet": "synthetic/truth_arrest.parquet",
        },
    ),
    "ingest": Job(
        "from mimicflow.raw.ingest import ingest_table\n",
        'ingest_table(here / "synthetic/hosp", "hosp/labevents", out / "labs", **config["ingest"])',
        {f"labs/{name}": f"tables/hosp/labevents/{name}" for name in ("0.parquet", "report.json")},
    ),
    "store": Job(
        "from mimicflow.ecg.store import build_ecg_store\n",
        """build_ecg_store(
            here / "synthetic/ecg", here / "tables/ecg/record_list/0.parquet", out / "0.npy",
            out / "0.parquet", out / "excluded.parquet",
            **{k: v for k, v in config["ecg"].items() if k != "max_damaged_share"})""",
        {
            "0.npy": "ecg/store/0.npy",
            "0.parquet": "ecg/store/0.parquet",
            "excluded.parquet": "ecg/excluded/0.parquet",
        },
    ),
    "hrv": Job(
        "from mimicflow.arrest.hrv_features import measure_hrv\n",
        """measure_hrv(
            here / "arrest/epochs.parquet", here / "arrest/recordings/0.parquet",
            here / "synthetic/registry", config["arrest"]["preprocessing"], out / "0.parquet",
            shard=0)""",
        {"0.parquet": "arrest/hrv_epochs/0.parquet"},
    ),
    "pretraining": Job(
        "from mimicflow.learning.devices import Machine\n"
        "from mimicflow.ecg.pretraining import pretrain_encoder\n",
        f"""stores = [[here / f"ecg/store/{{shard}}.{{kind}}" for shard in (0, 1)]
                  for kind in ("npy", "parquet")]
        pretrain_encoder(
            here / "pretraining_ecgs.parquet", here / "ecg/report_labels.json", stores,
            here / "cohort/spine.parquet", width=config["encoder"]["width"],
            depth=config["encoder"]["depth"], pretraining=config["pretraining"],
            seed=config["seed"]["weights"], output=out / "model.pth",
            history=out / "history.csv", {TRAINING})""",
        {"model.pth": "pretrained_model.pth", "history.csv": "loss_history.csv"},
        resumes=True,
    ),
    "admission": Job(
        "from mimicflow.learning.devices import Machine\n"
        "from mimicflow.admission.inputs import InputFiles, InputOptions\n"
        "from mimicflow.admission.training import OutputFiles, train_model\n",
        f"""stores = [[here / f"ecg/store/{{shard}}.{{kind}}" for shard in (0, 1)]
                  for kind in ("npy", "parquet")]
        names = {{"weights": "model.pth", "predictions": "predictions.parquet",
                 "history": "history.csv", "confusion": "confusion.csv", "config": "c.yaml"}}
        train_model(
            "all_stays_model", model=config["models"]["all_stays_model"],
            encoder=config["encoder"],
            options=InputOptions(
                acuity_median=config["features"]["acuity_median"],
                imputer_rows=config["vitals"]["imputer_rows"],
                max_rows=config["vitals"]["max_rows"], stopping=config["split"]["stopping"]),
            threshold=config["evaluation"]["threshold"],
            inputs=InputFiles(
                spine=here / "cohort/spine.parquet", cohort_ecgs=here / "cohort/ecgs.parquet",
                final_ecgs=here / "final_ecgs.parquet",
                gsn_etc=here / "features/gsn_etc.parquet",
                vitals=here / "vitals_long_cleaned.parquet"),
            pretrained=here / "pretrained_model.pth", store=stores,
            outputs=OutputFiles(**{{key: out / name for key, name in names.items()}}),
            seed=config["seed"]["weights"], {TRAINING})""",
        {
            "model.pth": "all_stays_model.pth",
            "predictions.parquet": "admission/all_stays_model/predictions.parquet",
            "history.csv": "admission/all_stays_model/history.csv",
        },
        resumes=True,
    ),
    "mortality": Job(
        "from mimicflow.learning.devices import Machine\n"
        "from mimicflow.mortality.training import FitFiles, train_visit_network\n",
        f"""protocol = config["mortality"]["protocols"]["audited"]
        names = {{"model": "lstm.pth", "predictions": "predictions.parquet",
                 "history": "history.csv", "repeats": "repeats.csv", "timing": "timing.json"}}
        train_visit_network(
            "lstm", network={{**config["mortality"]["networks"]["lstm"],
                             "empty_visits": protocol["empty_visits"]}},
            training={{**config["mortality"]["training"], "stopping": protocol["stopping"],
                      "batch_size": protocol["batch_size"]["lstm"]}},
            spine=here / "mortality/audited/spine.parquet",
            sequences=here / "mortality/audited/sequences.npz",
            reading={{"max_visits": 20, "repeated_codes": "once", "code_names": "prefixed"}},
            outputs=FitFiles(**{{key: out / name for key, name in names.items()}}),
            seeds=config["mortality"]["seeds"], seed=config["seed"]["weights"], {TRAINING})""",
        {
            "lstm.pth": "mortality/audited/lstm.pth",
            "predictions.parquet": "mortality/audited/lstm/predictions.parquet",
            "history.csv": "mortality/audited/lstm/history.csv",
            "repeats.csv": "mortality/audited/lstm/repeats.csv",
        },
        resumes=True,
    ),
}


class Server:
    """A process that runs a job in a child for every attempt."""

    def __init__(self, job: Job, results: Path, repository: Path, log: Path) -> None:
        code = SERVER.format(imports=job.imports, job=indent(cleandoc(job.code), "    "))
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, str(results), json.dumps(config(repository))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("w"),
            text=True,
            cwd=repository,
            env={**os.environ, "PYTHONPATH": str(repository / "src"), "OMP_NUM_THREADS": "1"},
        )

    def attempt(
        self, out: Path, kill_after: float | None = None, states: int = 0
    ) -> tuple[int, float]:
        """Run the job, or kill it some seconds after it has started or written some states.

        Returns its status and its seconds.
        """
        self.process.stdin.write(f"{out}\n")
        self.process.stdin.flush()
        pid, begun = int(self.process.stdout.readline()), time.monotonic()
        if kill_after is not None:
            self._wait(pid, out, states)
            time.sleep(kill_after)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        status = int(self.process.stdout.readline())
        return status, time.monotonic() - begun

    def _wait(self, pid: int, out: Path, states: int) -> None:
        """Wait until the job has written so many training states, or has ended."""
        before = _written(out)
        while states and "Z" not in _status(pid):
            if (now := _written(out)) != before:
                before, states = now, states - 1
            time.sleep(0.001)

    def close(self) -> None:
        self.process.communicate()


def _written(out: Path) -> set[tuple[str, int]]:
    """Return the training states that are there, with the times at which they were written."""
    found = set()
    for path in out.glob(".*.resume*.pth"):
        with contextlib.suppress(FileNotFoundError):
            if ".partial" not in path.name:
                found.add((path.name, path.stat().st_mtime_ns))
    return found


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def config(repository: Path) -> dict:
    """Return the configuration of the tiny run."""
    return read_config(repository / "presets/tiny.yaml", repository=repository)


@pytest.mark.parametrize("name", JOBS)
def test_a_job_killed_at_random_moments_ends_with_the_same_bytes(
    name, clean_results, repository, tmp_path
):
    job, draw = JOBS[name], random.Random(name)
    log = tmp_path / "log"
    server = Server(job, clean_results, repository, log)
    undisturbed, out = tmp_path / "undisturbed", tmp_path / "out"
    status, seconds = server.attempt(undisturbed)
    assert status == 0

    n_kills = 0
    for _ in range(KILLS):
        if job.resumes:
            delay, states = draw.uniform(0, 0.01), draw.randint(1, 2)
        else:
            delay, states = draw.uniform(0.05, 0.8) * seconds, 0
        status, took = server.attempt(out, delay, states)
        if status == 0:
            seconds = min(seconds, took)  # the machine has less to do than before
            continue
        assert os.WTERMSIG(status) == signal.SIGKILL
        n_kills += 1
    half_written = hidden_files(out) if out.exists() else set()
    status, last = server.attempt(out)
    server.close()

    print(name, f"{seconds:.2f} s", n_kills, "kills, then", f"{last:.2f} s", half_written)
    assert status == 0
    assert n_kills >= 2
    if job.resumes:
        # Within a pass, too: a state is written after every batch.
        went_on = re.findall(r"resuming after (\d+) passes and (\d+) batches", log.read_text())
        assert len(went_on) >= 2
        assert any(int(batches) > 0 for _, batches in went_on), went_on
    assert hidden_files(out) == set()
    assert names(out) == names(undisturbed)
    for ours, theirs in job.files.items():
        expected = (clean_results / theirs).read_bytes()
        assert (undisturbed / ours).read_bytes() == expected, f"{ours} differs without any kill"
        assert (out / ours).read_bytes() == expected, ours


def names(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*")}
