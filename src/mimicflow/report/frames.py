"""Read the tables of a run as frames, for a notebook."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from mimicflow.errors import InputError
from mimicflow.report.columns import describe_column

_LEFT_OUT = ("logs", "benchmarks", "scenarios", "synthetic")
"""Folders that hold no tables of the run itself; of ``synthetic`` the truth is there."""


class Frames(Mapping[str, pd.DataFrame]):
    """The tables of a run by name, each read when it is asked for.

    Parameters
    ----------
    folder : path-like
        ``results`` of a run.

    Raises
    ------
    InputError
        There is no such folder, or no table in it.

    Notes
    -----
    A table is named by its path without ending (``cohort/stays``); one in shards by its folder
    (``tables/hosp/admissions``). Where a Parquet and a CSV have one name, the Parquet is meant and
    the CSV is asked for with its ending.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._files = dict(_tables(self.folder)) if self.folder.is_dir() else {}
        if not self._files:
            raise InputError(
                "no tables of a run are there",
                file=self.folder,
                remedy="name the folder results/ of a run; make run makes one",
            )

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return a table with types; ``attrs`` has ``units`` and ``meanings`` by column."""
        if not isinstance(name, str):
            raise InputError(
                f"no table is called {name!r}: they are asked for by name",
                file=self.folder,
                remedy=f"ask for {next(iter(self))!r}, for instance; list(...) names them all",
            )
        name = name.removesuffix(".parquet")
        if name not in self._files:
            near = difflib.get_close_matches(name, self._files, n=3)
            raise InputError(
                f"no table is called {name}",
                file=self.folder,
                remedy=f"did you mean {' or '.join(near)}?" if near else "list(...) names them all",
            )
        files = self._files[name]
        read = pd.read_parquet if files[0].suffix == ".parquet" else pd.read_csv
        frame = pd.concat([read(file) for file in files], ignore_index=True)
        table = Path(name).name.removesuffix(".csv")
        described = {str(column): describe_column(table, str(column)) for column in frame}
        for column, of in described.items():
            if of is not None and of.type in ("time", "date"):
                frame[column] = pd.to_datetime(frame[column])
        frame.attrs["units"] = {column: of.unit for column, of in described.items() if of}
        frame.attrs["meanings"] = {column: of.what for column, of in described.items() if of}
        return frame

    def __contains__(self, name: object) -> bool:
        return str(name).removesuffix(".parquet") in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __repr__(self) -> str:
        return f"{len(self)} tables of {self.folder}: {', '.join(self)}"


def _tables(folder: Path) -> Iterator[tuple[str, list[Path]]]:
    """Yield the tables of a run, by name in order, with the files of each."""
    shards: dict[str, list[Path]] = {}
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder)
        hidden = any(part.startswith(".") for part in path.parts)
        if hidden or file.suffix not in (".parquet", ".csv"):
            continue
        if path.parts[0] in _LEFT_OUT and not file.stem.startswith("truth"):
            continue
        if file.stem.isdigit():
            shards.setdefault(path.parent.as_posix(), []).append(file)
        elif file.suffix == ".csv" and file.with_suffix(".parquet").exists():
            yield path.as_posix(), [file]
        else:
            yield path.with_suffix("").as_posix(), [file]
    yield from shards.items()
