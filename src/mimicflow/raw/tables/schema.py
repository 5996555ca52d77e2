"""The words in which a raw table is described."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ColumnType = Literal["integer", "number", "text", "timestamp", "date"]


@dataclass(frozen=True)
class Column:
    """One column of a raw table.

    Parameters
    ----------
    name : str
        Official name.
    type : {"integer", "number", "text", "timestamp", "date"}
        Codes with leading zeros (gsn, icd_code, etccode) are text.
    unit : str
        Unit of a measured quantity, else empty.
    nullable : bool
        Whether the field may be empty.
    used : bool
        Whether mimicflow reads it; unused columns are not ingested.
    optional : bool
        Whether releases exist without it: then it becomes null, with a warning.
    values : tuple of int
        The only values it may have; any when empty.
    """

    name: str
    type: ColumnType = "text"
    unit: str = ""
    nullable: bool = True
    used: bool = False
    optional: bool = False
    values: tuple[int, ...] = ()

    @property
    def signed(self) -> bool:
        """Whether a value may have a minus: identifiers, codes and ranks are digits only."""
        return self.type == "number" or bool(self.unit)


@dataclass(frozen=True)
class Table:
    """One raw table.

    Parameters
    ----------
    module : str
        ``hosp``, ``icu``, ``ed`` or ``ecg``.
    name : str
        Official name, also the file's name without ending.
    columns : tuple of Column
        In the official order.
    key : tuple of str
        Columns that are unique and not null together; empty where the source has no key.
    copies : tuple of str
        Columns by which a row without such a key is known again: rows that are equal in all that
        is read are taken once, when these are filled; rows that are equal in these only all stay.
    references : dict
        Column -> ``module/table`` whose column of the same name should hold it;
        checked as a warning.
    only_items : str or None
        Reference table (of `mimicflow.raw.ingest`) whose ``itemid`` are the only ones kept.
    compressed : bool
        Whether the official file ends in ``.csv.gz`` (both are accepted on reading).
    """

    module: str
    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    references: tuple[tuple[str, str], ...] = ()
    only_items: str | None = None
    compressed: bool = True

    @property
    def path(self) -> str:
        """``module/name``."""
        return f"{self.module}/{self.name}"

    @property
    def by_patient(self) -> bool:
        """Whether the rows belong to patients, so that the table is sharded by ``subject_id``."""
        return any(column.name == "subject_id" for column in self.columns)

    @property
    def used(self) -> tuple[Column, ...]:
        """The columns that mimicflow reads."""
        return tuple(column for column in self.columns if column.used)
