"""What ``snakemake --lint`` has against the workflow, but for one thing that is meant.

A chapter holds the input functions that only it uses; Snakemake would have the functions of all
chapters in common.smk.
"""

from __future__ import annotations

import re
import subprocess
import sys

MEANT = "Mixed rules and functions in same snakefile.:"


def objections(said: str) -> list[str]:
    """Return the titles of all that Snakemake found, but for what is meant."""
    return [title for title in re.findall(r"^ +\* (.+)$", said, re.M) if title != MEANT]


def main() -> int:
    """Run Snakemake's linter; 1 if it finds anything that is not meant."""
    run = subprocess.run(
        [sys.executable, "-m", "snakemake", "--lint"], capture_output=True, text=True, check=False
    )
    said = run.stdout + run.stderr
    broken = run.returncode != 0 and MEANT not in said
    if broken or objections(said):
        print(said)
        return 1
    print("Snakemake has nothing against the workflow but functions in its chapters.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
