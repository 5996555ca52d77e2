"""Write CSV fast and repeatably in the official columns: Arrow joins the rows, not Python."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mimicflow.raw.tables import TABLES, Table
from mimicflow.running.writing import atomic_output

Columns = Mapping[str, Any]
"""Column name -> array of values (numpy or Arrow) or a single value; absent columns are empty."""

_NEEDS_QUOTES = '[",\r\n]'
_COMPRESSION = 1
_COMMA, _END, _QUOTE, _NOTHING = (
    pa.scalar(mark, pa.large_string()) for mark in (",", "\n", '"', "")
)


def csv_rows(table: Table, columns: Columns) -> bytes:
    """Format rows as the official file has them: its columns and order, quotes where needed.

    Parameters
    ----------
    table : Table
        The official columns.
    columns : mapping
        Values by column name. Empty text, NaN, NaT and None become empty fields; numbers in
        columns of type timestamp or date are seconds since 1970.

    Raises
    ------
    KeyError
        A column that the official table lacks.
    """
    unknown = set(columns) - {column.name for column in table.columns}
    if unknown:
        raise KeyError(f"{table.path} has no column {sorted(unknown)}")
    lengths = {len(value) for value in columns.values() if not np.isscalar(value)}
    if len(lengths) != 1:
        raise ValueError(f"{table.path}: columns of lengths {sorted(lengths)}")
    n = lengths.pop()
    if n == 0:
        return b""
    fields = [_as_text(columns.get(column.name), column.type, n) for column in table.columns]
    last = pc.binary_join_element_wise(fields[-1], _END, _NOTHING, null_handling="replace")
    lines = pc.binary_join_element_wise(*fields[:-1], last, _COMMA, null_handling="replace")
    return lines.buffers()[2].to_pybytes()  # the rows lie end to end


def _as_text(values: Any, kind: str, n: int) -> pa.Array | pa.Scalar:
    if values is None:
        return pa.nulls(n, pa.large_string())
    if np.isscalar(values):
        values = pa.repeat(pa.scalar(values), n)
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    array = values if isinstance(values, pa.Array) else _as_arrow(np.asarray(values))
    if pa.types.is_dictionary(array.type):
        words = _quoted(array.dictionary.cast(pa.large_string()))
        return words.take(array.indices)
    if kind in ("timestamp", "date") and pa.types.is_integer(array.type):
        array = array.cast(pa.timestamp("s"))
    if kind == "date" and pa.types.is_timestamp(array.type):
        array = array.cast(pa.date32())
    if pa.types.is_floating(array.type):
        array = pc.if_else(pc.is_nan(array), None, array)
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return _quoted(array.cast(pa.large_string()))
    return array.cast(pa.large_string())


def _as_arrow(values: np.ndarray) -> pa.Array:
    if values.dtype.kind == "O":
        return pa.array(values, pa.large_string(), from_pandas=True)
    return pa.array(values)


def _quoted(text: pa.Array) -> pa.Array:
    special = pc.match_substring_regex(text, _NEEDS_QUOTES)
    if not pc.any(special).as_py():
        return text
    doubled = pc.replace_substring(text, '"', '""')
    return pc.if_else(special, pc.binary_join_element_wise(_QUOTE, doubled, _QUOTE, _NOTHING), text)


@contextlib.contextmanager
def hospital_files(folder: Path, tables: list[str]) -> Iterator[dict[str, BinaryIO]]:
    """Open the raw file of each table, header written; all appear together, or none.

    Parameters
    ----------
    folder : Path
        Folder of the hospital.
    tables : list of str
        ``module/name``.

    Yields
    ------
    dict
        ``module/name`` -> stream that takes the rows.
    """
    with contextlib.ExitStack() as stack:
        streams: dict[str, BinaryIO] = {}
        for path in tables:
            table = TABLES[path]
            name = f"{path}.csv.gz" if table.compressed else f"{path}.csv"
            temporary = stack.enter_context(atomic_output(folder / name))
            stream: Any = stack.enter_context(open(temporary, "wb"))
            if table.compressed:
                # Without name and time of writing, so that the same rows give the same bytes.
                stream = stack.enter_context(gzip.GzipFile("", "wb", _COMPRESSION, stream, 0))
            stream.write((",".join(column.name for column in table.columns) + "\n").encode())
            streams[path] = stream
        yield streams
