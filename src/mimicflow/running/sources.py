"""Find the source files a result depends on, so that a change of code reruns what it touches.

Snakemake does not see changes in imported modules; rules therefore name them as inputs.
They are found by following the imports, because a list kept by hand is soon wrong. So are the
tables and templates that a module reads: it names them by their file name, or the folder beside
it that holds them. Only SQL, and the tables that SQL reads, are chosen rule by rule.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
DATA = frozenset({".csv", ".j2", ".js", ".css"})
# These report and log what happens, and clean up; no result can depend on them.
WITHOUT_EFFECT = frozenset(
    {
        "errors",
        "running.rule_log",
        "running.sources",
        "running.configuration",
        "running.agreement",
        "running.storage",
        "running.leftovers",
        "running.workers",
        "running.identity",
        "running.own_files",
        "running.lock",
    }
)


def source_files(*names: str, relative_to: str | Path = ".") -> list[str]:
    """Return the files behind modules or data files of the package, with all that they read.

    Parameters
    ----------
    *names : str
        Modules (``"ecg.store"``) or files inside the package (``"reference/labs.csv"``).
    relative_to : path-like
        Folder that the paths are relative to.

    Returns
    -------
    list of str
        Sorted, each once.

    Raises
    ------
    FileNotFoundError
        A name that is neither a module nor a file of the package.
    """
    files: set[Path] = set()
    for name in names:
        if "/" in name:
            if not (PACKAGE / name).is_file():
                raise FileNotFoundError(PACKAGE / name)
            files.add(PACKAGE / name)
        else:
            files |= _closure(name)
    root = Path(relative_to).resolve()
    return sorted(
        str(file.relative_to(root) if file.is_relative_to(root) else file) for file in files
    )


def content_of(files: Iterable[str | Path]) -> str:
    """Return one SHA-256 of the content of these files, wherever the repository lies.

    As a parameter of a rule it makes changed code rerun whatever the times of the files are.
    """
    return hashlib.sha256("".join(sorted(map(_content, map(Path, files)))).encode()).hexdigest()


def package_file(named: str | Path) -> Path:
    """Return the file of the package that an input of a rule stands for.

    Where jobs share no folder, as on Kubernetes, inputs are named by where storage puts them.
    """
    return PACKAGE / str(named).rpartition(f"src/{PACKAGE.name}/")[2]


@cache
def _content(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@cache
def _closure(module: str) -> frozenset[Path]:
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        file = _module_file(waiting.pop())
        if file is None:
            raise FileNotFoundError(f"no module mimicflow.{module}")
        if file not in found:
            modules, data = _named_in(file)
            found |= {file, *data}
            waiting.extend(modules)
    return frozenset(found)


def _module_file(module: str) -> Path | None:
    stem = PACKAGE.joinpath(*module.split("."))
    for file in (stem.with_suffix(".py"), stem / "__init__.py"):
        if file.is_file():
            return file
    return None


@cache
def _named_in(file: Path) -> tuple[tuple[str, ...], frozenset[Path]]:
    """Return what a file names: modules that it imports, without the package's prefix, and data."""
    modules: list[str] = []
    data: set[Path] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            data |= _data_files().get(node.value, frozenset())
            if node.value.isidentifier():
                data |= _data_files().get(str(file.parent / node.value), frozenset())
            continue
        if isinstance(node, ast.Import):
            candidates = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from mimicflow.ecg import store` names a module, `from ... import build` a function.
            candidates = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in candidates:
            inner = name.removeprefix("mimicflow.")
            if inner != name and inner not in WITHOUT_EFFECT and _module_file(inner):
                modules.append(inner)
    return tuple(modules), frozenset(data)


@cache
def _data_files() -> dict[str, frozenset[Path]]:
    """Return the tables and templates of the package by file name, and by the path of a folder."""
    found: dict[str, set[Path]] = {}
    for file in PACKAGE.rglob("*"):
        if file.suffix in DATA:
            for name in (file.name, str(file.parent)):
                found.setdefault(name, set()).add(file)
    return {name: frozenset(files) for name, files in found.items()}
