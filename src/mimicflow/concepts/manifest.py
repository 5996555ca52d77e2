"""Build the manifest of a run: what was read, how much of it, whether the tables fit together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mimicflow.concepts.code_checks import check_codes, check_laboratory, warnings_of
from mimicflow.errors import InputError
from mimicflow.raw.releases import settle_releases
from mimicflow.raw.tables import TABLES
from mimicflow.running.database import connect, read_parquet
from mimicflow.running.writing import write_json


def build_manifest(
    reports: Sequence[str | Path],
    output: str | Path,
    strict: bool = False,
    memory_mb: int = 1000,
    threads: int = 1,
) -> dict[str, Any]:
    """Join the reports of all ingested tables and count the rows that refer to nothing.

    Parameters
    ----------
    reports : sequence of path-like
        ``report.json`` of each table; the table's shards lie beside it.
    output : path-like
        The manifest, JSON. It holds file names, counts and checksums, no clock times and no
        folders, so that the same input gives the same bytes anywhere.
    strict : bool
        Whether a table of another release than the others of its module stops the run.
    memory_mb : int
        Limit of DuckDB in MB.
    threads : int
        Threads of DuckDB.

    Returns
    -------
    dict
        ``releases`` (module -> the releases that its tables match), ``tables`` (path -> report),
        ``references`` (one entry per reference with its number of orphans), ``codes`` (as
        `mimicflow.concepts.code_checks.check_codes` counts them) and ``warnings``.

    Raises
    ------
    InputError
        Tables of different releases, when the run is strict.
    """
    folders: dict[str, Path] = {}
    tables: dict[str, dict[str, Any]] = {}
    for path in map(Path, reports):
        report = json.loads(path.read_text(encoding="utf-8"))
        tables[report["table"]], folders[report["table"]] = report, path.parent
    releases, misfits = settle_releases(tables)
    if misfits and strict:
        raise InputError(
            "; ".join(misfits),
            file=output,
            remedy="download these files again, all of one release; or set ingest.strict to false",
        )
    for table, release in releases.items():
        tables[table]["release"] = release
    references = _references(folders, memory_mb, threads)
    shards = {table: _shards(folder) for table, folder in folders.items()}
    codes = check_codes(shards, memory_mb, threads)
    warnings = [
        f"{table}: {warning}" for table in sorted(tables) for warning in tables[table]["warnings"]
    ]
    warnings += misfits
    warnings += [
        f"{entry['table']}: {entry['orphans']} of {entry['rows']} rows have a {entry['column']} "
        f"that {entry['references']} lacks"
        for entry in references
        if entry["orphans"]
    ]
    warnings += warnings_of(codes)
    if "hosp/labevents" in shards:
        warnings += check_laboratory(shards["hosp/labevents"], memory_mb, threads)
    manifest = {
        "releases": _by_module(releases),
        "tables": tables,
        "references": references,
        "codes": codes,
        "warnings": warnings,
    }
    write_json(manifest, output)
    return manifest


def _by_module(releases: dict[str, str]) -> dict[str, list[str]]:
    """Return for each module the releases that its tables match, without repeats."""
    modules: dict[str, set[str]] = {}
    for path, release in releases.items():
        modules.setdefault(TABLES[path].module, set()).add(release)
    return {module: sorted(found) for module, found in sorted(modules.items())}


def _references(folders: dict[str, Path], memory_mb: int, threads: int) -> list[dict[str, Any]]:
    """Count, for each reference between two ingested tables, filled fields that lead nowhere."""
    found = []
    with connect(memory_mb, threads) as connection:
        for path in sorted(folders):
            columns = {column.name for column in TABLES[path].used}
            for column, target in TABLES[path].references:
                if target not in folders or column not in columns:
                    continue
                read_parquet(connection, _shards(folders[path])).create_view("source")
                read_parquet(connection, _shards(folders[target])).create_view("target")
                [(rows, orphans)] = connection.execute(
                    f"""
                    SELECT count(*), count(*) FILTER (WHERE {column} NOT IN
                        (SELECT {column} FROM target WHERE {column} IS NOT NULL))
                    FROM source WHERE {column} IS NOT NULL
                    """
                ).fetchall()
                found.append(
                    {
                        "table": path,
                        "column": column,
                        "references": target,
                        "rows": int(rows),
                        "orphans": int(orphans),
                    }
                )
    return found


def _shards(folder: Path) -> list[str]:
    return [str(path) for path in sorted(folder.glob("[0-9]*.parquet"))]
