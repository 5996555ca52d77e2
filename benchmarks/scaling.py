"""Cost of every stage at several sizes of the synthetic hospital, and from it that of MIMIC-IV.

``python benchmarks/scaling.py --scale 1 10 100 --systems admission mortality arrest --folder F``
runs the real workflow on hospitals of so many times the default, with Snakemake's own benchmark
files, and adds a row per stage to ``docs/scaling.csv``. What stands there already is not measured
again, and a run that was interrupted goes on. ``--fit-only`` prints the tables from the file alone;
``--write`` puts them into ``docs/scaling.md``.

The ECG lists of the larger hospitals name the records of the default one again and again: each is
decoded, cleaned and stored for itself, but the files take the place of one hospital. So do bedside
recordings; at 100 times the default the epochs of two groups are measured, and those of the others
get their values. Networks are trained for one pass, separated from what comes before and after
it by the times in the log.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import tempfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from _scaling import COLUMNS, TABLE_FILE, report, write_document
from _scaling.data import SHARDS, prepare, read_samples, run, stand_in
from _scaling.stages import STAGES, Stage

ALL_GROUPS = 10  # times the default: up to here the epochs of all groups are measured
SOME_GROUPS = 2  # beyond
WATCHED = 2  # seconds; of what takes less, three samples a second are too few
TARGETS = {
    "admission": [
        "results/all_stays_model.pth",
        *(
            f"results/admission/{kind}_all/predictions.parquet"
            for kind in ("random_forest", "lightgbm")
        ),
    ],
    "mortality": [
        "results/mortality/published/sequences.npz",
        *(
            f"results/mortality/audited/{model}/predictions.parquet"
            for model in ("lstm", "gru", "bilstm", "logistic_regression", "lightgbm")
        ),
    ],
    "arrest": [f"results/arrest/{model}/predictions.parquet" for model in ("hrv", "clinical")],
}
# The stages on which no other depends: what ran before them is measured too.
LAST = {
    "admission": ["train_model, one pass", "fit_baseline random_forest", "fit_lightgbm"],
    "mortality": ["train_visit_network lstm, one pass", "fit_bag_of_codes lightgbm"],
    "arrest": ["fit_arrest_model hrv", "fit_arrest_model clinical"],
}
_TIME = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) ")


def measured(scale: float, systems: list[str], checkout: Path) -> list[dict[str, Any]]:
    """Return a row per stage that has run in a copy."""
    counts = Counts(checkout / "results", checkout.parent / "raw")
    samples = read_samples(checkout)
    seen = samples.groupby("job")[["cpu_s", "rss_mb", "own_mb"]].max()
    shards = {"shards": SHARDS[scale], "groups": 2 * SHARDS[scale], "": 1}
    rows = []
    for stage in STAGES:
        if stage.system not in systems:
            continue
        jobs = _jobs(checkout / "results/benchmarks", stage, seen)
        if jobs.empty:
            continue
        peak = jobs["own_mb" if stage.mapped else "rss_mb"].max()
        row = {
            "system": stage.system,
            "stage": stage.name,
            "scale": scale,
            "driver": stage.driver,
            "count": counts[stage.driver],
            "shards": shards[stage.split],
            "jobs": len(jobs),
            "cpu_s": jobs["cpu_s"].sum(),
            "wall_s": jobs["s"].sum(),
            "peak_mb": peak,
            "disk_mb": _disk(checkout / "results", stage, jobs.index),
        }
        logs = checkout / "results/logs"
        rows += _by_epoch(row, stage, logs, samples) if stage.log else [row]
    return rows


def _jobs(benchmarks: Path, stage: Stage, seen: pd.DataFrame) -> pd.DataFrame:
    """Time and memory of each job of a stage, by the name of its log.

    What a watcher missed in a job of less than a second is as Snakemake saw it, and the CPU time
    of what neither saw is at most the time that passed.
    """
    rows = {
        str(file.relative_to(benchmarks).with_suffix("")): pd.read_csv(
            file, sep="\t", na_values="-"
        ).iloc[0]
        for file in sorted(benchmarks.glob(stage.benchmark))
    }
    if not rows:
        return pd.DataFrame()
    jobs = pd.DataFrame.from_dict(rows, orient="index").join(seen)
    jobs["cpu_s"] = jobs[["cpu_s", "cpu_time"]].max(axis=1)
    jobs["cpu_s"] = jobs["cpu_s"].where(jobs["cpu_s"] > 0, jobs["s"])
    jobs["rss_mb"] = jobs[["rss_mb", "max_rss"]].max(axis=1)
    return jobs


def _disk(results: Path, stage: Stage, jobs: Iterable[str]) -> float:
    """Size of what the jobs of a stage wrote; of a split stage, of the parts that did run."""
    files = {file for pattern in stage.outputs for file in results.glob(pattern) if file.is_file()}
    parts = {re.split("[/_]", job)[-1] for job in jobs}
    written = [file for file in files if not stage.split or file.stem in parts]
    return sum(file.stat().st_size for file in written) / 1e6


def _by_epoch(
    row: dict[str, Any], stage: Stage, logs: Path, samples: pd.DataFrame
) -> list[dict[str, Any]]:
    """Separate passes, or points of a search, from what comes before and after, by the log."""
    lines = [
        (datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S,%f").timestamp(), line)
        for line in (logs / stage.log).read_text(encoding="utf-8").splitlines()
        if (found := _TIME.match(line))
    ]
    epochs = [
        place for place, (_, line) in enumerate(lines) if re.search(rf": .*\b{stage.unit} \d", line)
    ]
    # The line before the first epoch is its beginning; without one the first is not counted.
    first, timed = (epochs[0] - 1, len(epochs)) if epochs[0] else (epochs[0], len(epochs) - 1)
    span = np.array([lines[first][0], lines[epochs[-1]][0]])
    own = samples[samples["job"] == stage.log.removesuffix(".log")]
    wall_s = float(np.diff(span)[0]) / timed
    cpu_s = float(np.diff(np.interp(span, own["time"], own["cpu_s"]))[0]) / timed
    if np.diff(span)[0] < WATCHED:
        cpu_s = wall_s
    rest = {
        "cpu_s": row["cpu_s"] - len(epochs) * cpu_s,
        "wall_s": row["wall_s"] - len(epochs) * wall_s,
    }
    return [
        {**row, **rest, "stage": f"{stage.name}, without {stage.unit}s"},
        {
            **row,
            "cpu_s": cpu_s,
            "wall_s": wall_s,
            "stage": f"{stage.name}, one {stage.unit}",
            "disk_mb": 0,
        },
    ]


class Counts(dict[str, float]):
    """What drives the costs, counted in the files of a run when it is asked for."""

    def __init__(self, results: Path, raw: Path) -> None:
        super().__init__()
        self.results, self.raw = results, raw

    def __missing__(self, driver: str) -> float:
        self[driver] = self._count(driver)
        return self[driver]

    def _count(self, driver: str) -> float:
        if driver == "coded rows":
            return sum(
                self[f"hosp/{name}"]
                for name in ("diagnoses_icd", "procedures_icd", "prescriptions")
            )
        if driver == "recordings":
            return float(len(pd.read_csv(self.raw / "registry/recordings.csv")))
        files = {
            "stays": "cohort/spine.parquet",
            "ECGs of stays": "cohort/ecgs.parquet",
            "index stays": "mortality/spine.parquet",
            "planned epochs": "arrest/epochs.parquet",
            "kept epochs": "arrest/hrv/features.parquet",
        }
        if "/" in driver:  # as many as the raw file has, of which some are not asked for
            reported = self.results / f"tables/{driver}/report.json"
            return float(json.loads(reported.read_text(encoding="utf-8"))["rows"])
        return float(pq.read_metadata(self.results / files[driver]).num_rows)


def add(rows: list[dict[str, Any]], file: Path) -> None:
    """Add rows to the table; a stage that is measured again replaces its older row."""
    old = []
    if file.exists():
        with open(file, encoding="utf-8", newline="") as stream:
            old = list(csv.DictReader(stream))
    new = {(row["stage"], f"{row['scale']:g}") for row in rows}
    kept: list[dict[str, Any]] = [row for row in old if (row["stage"], row["scale"]) not in new]
    for row in rows:
        kept.append(
            {
                name: f"{value:.6g}"
                if isinstance(value, float) and name != "count"
                else (
                    f"{value:.0f}"
                    if name == "count"
                    else f"{value:g}"
                    if name == "scale"
                    else str(value)
                )
                for name, value in row.items()
            }
        )
    order = [stage.name for stage in STAGES]
    kept.sort(
        key=lambda row: (
            order.index(row["stage"].partition(", ")[0]),
            row["stage"],
            float(row["scale"]),
        )
    )
    with open(file, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)


def is_measured(scale: float, system: str, file: Path) -> bool:
    """Whether the last stages of a system stand in the table at a size."""
    if not file.exists():
        return False
    table = pd.read_csv(file)
    found = table.loc[(table["scale"] == scale) & (table["system"] == system), "stage"]
    return set(LAST[system]) <= set(found)


def measure(scale: float, systems: list[str], folder: Path) -> None:
    """Run the stages of some systems at a size."""
    checkout = prepare(scale, systems, folder)
    targets = [target for system in systems for target in TARGETS[system]]
    if "arrest" in systems and scale > ALL_GROUPS:
        kinds = [f"results/arrest/{model}_epochs" for model in ("hrv", "clinical")]
        some = [f"{kind}/{group}.parquet" for kind in kinds for group in range(SOME_GROUPS)]
        run(checkout, some)
        stand_in([checkout / kind for kind in kinds], SOME_GROUPS, 2 * SHARDS[scale])
    run(checkout, targets)


def main() -> None:
    """Measure what is not measured, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--scale", type=float, nargs="+", default=[1, 10, 100], choices=list(SHARDS)
    )
    parser.add_argument("--systems", nargs="+", default=list(TARGETS), choices=list(TARGETS))
    folder = Path(tempfile.gettempdir()) / "mimicflow-scaling"
    parser.add_argument(
        "--folder", type=Path, default=folder, help="where the hospitals are made and kept"
    )
    parser.add_argument("--fit-only", action="store_true", help="measure nothing")
    parser.add_argument("--collect", action="store_true", help="run nothing, take what has run")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/scaling.md")
    options = parser.parse_args()
    folder = options.folder.absolute()
    for scale in [] if options.fit_only else sorted(options.scale):
        systems = [name for name in options.systems if not is_measured(scale, name, TABLE_FILE)]
        if not options.collect and systems:
            measure(scale, systems, folder)
        checkout = folder / f"x{scale:g}" / "checkout"
        if systems and (checkout / "samples.csv").exists():
            add(measured(scale, systems, checkout), TABLE_FILE)
    print(report(TABLE_FILE))
    if options.write:
        write_document(TABLE_FILE)


if __name__ == "__main__":
    main()
