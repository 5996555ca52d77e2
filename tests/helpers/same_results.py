"""Whether two runs wrote the same results, byte for byte, but for what describes the run itself.

``python tests/helpers/same_results.py BEFORE AFTER [--renamed CSV]`` compares two folders
``results/`` and lists every file that only one of them has, or that differs. What is left aside:
logs, benchmarks and hidden files; mimicflow's version and commit wherever a result names them; in
``run.json`` and the report which rules ran and how long. A rename map (columns ``before,after``,
paths below ``results/``) is applied to what was before.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import re
import sys
from pathlib import Path

OF_THE_RUN = re.compile(r"(^|/)(logs|benchmarks|\.[^/]+)/|^README\.md$")
COST = {"rules", "commit", "changed"}
COMMIT = re.compile(rb"\b[0-9a-f]{40}\b`?(?: \(?with changes\)?)?")
RULE = re.compile(r"<th scope=\"row\">[a-z_]+</th>|\d+ jobs of \d+ rules")
VERSION = re.compile(rb"(\bmimicflow\b[^\d\n]{1,20}|\"version\": \")\d+\.\d+\.\d+")
NAMING_IT = {".json", ".md", ".csv", ".html"}


def results(folder: Path) -> set[str]:
    """Return the paths of all results, without what describes the run itself."""
    files = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {file for file in files if not OF_THE_RUN.search(file)}


def digests(folder: Path) -> dict[str, str]:
    """Return the digest of each result, by its path."""
    return {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in sorted(results(folder))
    }


def content(file: Path) -> bytes | object:
    """Return what has to be the same in a file."""
    whole = file.read_bytes()
    if file.suffix in NAMING_IT:
        whole = COMMIT.sub(b"COMMIT", VERSION.sub(rb"\1VERSION", whole))
    if file.name == "run.json":
        return without_cost(json.loads(whole))
    if file.suffix in {".md", ".html"}:
        # The seconds of a training stand behind its number of patients.
        text = re.sub(
            r'(</th><td class="number">[^<]+</td>)<td class="number">[\d.]+<',
            r"\1<",
            whole.decode(),
        )
        seen, run, cost = text.partition('aria-labelledby="run"')
        return seen + run, [line for line in cost.splitlines() if not RULE.search(line)]
    return whole


def without_cost(node: object) -> object:
    if isinstance(node, dict):
        return {key: without_cost(value) for key, value in node.items() if key not in COST}
    return [without_cost(value) for value in node] if isinstance(node, list) else node


def differences(before: Path, after: Path, renamed: dict[str, str]) -> list[str]:
    """Return a line for every file that is not the same on both sides."""
    old = {renamed.get(name, name): name for name in results(before)}
    new = results(after)
    return [
        *(f"only before: {old[name]}" for name in sorted(old.keys() - new)),
        *(f"only after: {name}" for name in sorted(new - old.keys())),
        *(
            f"differs: {name}"
            for name in sorted(new & old.keys())
            if content(before / old[name]) != content(after / name)
        ),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--renamed", type=Path, help="CSV with the columns before, after")
    chosen = parser.parse_args()
    renamed: dict[str, str] = {}
    if chosen.renamed:
        with chosen.renamed.open(encoding="utf-8") as file:
            renamed = {row["before"]: row["after"] for row in csv.DictReader(file)}
    found = differences(chosen.before, chosen.after, renamed)
    print("\n".join(found) or f"{len(results(chosen.after))} files are the same")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
