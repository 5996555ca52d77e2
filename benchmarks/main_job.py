"""The main job from nothing, on the default configuration and 2 cores: time and memory.

There is no alternative to run beside it: the published pipeline does not run as released.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from _runs import copy_repository, show, snakemake, verdict


def main() -> None:
    """Run the main job, and a dry run, in a fresh copy."""
    cores = 2
    with tempfile.TemporaryDirectory(prefix="mimicflow-bench-") as name:
        folder = Path(name)
        copy_repository(folder)
        dry = snakemake(folder, "--dry-run", cores=cores)
        run = snakemake(folder, "--", "results/all_stays_model.pth", cores=cores)
    show("dry run", dry.took, 1)
    show("main job", run.took, cores, "of all jobs at once; no other side: nothing else runs it")
    met = [
        verdict("dry run of the whole DAG on a fresh clone, wall", dry.took.wall, 5, "s"),
        verdict("main job from nothing, 2 cores, wall", run.took.wall / 60, 10, "min"),
        verdict("main job, most memory at once", run.memory_gib, 4, "GiB"),
    ]
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
