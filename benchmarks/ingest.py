"""Ingest of a large labevents.csv.gz against ``gzip -dc`` and pandas, and its memory.

``python benchmarks/ingest.py [--rows 6000000] [--repeats 3]``; with ``--rows 24000000`` the same
memory bar must hold. Each figure is the best of the repeats, ours and the alternative in turn.
The bars hold for a file of which no row can be read, too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import NamedTuple

import duckdb
from _runs import REPOSITORY, Spent, least, show, spent

TABLE = "hosp/labevents"
SHARDS, THREADS = 4, 2
BARS = {"gzip": 1.5, "memory_mb": 1024, "pandas": 2.0}

# Run in a process of its own, so that its peak memory is its own.
OURS = """
from mimicflow.raw.ingest import ingest_table
def work():
    report = ingest_table({folder!r}, {table!r}, {output!r}, shards={shards}, memory_mb={memory},
        threads={threads}, max_reject_share=1.0)
    return report["rows"], report["rows_kept"]
"""
PANDAS = """
import pandas as pd
from mimicflow.raw.tables import TABLES
columns = TABLES[{table!r}].used
def work():
    frame = pd.read_csv({file!r}, usecols=[c.name for c in columns],
        parse_dates=[c.name for c in columns if c.type == "timestamp"])
    return len(frame), len(frame)
