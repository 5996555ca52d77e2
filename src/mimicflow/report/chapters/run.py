"""Chapter of the run: data and their quality, code, machine, time, memory, configuration."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from mimicflow.errors import InputError
from mimicflow.evaluation.smallest_cell import HIDDEN
from mimicflow.report.blocks import (
    DASH,
    Block,
    Cell,
    Section,
    Text,
    count,
    counted,
    number,
    table,
)
from mimicflow.report.chapters import section
from mimicflow.report.inputs import read_table


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    InputError
        A missing file or one that holds no JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError) as error:
        raise InputError(
            f"the file cannot be read: {error}", file=path, remedy="run its rule again"
        ) from error
    if not isinstance(content, dict):
        raise InputError("the file holds no object", file=path, remedy="run its rule again")
    return content


def read_manifests(paths: Iterable[Path]) -> dict[str, Any]:
    """Join the manifests of several systems, so that what they share is shown once.

    Raises
    ------
    InputError
        A manifest that cannot be read, or that contradicts another one about a table.
    """
    tables: dict[str, Any] = {}
    references: list[dict[str, Any]] = []
    warnings: list[str] = []
    for path in paths:
        manifest = read_json(path)
        for name, entry in manifest["tables"].items():
            # The release is known by all tables of a module, and not every system reads them all.
            if tables.setdefault(name, entry) | {"release": entry["release"]} != entry:
                raise InputError(
                    f"contradicts the manifest of another system about {name}",
                    file=path,
                    remedy="delete the manifests and run their rules again",
                )
        references += [entry for entry in manifest["references"] if entry not in references]
        warnings += [text for text in manifest["warnings"] if text not in warnings]
    return {"tables": tables, "references": references, "warnings": warnings}


def quality(manifest: Mapping[str, Any], smallest: int) -> Section:
    """Return what was read and rejected of each raw table, and the references that lead nowhere."""
    blocks: list[Block] = []
    if manifest["warnings"]:
        warnings = [_masked(text, smallest) for text in manifest["warnings"]]
        blocks.append(Text(f"{len(warnings)} warnings:", items=warnings))
    columns = [("Table", False), ("Rows", True), ("Kept", True), ("Rejected", True)]
    columns += [("Duplicates", True), ("Columns missing", False)]
    rows = [
        [
            name,
            count(entry["rows"], smallest),
            # Rows less those kept are those that are not.
            HIDDEN if _is_small(entry, smallest) else count(entry["rows_kept"], smallest),
            *(count(entry[key], smallest) for key in _LOST),
            ", ".join(entry["columns_missing"]) or DASH,
        ]
        for name, entry in sorted(manifest["tables"].items())
    ]
    blocks.append(table("Rows of each raw table.", columns, rows))
    columns = [("Table", False), ("Column", False), ("Refers to", False), ("Rows", True)]
    columns += [("Without a match", True)]
    rows = [
        [*(entry[key] for key in ("table", "column", "references"))]
        + [count(entry[key], smallest) for key in ("rows", "orphans")]
        for entry in manifest["references"]
    ]
    if rows:
        blocks.append(table("References between tables.", columns, rows, folded=True))
    return section("quality", blocks)


_LOST = ("rows_rejected", "rows_duplicate")


def _is_small(entry: Mapping[str, Any], smallest: int) -> bool:
    return any(0 < entry[key] < smallest for key in _LOST)


def _masked(warning: str, smallest: int) -> str:
    """Hide counts under ten in a warning; numbers inside words and decimals stay."""
    if not smallest:
        return warning
    return re.sub(r"(?<![\w.,/-])[1-9](?![\w.,/%-])", f"<{smallest}", warning)


def excluded(path: Path, smallest: int) -> Section:
    """Return how many ECGs were left out for each reason; never which."""
    reasons = read_table(path, "reason")["reason"].value_counts()
    reasons = reasons.sort_index().sort_values(ascending=False, kind="stable")
    rows = [[str(name).replace("_", " "), count(n, smallest)] for name, n in reasons.items()]
    # A total beside a hidden count would give it away.
    if not (reasons < smallest).any():
        rows.append(["All", count(reasons.sum())])
    columns = [("Reason", False), ("ECGs", True)]
    return section("excluded", [table("ECGs left out by reason.", columns, rows)])


def data_versions(manifest: Mapping[str, Any]) -> Section:
    """Return the release of each module, and release, size and checksum of each raw file."""
    columns = [("File", False), ("Release", False), ("Megabytes", True), ("SHA-256", False)]
    columns += [("Listed checksum", False)]
    rows = [
        [
            f"{name.partition('/')[0]}/{entry['file']}",
            entry["release"],
            number(entry["bytes"] / 1e6, 1),
            Cell(entry["sha256"], code=True),
            "agrees" if entry["sha256_verified"] else "none",
        ]
        for name, entry in sorted(manifest["tables"].items())
    ]
    releases: dict[str, set[str]] = {}
    for name, entry in manifest["tables"].items():
        releases.setdefault(name.partition("/")[0], set()).add(entry["release"])
    named = [f"{module}: {', '.join(sorted(releases[module]))}" for module in sorted(releases)]
    blocks = [Text(f"Release of each module: {'; '.join(named)}.")]
    return section("data", [*blocks, table("Raw files of this run.", columns, rows)])


def run_sections(path: Path) -> list[Section]:
    """Return code, machine, time and memory, and configuration from the description of the run."""
    run = read_json(path)
    code, machine = run["code"], run["machine"]
    changed = {True: " (with changes)", False: "", None: ""}[code["changed"]]
    terms = [
        ("mimicflow", code["version"]),
        ("Commit", f"{code['commit'] or 'unknown'}{changed}"),
        ("Python", code["python"]),
        ("Seed", _seeds(run["seed"])),
    ]
    packages = table(
        "Packages.", [("Package", False), ("Version", True)], list(run["packages"].items())
    )
    hardware = [
        ("System", machine["system"]),
        ("Processor", machine["processor"]),
        ("Cores", str(machine["cores"])),
        ("Memory", f"{number(machine['memory_gb'], 1)} GB"),
        ("GPU", ", ".join(machine["gpus"]) or "none"),
    ]
    columns = [("Rule", False), ("Jobs", True), ("Seconds", True), ("CPU seconds", True)]
    columns += [("Largest memory, MB", True)]
    rows = [
        [
            entry["rule"],
            count(entry["jobs"]),
            number(entry["seconds"], 1),
            number(entry["cpu_seconds"], 1),
            number(entry["max_memory_mb"], 0),
        ]
        for entry in sorted(run["rules"], key=lambda entry: (-entry["seconds"], entry["rule"]))
    ]
    total = pd.DataFrame(run["rules"])
    text = ""
    if rows:
        text = (
            f"{counted(count(total['jobs'].sum()), 'jobs')} of {counted(str(len(rows)), 'rules')}, "
            f"{number(total['seconds'].sum() / 60, 1)} minutes of work in all."
        )
    config = yaml.safe_dump(run["config"], sort_keys=False, allow_unicode=True)
    parts = [
        section("software", [Text(terms=terms), packages]),
        section("machine", [Text(terms=hardware)]),
        section("rules", [Text(text), table("Work of each rule.", columns, rows)] if rows else []),
        section("config", [Text(verbatim=config)]),
    ]
    return [part for part in parts if not part.empty]


def _seeds(seed: int | Mapping[str, int] | None) -> str:
    """Return the one seed of all draws, or which is of what."""
    if not isinstance(seed, Mapping):
        return DASH if seed is None else str(seed)
    values = set(seed.values())
    if len(values) == 1:
        return str(values.pop())
    return ", ".join(f"{name} {value}" for name, value in seed.items())
