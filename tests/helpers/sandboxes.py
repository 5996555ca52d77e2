"""Jobs of a finished run, each run again in a folder that holds only what its rule declares.

Run as a script in a checkout, ``sandboxes.py FILE *ARGUMENTS`` writes all jobs that Snakemake has
for these arguments, each with the object that its adapter is given; ``sandboxes.py serve`` runs the
jobs of the sandboxes that it reads of.
"""

from __future__ import annotations

import importlib
import logging
import os
import pickle
import runpy
import shutil
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NoReturn

from checkouts import Checkout
from same_results import content

# Wildcards on which it depends what a job reads; shards, folds and systems do not.
KINDS = ("table", "concept", "arrest_model", "kind", "read", "full")
# Loaded once for all jobs: most of what a small job takes is their loading.
LIBRARIES = (
    *("numpy", "pandas", "pyarrow.parquet", "duckdb", "scipy.stats", "sklearn.metrics", "torch"),
    *("statsmodels.genmod.generalized_linear_model", "matplotlib.figure", "lightgbm", "shap"),
    *("captum.attr", "gensim.models", "altair", "snakemake.iocontainers"),
)
# What it writes is how long all took that has run until then: no input, and another each time.
OF_THE_RUN = {"describe_run"}


@dataclass(frozen=True)
class Job:
    """A job of Snakemake; ``given`` is the pickled object that its adapter sees."""

    rule: str
    wildcards: dict[str, str]
    adapter: str
    inputs: list[str]
    outputs: list[str]
    logs: list[str]
    given: bytes


def jobs_of(checkout: Path, *arguments: str) -> list[Job]:
    """Return one job of each rule, and of each kind of thing that it reads."""
    jobs = [Job(**job) for job in list_jobs(Checkout(checkout), *arguments)]
    chosen: dict[tuple[str, ...], Job] = {}
    for job in sorted(jobs, key=lambda job: ("/scenarios/" in job.outputs[0], job.outputs)):
        kind = [job.wildcards.get(name, "") for name in KINDS]
        chosen.setdefault((job.rule, *kind), job)
    return list(chosen.values())


def list_jobs(checkout: Checkout, *arguments: str) -> list[dict[str, Any]]:
    """Return all jobs that Snakemake has, each as the fields of `Job`."""
    file = checkout.folder / "jobs.pickle"
    done = _python(__file__, str(file), *arguments, folder=checkout.folder, uses=checkout.uses)
    assert done.returncode == 0, done.stdout + done.stderr
    return list(pickle.loads(file.read_bytes()))  # noqa: S301 (our own)


def faults_of(jobs: list[Job], checkout: Path, folder: Path) -> dict[str, str]:
    """Run each job in a sandbox; return by output what those lack, or write otherwise, that do."""
    starters: SimpleQueue[_Starter] = SimpleQueue()

    def fault(number: int) -> str:
        starter = starters.get()
        try:
            return _fault(jobs[number], checkout, folder / str(number), starter)
        finally:
            starters.put(starter)

    with _Starter() as one, _Starter() as other, ThreadPoolExecutor(2) as pool:
        for starter in (one, other):
            starters.put(starter)
        faults = pool.map(fault, range(len(jobs)))
        return {job.outputs[0]: why for job, why in zip(jobs, faults, strict=True) if why}


