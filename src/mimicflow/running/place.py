"""Find the workflow's own files, and where its results lie once another workflow imports it.

Own files lie beside the Snakefile that holds them, wherever Snakemake was started; results lie
below the working directory. ``prefix`` and ``replace_prefix`` of an importing workflow move them:
Snakemake moves inputs, outputs, logs and benchmarks. What parameters name and what planning reads
is moved here, by Snakemake's own rule.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mimicflow.errors import ConfigError, StorageError
from mimicflow.running.sources import PACKAGE

RESULTS = "results"
"""The folder of all results, as rules name it."""


class Place:
    """Where the files of the workflow are.

    Parameters
    ----------
    folder : snakemake.sourcecache.SourceFile
        The workflow's own folder; taken while its Snakefile is read, since later
        ``workflow.basedir`` is that of the importing workflow.
    cache : snakemake.sourcecache.SourceCache
        Fetches own files that are not on this machine, as those of ``github(...)``.
    mover : snakemake.path_modifier.PathModifier
        What the importing workflow says of paths.
    """

    def __init__(self, folder: Any, cache: Any, mover: Any) -> None:
        self._folder, self._cache, self._move = folder, cache, mover.replace_prefix
        self.results = str(Path(self._move(f"{RESULTS}/")))
        self.moves = self.results != RESULTS
        self.is_here = (
            isinstance(folder, os.PathLike) and not self.moves and Path(folder).samefile(".")
        )

    def __str__(self) -> str:
        return os.path.normpath(self._folder) if self._is_local else str(self._folder)

    @property
    def _is_local(self) -> bool:
        return isinstance(self._folder, os.PathLike)

    def own(self, path: str) -> str:
        """Return where a file of the workflow lies: as it is called, if Snakemake was started here.

        Parameters
        ----------
        path : str
            From the workflow's own folder, such as ``config.yaml``.
        """
        if self.is_here:
            return path
        if self._is_local:
            return os.path.normpath(Path(self._folder, path))
        return str(self._cache.get_path(self._folder.join(path)))

    def moved(self, value: Any) -> Any:
        """Return a value with every path of a result as the importing workflow has it.

        Parameters
        ----------
        value : object
            A path as rules name it, or lists and mappings that hold some; all else is left.
        """
        match value:
            case str() if value == RESULTS:
                return self.results
            case str() if value.startswith(f"{RESULTS}/"):
                return str(self._move(value))
            case list() | tuple() | set():
                return type(value)(map(self.moved, value))
            case Mapping():
                return {key: self.moved(inner) for key, inner in value.items()}
        return value

    def parameter(self, value: Any) -> Any:
        """Return a parameter of a rule, moved: a value, or a function of wildcards."""
        if not callable(value):
            return self.moved(value)

        @functools.wraps(value)  # what is set on the function is read, too
        def moved_parameter(wildcards: Any) -> Any:
            return self.moved(value(wildcards))

        return moved_parameter

    def check_moved(self, paths: list[str]) -> None:
        """Refuse to move a part of the results, or each part elsewhere.

        Jobs find what a result is by its path from the folder of all results.

        Parameters
        ----------
        paths : list of str
            Outputs as Snakemake has moved them: one with a wildcard where the replaced part
            ends is not moved, though inputs are that are the same without a scenario.

        Raises
        ------
        ConfigError
            Names the first that lies outside the folder of all results.
        """
        own = [self.moved(re.sub(r"\{scenario[^}]*\}", "", path)) for path in paths]
        outside = [path for path in own if not Path(path).is_relative_to(self.results)]
        if outside:
            raise ConfigError(
                f"replace_prefix leaves {outside[0]} outside {self.results}, the folder of results",
                remedy=f"replace {RESULTS}/ as a whole, or give a prefix",
            )


def call_first(workflow: Any, look: Callable[[Any], None]) -> None:
    """Have a function called before the first job, from an imported workflow.

    Of an imported workflow Snakemake (9.27) leaves ``onstart`` aside. That of the importing one is
    called as well, wherever it stands.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        The one that runs.
    look : callable
        Takes the path of Snakemake's log.
    """
    before, register = workflow._onstart, workflow.onstart

    def both(second: Callable[[Any], None]) -> Callable[[Any], None]:
        def start(log: Any) -> None:
            look(log)
            second(log)

        return start

    workflow._onstart = both(before)
    workflow.onstart = lambda handler: register(both(handler))


def announce_package() -> None:
    """Say where the package is to all that this process starts; conda's environments get it."""
    os.environ["MIMICFLOW_FOLDER"] = str(PACKAGE.parents[1])


def results_folder() -> str:
    """Return the folder of all results, as the job has it that asks: it may have been moved."""
    snakemake = getattr(sys.modules["__main__"], "snakemake", None)
    params = getattr(snakemake, "params", {})
    return str(params.get("results", RESULTS)) if hasattr(params, "get") else RESULTS


def below_results(path: str | Path) -> Path | None:
    """Return the path from the folder of all results on; None if it does not lie in it.

    On Kubernetes the folders of storage stand before.
    """
    path, folder = Path(path), Path(results_folder()).parts
    for start in range(len(path.parts) - len(folder), -1, -1):
        if path.parts[start : start + len(folder)] == folder:
            return Path(*path.parts[start + len(folder) :])
    return None


def workflow_folder() -> Path:
    """Return the folder of the Snakefile that this package was installed with.

    Raises
    ------
    StorageError
        Where it was installed as a package alone, without the workflow.
    """
    folder = PACKAGE.parents[1]
    if not (folder / "Snakefile").is_file():
        raise StorageError(
            "mimicflow was installed without its Snakefile, which is no part of the package",
            file=PACKAGE,
            remedy="clone the repository and install it from there: pip install --editable .",
        )
    return folder
