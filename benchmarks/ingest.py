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
import time
from pathlib import Path

import duckdb

TABLE = "hosp/labevents"
SHARDS = 4
BARS = {"gzip": 1.5, "memory_mb": 1024, "pandas": 2.0}

# Run in a process of its own, so that its peak memory is its own.
OURS = """
import json, resource, sys, time
from mimicflow.raw.ingest import ingest_table
start = time.perf_counter()
report = ingest_table({folder!r}, {table!r}, {output!r}, shards={shards}, memory_mb={memory},
    threads=2, max_reject_share=1.0)
print(json.dumps({{"seconds": time.perf_counter() - start, "rows": report["rows"],
    "kept": report["rows_kept"],
    "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}}))
"""
PANDAS = """
import json, resource, time
import pandas as pd
from mimicflow.raw.tables import TABLES
columns = TABLES[{table!r}].used
start = time.perf_counter()
frame = pd.read_csv({file!r}, usecols=[c.name for c in columns],
    parse_dates=[c.name for c in columns if c.type == "timestamp"])
print(json.dumps({{"seconds": time.perf_counter() - start, "rows": len(frame),
    "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}}))
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
        partial = file.with_name("partial.csv.gz")
        with duckdb.connect(config={"threads": 2, "memory_limit": "1GB"}) as connection:
            connection.execute("SET preserve_insertion_order = true")
            connection.execute(GENERATOR.format(rows=rows, file=partial, damage=damage))
        partial.replace(file)
    return file


def measure(code: str) -> dict[str, float]:
    """Run a piece of Python that prints its figures as JSON."""
    path = os.pathsep.join([str(Path(__file__).parents[1] / "src"), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    return json.loads(done.stdout)


def gunzip(file: Path) -> float:
    """Return the seconds of ``gzip -dc``."""
    start = time.perf_counter()
    subprocess.run(["gzip", "-dc", str(file)], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


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
    seconds: dict[str, list[float]] = {name: [] for name in ("gzip", "gzip damaged")}
    ours: dict[str, list[dict[str, float]]] = {"": [], " damaged": []}
    pandas = []
    with tempfile.TemporaryDirectory() as output:
        settings = {"table": TABLE, "output": f"{output}/labevents", "shards": SHARDS}
        for _ in range(options.repeats):
            for name, packed in (("", file), (" damaged", damaged)):
                seconds[f"gzip{name}"].append(gunzip(packed))
                code = OURS.format(**settings, folder=str(packed.parent), memory=options.memory_mb)
                ours[name].append(measure(code))
            if not options.without_pandas:
                pandas.append(measure(PANDAS.format(table=TABLE, file=str(file))))
    assert ours[""][0]["rows"] == ours[" damaged"][0]["rows"] == options.rows
    assert ours[" damaged"][0]["kept"] == 0
    kept = ours[""][0]["kept"]
    print(f"{options.rows} rows, {file.stat().st_size / 1e6:.0f} MB packed, {kept} kept")
    results = []
    for name, runs in ours.items():
        best, other = min(run["seconds"] for run in runs), min(seconds[f"gzip{name}"])
        memory = max(run["memory_mb"] for run in runs)
        results += [
            (f"seconds over gzip -dc{name}", best, other, best / other, "<=", "gzip"),
            (f"peak memory, MB{name}", memory, BARS["memory_mb"], memory, "<=", "memory_mb"),
        ]
    if pandas:
        best, other = (min(run["seconds"] for run in runs) for runs in (ours[""], pandas))
        results.append(("times faster than pandas", best, other, other / best, ">=", "pandas"))
        print(f"pandas.read_csv: {max(r['memory_mb'] for r in pandas):.0f} MB")
    missed = False
    for name, own, other, figure, sign, bar in results:
        met = figure <= BARS[bar] if sign == "<=" else figure >= BARS[bar]
        missed |= not met
        print(
            f"{name:30} ours {own:8.2f}  other {other:8.2f}  figure {figure:7.2f}  "
            f"bar {sign} {BARS[bar]}  {'met' if met else 'MISSED'}"
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