class _Starter:
    """A process that has the libraries loaded, but nothing of ours, and forks for each job."""

    def __enter__(self) -> _Starter:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "serve"],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, sandbox: Path) -> tuple[bool, str]:
        """Run ``job.py`` of a sandbox; return whether it went well, and its errors."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{sandbox}\n")
        self._process.stdin.flush()
        status = int(self._process.stdout.readline())
        return status == 0, (sandbox / "stderr").read_text(encoding="utf-8")


def _serve() -> None:
    for name in LIBRARIES:
        importlib.import_module(name)
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            _run_job(Path(line.strip()))
        _, status = os.waitpid(process, 0)
        print(status, flush=True)


def _run_job(sandbox: Path) -> NoReturn:
    os.chdir(sandbox)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT), number)
    sys.path[0] = str(sandbox / "src")
    sys.argv = ["job.py"]
    status = 1
    try:
        runpy.run_path("job.py", run_name="__main__")
        status = 0
    finally:
        if error := sys.exception():
            traceback.print_exception(error)
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _fault(job: Job, checkout: Path, sandbox: Path, starter: _Starter) -> str:
    _furnish(job, checkout, sandbox)
    script = sandbox / "job.py"
    adapter = (sandbox / job.adapter).read_text(encoding="utf-8")
    script.write_text(f"import pickle\nsnakemake = pickle.loads({job.given!r})\n{adapter}", "utf-8")
    went_well, said = starter.run(sandbox)
    if not went_well:
        return f"{job.rule}: {said.strip() or 'it failed without a word'}"
    other = [
        name
        for name in job.outputs
        if job.rule not in OF_THE_RUN
        and not name.startswith("results/benchmarks/")  # how long it took
        and _content(sandbox / name) != _content(checkout / name)
    ]
    if other:
        return f"{job.rule}: written otherwise: {', '.join(other)}"
    shutil.rmtree(sandbox)
    return ""


def _furnish(job: Job, checkout: Path, sandbox: Path) -> None:
    """Link the inputs, the adapter and what every adapter starts with; make folders for outputs."""
    from mimicflow.running.sources import WITHOUT_EFFECT  # noqa: PLC0415 (whoever serves has none)

    # `rule_log` and what it imports: no result depends on it.
    everywhere = ["__init__", "running/origin", "running/place", *WITHOUT_EFFECT]
    code = [f"src/mimicflow/{name.replace('.', '/')}.py" for name in everywhere]
    for name in dict.fromkeys([*job.inputs, *code, job.adapter]):
        (sandbox / name).parent.mkdir(parents=True, exist_ok=True)
        if (checkout / name).is_dir():
            shutil.copytree(checkout / name, sandbox / name, copy_function=os.link)
        else:
            os.link(checkout / name, sandbox / name)
    for name in (*job.outputs, *job.logs):
        (sandbox / name).parent.mkdir(parents=True, exist_ok=True)


def _python(
    *arguments: str, folder: Path, uses: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str((uses or folder) / "src"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def _content(path: Path) -> object:
    """Return what has to be the same in a file, or in all files of a folder."""
    if path.is_dir():
        return {file.name: _content(file) for file in path.iterdir() if file.name[0] != "."}
    return content(path) if path.is_file() else None


def _write_jobs(file: str, *arguments: str) -> None:
    from snakemake import api, cli, workflow  # noqa: F401, PLC0415 (only here; api comes first)
    from snakemake.iocontainers import Snakemake  # noqa: PLC0415

    def write_jobs(self: workflow.Workflow) -> None:
        self._prepare_dag(forceall=True, ignore_incomplete=True, lock_warn_only=True)
        self._build_dag()
        jobs = [
            {
                "rule": job.rule.name,
                "wildcards": dict(job.wildcards_dict),
                "adapter": f"workflow/scripts/{Path(job.rule.script).name}",
                "inputs": [str(name) for name in job.input],
                "outputs": [str(name) for name in job.output],
                "logs": [str(name) for name in job.log],
                "given": pickle.dumps(
                    Snakemake(
                        *(job.input, job.output, job.params, job.wildcards, job.threads),
                        *(job.resources, job.log, self.config, job.rule.name, None),
                    )
                ),
            }
            for job in self.dag.jobs
            if job.rule.script
        ]
        Path(file).write_bytes(pickle.dumps(jobs))

    workflow.Workflow.printdag = write_jobs
    cli.main([*arguments, "--dag"])


if __name__ == "__main__":
    _serve() if sys.argv[1:] == ["serve"] else _write_jobs(*sys.argv[1:])
