"""Which source files a result depends on, so that a change of code reruns what it touches.

Snakemake does not see changes in imported modules; rules therefore name them as inputs.
They are found by following the imports, because a list kept by hand is soon wrong.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
# These tell and log what happens, and clean up; no result can depend on them.
WITHOUT_EFFECT = frozenset(
    {
        "errors",
        "scripting",
        "provenance",
        "configuration",
        "agreement",
        "storage",
        "leftovers",
        "workers",
        "identity",
        "own_files",
        "lock",
    }
)


def source_files(*names: str, relative_to: str | Path = ".") -> list[str]:
    """Return the files behind modules or data files of the package, with all that they import.

    Parameters
    ----------
    *names : str
        Modules (``"ecg.store"``) or files inside the package (``"concepts/ed_labs.sql"``).
    relative_to : path-like
        Folder against which the paths are told.

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
            found.add(file)
            waiting.extend(_imports(file))
    return frozenset(found)


def _module_file(module: str) -> Path | None:
    stem = PACKAGE.joinpath(*module.split("."))
    for file in (stem.with_suffix(".py"), stem / "__init__.py"):
        if file.is_file():
            return file
    return None


@cache
def _imports(file: Path) -> tuple[str, ...]:
    """Return the modules of the package that a file imports, without the package's prefix."""
    modules: list[str] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
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
    return tuple(modules)