"""
MEASURED = """
import json, resource
from _runs import spent
rows = []
took = spent(lambda: rows.extend(work()))
print(json.dumps([*took, *rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""

# 15 % of the rows are of listed items (14 % in MIMIC-IV); texts are as long as MIMIC's.
GENERATOR = """
COPY (
    WITH draw AS (
        SELECT i, i // 12 AS specimen, hash(i) AS h, hash(i * 7 + 1) AS g,
            TIMESTAMP '2150-01-01' + to_minutes((hash(i // 12) % 500000)::BIGINT) AS charttime
        FROM range({rows}) t(i)
    )
    SELECT
        i AS labevent_id,
        10000000 + i // 400 AS subject_id,
        CASE WHEN hash(i // 40) % 100 < 65 THEN 20000000 + i // 40 END AS hadm_id,
        specimen AS specimen_id,
        {damage}CASE WHEN g % 100 < 15
            THEN [51003, 50813, 51222, 50912, 50971, 50960, 51301, 50963, 50889][1 + (g % 9)::INT]
            ELSE [50868, 50882, 50893, 50902, 50931, 50970, 50983, 51006][1 + (g % 8)::INT]
        END AS itemid,
        CASE WHEN h % 2 = 0 THEN 'P' || upper(substr(md5(specimen::VARCHAR), 1, 5)) END
            AS order_provider_id,
        strftime(charttime, '%Y-%m-%d %H:%M:%S') AS charttime,
        strftime(charttime + to_minutes((30 + g % 90)::BIGINT), '%Y-%m-%d %H:%M:%S') AS storetime,
        CASE WHEN h % 20 = 0 THEN '___' ELSE ((h % 2000) / 10.0)::DECIMAL(6, 1)::VARCHAR END
            AS value,
        CASE WHEN h % 20 <> 0 THEN ((h % 2000) / 10.0)::DECIMAL(6, 1) END AS valuenum,
        ['mg/dL', 'mEq/L', '%', 'K/uL', 'g/dL'][1 + (g % 5)::INT] AS valueuom,
        (g % 22) * 1.5 AS ref_range_lower,
        (g % 22) * 2.5 + 3 AS ref_range_upper,
        CASE WHEN h % 3 = 0 THEN 'abnormal' END AS flag,
        CASE WHEN h % 4 = 0 THEN 'STAT' ELSE 'ROUTINE' END AS priority,
        CASE WHEN h % 20 = 0 THEN 'HEMOLYSIS FALSELY ELEVATES THIS RESULT, "SLIGHT".'
            WHEN h % 11 = 0 THEN '___' END AS comments
    FROM draw
) TO '{file}' (HEADER, DELIMITER ',', COMPRESSION gzip)
"""


def generate(rows: int, folder: Path, damage: str = "") -> Path:
    """Return a gzipped table of so many rows, made once per folder.

    `damage` is SQL put before the number of the item, so that it is none.
    """
    file = folder / f"{rows}{'-damaged' * bool(damage)}" / "labevents.csv.gz"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_name("partial.csv.gz")
        with duckdb.connect(config={"threads": 2, "memory_limit": "1GB"}) as connection:
            connection.execute("SET preserve_insertion_order = true")
            connection.execute(GENERATOR.format(rows=rows, file=unfinished, damage=damage))
        unfinished.replace(file)
    return file


class Measured(NamedTuple):
    """What a piece of Python took in a process of its own, the rows it read and kept, its MB."""

    took: Spent
    rows: int
    kept: int
    memory_mb: float


def measure(code: str) -> Measured:
    """Run a piece of Python that defines ``work``, and measure it without its imports."""
    path = os.pathsep.join([str(REPOSITORY / "src"), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", code + MEASURED],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    wall, cpu, *others = json.loads(done.stdout)
    return Measured(Spent(wall, cpu), *others)


def gunzip(file: Path) -> Spent:
    """Return what ``gzip -dc`` takes."""
    command = ["gzip", "-dc", str(file)]
    return spent(partial(subprocess.run, command, check=True, stdout=subprocess.DEVNULL))


def main() -> int:
    """Measure, print, and return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=6_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--memory-mb", type=int, default=1000)
    parser.add_argument("--without-pandas", action="store_true", help="it needs much memory")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "mimicflow-benchmark"
    )
    options = parser.parse_args()
    file = generate(options.rows, options.folder)
    damaged = generate(options.rows, options.folder, damage="'x' || ")
    gzip: dict[str, list[Spent]] = {"": [], " damaged": []}
    ours: dict[str, list[Measured]] = {"": [], " damaged": []}
    pandas = []
    with tempfile.TemporaryDirectory() as output:
        settings = {"table": TABLE, "output": f"{output}/labevents"}
        settings |= {"shards": SHARDS, "threads": THREADS, "memory": options.memory_mb}
        for _ in range(options.repeats):
            for name, packed in (("", file), (" damaged", damaged)):
                gzip[name].append(gunzip(packed))
                ours[name].append(measure(OURS.format(**settings, folder=str(packed.parent))))
            if not options.without_pandas:
                pandas.append(measure(PANDAS.format(table=TABLE, file=str(file))))
    assert ours[""][0].rows == ours[" damaged"][0].rows == options.rows
    assert ours[" damaged"][0].kept == 0
    kept = ours[""][0].kept
    print(f"{options.rows} rows, {file.stat().st_size / 1e6:.0f} MB packed, {kept} kept")
    results = []
    for name, runs in ours.items():
        best, other = least(run.took for run in runs), least(gzip[name])
        memory = max(run.memory_mb for run in runs)
        show(f"mimicflow{name}", best, THREADS, "one more thread unpacks")
        show(f"gzip -dc{name}", other, 1, "unpacks and compares the CRC; no rows, writes nothing")
        results += [
            (f"wall over gzip -dc{name}", best.wall, other.wall, best.wall / other.wall, "gzip"),
            (f"peak memory, MB{name}", memory, BARS["memory_mb"], memory, "memory_mb"),
        ]
    if pandas:
        best, other = (least(run.took for run in runs) for runs in (ours[""], pandas))
        ratio = other.wall / best.wall
        results.append(("times faster than pandas, wall", best.wall, other.wall, ratio, "pandas"))
        show(
            "pandas.read_csv", other, 1,
            "reads the used columns of all rows into memory "
            f"({max(run.memory_mb for run in pandas):.0f} MB); no choice of items, no checks, no "
            "order, no SHA-256, writes nothing",
        )  # fmt: skip
    missed = False
    for name, own, beside, figure, bar in results:
        sign = ">=" if bar == "pandas" else "<="
        met = figure <= BARS[bar] if sign == "<=" else figure >= BARS[bar]
        missed |= not met
        print(
            f"{name:30} ours {own:8.2f}  other {beside:8.2f}  figure {figure:7.2f}  "
            f"bar {sign} {BARS[bar]}  {'met' if met else 'MISSED'}"
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
