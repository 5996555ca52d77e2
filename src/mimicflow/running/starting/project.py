"""Make a folder of one's own that uses the workflow, and start Snakemake in it."""

from __future__ import annotations

import argparse
import functools
import os
import re
from collections.abc import Sequence
from pathlib import Path

from mimicflow.errors import ConfigError
from mimicflow.running.configuration import read_overlay
from mimicflow.running.place import workflow_folder
from mimicflow.running.writing import atomic_output

SNAKEFILES = ("Snakefile", "snakefile", "workflow/Snakefile", "workflow/snakefile")
"""Where Snakemake looks for what it is to run."""

PROFILE = "profiles/default/profile.yaml"

_SNAKEFILE = """\
configfile: "config.yaml"  # what is to differ


module mimicflow:
    snakefile: {snakefile}
    config: config


use rule * from mimicflow
"""


def make_project(folder: str | Path) -> list[Path]:
    """Write a folder that uses the workflow as a module, with its own configuration and profile.

    Parameters
    ----------
    folder : path-like
        Made if it is not there; what else it holds is left alone.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    ConfigError
        The folder has one of them already.
    StorageError
        The package was installed without the workflow, or the folder cannot be written.
    """
    workflow = workflow_folder()
    texts = {
        "Snakefile": _SNAKEFILE.format(snakefile=_quoted(workflow / "Snakefile")),
        "config.yaml": (workflow / "config/config.yaml").read_text(encoding="utf-8"),
        PROFILE: (workflow / PROFILE).read_text(encoding="utf-8")
        + "cores: all # or a number; --cores at the command line has the last word\n",
    }
    files = {Path(folder, name): text for name, text in texts.items()}
    there = [str(file) for file in files if file.exists()]
    if there:
        raise ConfigError(
            f"has {', '.join(there)} already",
            file=folder,
            remedy="name another folder, or move what is there",
        )
    for file, text in files.items():
        with atomic_output(file) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return list(files)


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


class Started:
    """What Snakemake's arguments say of where it works; they stay as they are.

    Parameters
    ----------
    arguments : sequence of str
        As given to ``mimicflow run``.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        parser.add_argument("-s", "--snakefile")
        parser.add_argument("-d", "--directory", default=".")
        for limit in (("-c", "--cores"), ("-j", "--jobs"), ("-e", "--executor")):
            parser.add_argument(*limit, nargs="?", const="", dest="limits", action="append")
        for profile in ("--profile", "--workflow-profile"):
            parser.add_argument(profile, nargs="?", const="", dest="limits", action="append")
        parser.add_argument("-C", "--config", nargs="*", default=[], action="extend")
        self.arguments = list(arguments)
        self._said, _ = parser.parse_known_args(self.arguments)

    @property
    def state(self) -> Path:
        """Snakemake's folder of this run."""
        return Path(self._said.directory, ".snakemake")

    def lacks_snakefile(self) -> bool:
        """Return whether Snakemake would find nothing to run."""
        return self._said.snakefile is None and not any(Path(name).is_file() for name in SNAKEFILES)

    def command(self) -> list[str]:
        """Return Snakemake's arguments, with the workflow's own Snakefile where there is none.

        All cores are used unless the arguments or a profile say how many.

        Raises
        ------
        ConfigError
            A word after ``--config`` that Snakemake would answer with a traceback.
        """
        for entry in self._said.config:
            _check_entry(entry)
        added = []
        if self.lacks_snakefile():
            added += ["--snakefile", str(workflow_folder() / "Snakefile")]
        if self._said.limits is None and not _limited_by_profile():
            added += ["--cores", "all"]
        return [*added, *self.arguments]


def _check_entry(entry: str) -> None:
    """Refuse what is no ``key=value`` of the first level, and say how it is written."""
    key, equals, value = entry.partition("=")
    if equals and re.fullmatch(r"[A-Za-z_]\w*", key):
        return
    first, *inner = key.split(".")
    within = functools.reduce(
        lambda of, name: f"{{{name}: {of}}}", reversed(inner), value or "VALUE"
    )
    raise ConfigError(
        f"--config takes KEY=VALUE with a key of the first level, not {entry}",
        remedy=f"write --config '{first}={within}'; targets stand before --config",
    )


def _limited_by_profile() -> bool:
    """Return whether a profile that nobody names at the command line says how many cores."""
    if "SNAKEMAKE_PROFILE" in os.environ:
        return True
    profile = Path(PROFILE)
    return profile.is_file() and bool({"cores", "jobs", "executor"} & read_overlay(profile).keys())
