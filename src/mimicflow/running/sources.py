"""Which source files a result depends on, so that a change of code reruns what it touches.

Snakemake does not see changes in imported modules; rules therefore name them as inputs. The rest
is followed, because a list kept by hand is soon wrong:

- in Python imports, ``reference("labs.csv")``, and ``Path(__file__).parent / "templates"``, a file
  or folder beside the module;
- in SQL ``reference('labs.csv')``, and a line ``-- uses complaints.sql``.

Names are written out where they are read. SQL is chosen rule by rule.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
# These report and log what happens, and clean up; no result can depend on them.
WITHOUT_EFFECT = frozenset(
    {
        "errors",
        "running.rule_log",
        "running.sources",
        "running.configuration",
        "running.allowed_values",
        "running.agreement",
        "running.storage",
        "running.leftovers",
        "running.workers",
        "running.identity",
        "running.own_files",
        "running.lock",
    }
)


def sources(*names: str, relative_to: str | Path = ".") -> list[str]:
    """Return the files behind modules or files of the package, with all that they read.

    Parameters
    ----------
    *names : str
        Modules (``"ecg.store"``) or files inside the package (``"concepts/macros.sql"``).
    relative_to : path-like
        Folder from which the paths lead.

    Returns
    -------
    list of str
        Sorted, each once.

    Raises
    ------
    FileNotFoundError
        A name that is neither a module nor a file of the package.
    ValueError
        A module reads a reference table whose name is not written out.
    """
    files = frozenset[Path]().union(*map(_closure, names))
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
def _closure(name: str) -> frozenset[Path]:
    start = PACKAGE / name if "/" in name else _module_file(name)
    if start is None or not start.is_file():
        raise FileNotFoundError(f"neither a module nor a file of mimicflow: {name}")
    found: set[Path] = set()
    waiting = [start]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting.extend(_named_in(file))
    return frozenset(found)


def _module_file(module: str) -> Path | None:
    stem = PACKAGE.joinpath(*module.split("."))
    for file in (stem.with_suffix(".py"), stem / "__init__.py"):
        if file.is_file():
            return file
    return None


@cache
def _named_in(file: Path) -> frozenset[Path]:
    """Return the files of the package that a file names."""
    match file.suffix:
        case ".py":
            tree = ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file)))
            return frozenset(named for node in tree for named in _named_by(node, file))
        case ".sql":
            text = file.read_text(encoding="utf-8")
            tables = re.findall(r"\breference\('([^']+)'\)", text)
            used = re.findall(r"^-- uses (\w+\.sql)$", text, re.MULTILINE)
            return frozenset(
                [PACKAGE / "reference" / name for name in tables]
                + [PACKAGE / "concepts" / name for name in used]
            )
    return frozenset()


def _named_by(node: ast.AST, file: Path) -> list[Path]:
    match node:
        case ast.Import(names=imported):
            return _modules(alias.name for alias in imported)
        case ast.ImportFrom(module=str(module), names=imported):
            # `from mimicflow.ecg import store` names a module, `from ... import build` a function.
            return _modules([module, *(f"{module}.{alias.name}" for alias in imported)])
        case ast.Call(func=ast.Name(id="reference"), args=arguments):
            match arguments:
                case [ast.Constant(value=str(name))]:
                    return [PACKAGE / "reference" / name]
            raise ValueError(f"{file}:{node.lineno}: reference() needs a name that is written out")
        case ast.Attribute(attr="reference") | ast.alias(name="reference", asname=str()):
            raise ValueError(f"{file}:{node.lineno}: reference() is called by its own name only")
        case ast.BinOp(left=left, right=ast.Constant(value=str(name))):
            if ast.unparse(left) == "Path(__file__).parent":
                beside = file.parent / name
                return sorted(beside.iterdir()) if beside.is_dir() else [beside]
    return []


def _modules(names: Iterable[str]) -> list[Path]:
    """Return the files of those names that are modules of the package with an effect."""
    inner = (name.removeprefix("mimicflow.") for name in names if name.startswith("mimicflow."))
    files = (_module_file(name) for name in inner if name not in WITHOUT_EFFECT)
    return [file for file in files if file is not None]
