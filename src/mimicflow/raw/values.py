"""Turn fields into values: what an integer, a number, a time or a date must look like.

Nothing is guessed and nothing is read in part. Where all fields of a column look as the release
has them, they are converted at once; else each is looked at.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from mimicflow.raw import rejects
from mimicflow.raw.records import Block, bounds
from mimicflow.raw.rejects import Reject, Rejects, as_text
from mimicflow.raw.tables import Column

TYPES = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "text": pa.string(),
    "timestamp": pa.timestamp("us"),
    "date": pa.date32(),
}
"""Type of a schema's word."""

LINE = "?line"
"""Name of the column with the line of each row; no raw column is called so."""

_LARGEST_INTEGER = 10**18  # more digits are no identifier

_REASONS = {
    "integer": rejects.NOT_INTEGER,
    "number": rejects.NOT_A_NUMBER,
    "timestamp": rejects.NOT_A_TIME,
    "date": rejects.NOT_A_DATE,
}
# Bytes of which a column of plain fields consists; then Arrow reads it as everybody does. With
# others it would also take hexadecimal integers, `nan` and `inf`.
_PLAIN = {"integer": b"0123456789", "number": b"0123456789.-"}

_DAY = (
    r"(?:[0-9]{4}-(?:"
    r"(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|"
    r"(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|"
    r"02-(?:0[1-9]|1[0-9]|2[0-8]))|"
    r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)"
)
_HOUR = r"(?:[01][0-9]|2[0-3])"
_CLOCK = rf"{_HOUR}:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{{1,6}})?)?"
_LEAST_TIME = len("2180-05-06 07:17")
_FORMS = {
    "integer": r"0*[0-9]{1,18}(?:\.0+)?",  # pandas writes a column with gaps as 1.0
    "number": r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?",
    "timestamp": rf"{_DAY}[ T]{_CLOCK}",
    "date": rf"{_DAY}(?:[ T]00:00(?::00(?:\.0{{1,6}})?)?)?",
}
_ZONE = re.compile(rf" *{_DAY}[ T]{_CLOCK} ?(?:Z|UTC|GMT|[+-][0-9]{{2}}(?::?[0-9]{{2}})?) *")
_WITHOUT_CLOCK = re.compile(rf" *{_DAY}(?:[ T]{_HOUR})? *")
_NEGATIVE = re.compile(rf" *-{_FORMS['integer']} *")


@dataclass
class Rows:
    """The typed rows of a block."""

    table: pa.Table
    """``LINE`` and the columns asked for."""
    filtered: int
    """Rows of items that are not kept."""
    rejects: Rejects


@dataclass(frozen=True)
class RowReader:
    """Reads the blocks of one table.

    Parameters
    ----------
    header : sequence of str
        Names of the fields.
    columns : sequence of Column
        What to read; of a column that the header lacks all values are null.
    items : sequence of int
        The only ``itemid`` to keep, all when empty. Other fields of other items are not looked at.
    known : Rejects
        Those of the blocks that have been dealt with, as for `mimicflow.raw.records.RawRecords`.
    """

    header: Sequence[str]
    columns: Sequence[Column]
    items: Sequence[int] = ()
    known: Rejects = field(default_factory=Rejects)

    def __call__(self, block: Block) -> Rows:
        """Read a block; a row with a field that does not fit its column, or none, is rejected."""
        try:
            fields = self._fields(block)
        except pa.ArrowInvalid:
            block = _of_width(block, len(self.header), self.known.wanted)
            fields = self._fields(block)
        records = np.arange(len(fields))
        if self.items:
            column = next(column for column in self.columns if column.name == "itemid")
            itemid, unfit = _converted(fields["itemid"].combine_chunks(), column)
            wanted = pc.is_in(itemid, pa.array(self.items)).to_numpy(zero_copy_only=False)
            records = np.flatnonzero(wanted | unfit)
            fields = fields.take(records)
        columns = {LINE: pa.array(block.lines[records])}
        faults = []
        for column in self.columns:
            if column.name not in fields.column_names:
                columns[column.name] = pa.nulls(len(fields), TYPES[column.type])
                continue
            text = fields[column.name].combine_chunks()
            columns[column.name], unfit = _converted(text, column)
            if unfit.any():
                faults.append(_Fault(column, text, unfit))
        rows = pa.table(columns)
        if faults:
            faulty = np.logical_or.reduce([fault.unfit for fault in faults])
            listed = np.flatnonzero(faulty)[: self.known.wanted]
            block.rejects.add(int(faulty.sum()), _examples(block, records, listed, faults))
            rows = rows.filter(pa.array(~faulty))
        return Rows(rows, len(block.lines) - len(records), block.rejects)

    def _fields(self, block: Block) -> pa.Table:
        """Return the fields of the columns as text; an empty one is null."""
        present = [column.name for column in self.columns if column.name in self.header]
        if not len(block.lines):
            return pa.table({name: pa.array([], pa.string()) for name in present})
        # Columns that nobody uses may be called anything.
        names = [name if name in present else f"?{i}" for i, name in enumerate(self.header)]
        return csv.read_csv(
            pa.BufferReader(block.text),
            csv.ReadOptions(use_threads=False, column_names=names, block_size=len(block.text) + 1),
            csv.ParseOptions(newlines_in_values=block.has_line_breaks),
            csv.ConvertOptions(
                include_columns=present,
                column_types={name: pa.string() for name in present},
                strings_can_be_null=True,
                null_values=[""],
            ),
        )


@dataclass(frozen=True)
class _Fault:
    """The rows in which the text of a column does not fit its type."""

    column: Column
    text: pa.Array
    unfit: np.ndarray

    def reason(self, row: int) -> str:
        text = self.text[row].as_py()
        if self.column.type == "timestamp" and _ZONE.fullmatch(text):
            return rejects.WITH_A_ZONE
        if self.column.type == "timestamp" and _WITHOUT_CLOCK.fullmatch(text):
            return rejects.WITHOUT_A_CLOCK
        if self.column.type == "integer" and _NEGATIVE.fullmatch(text):
            return rejects.NEGATIVE
        return _REASONS[self.column.type]


def _converted(text: pa.Array, column: Column) -> tuple[pa.Array, np.ndarray]:
    """Return the values of fields, and which fields do not fit; their values are null."""
    kind = column.type
    if kind == "text":
        return text, np.zeros(len(text), bool)
    if kind not in _PLAIN or not _bytes(text).translate(None, _PLAIN[kind]):
        with contextlib.suppress(pa.ArrowInvalid):
            values = text.cast(TYPES[kind])
            if _is_exact(text, values, kind):
                return values, np.zeros(len(text), bool)
    text = pc.ascii_trim(text, " ")
    sign = "-?" if kind == "integer" and column.signed else ""
    fits = pc.match_substring_regex(text, f"^{sign}(?:{_FORMS[kind]})$")
    if kind == "integer":
        text = pc.replace_substring_regex(text, r"\.0+$", "")
    if kind == "date":
        text = pc.utf8_slice_codeunits(text, 0, len("2150-01-31"))
    values = pc.if_else(fits, text, None).cast(TYPES[kind])
    return values, ~fits.fill_null(True).to_numpy(zero_copy_only=False)


def _is_exact(text: pa.Array, values: pa.Array, kind: str) -> bool:
    """Return whether what Arrow reads is what the fields say: it takes a day for its midnight."""
    if kind == "timestamp":
        return bool((pc.min(pc.binary_length(text)).as_py() or _LEAST_TIME) >= _LEAST_TIME)
    return kind != "integer" or (pc.max(values).as_py() or 0) < _LARGEST_INTEGER


def _bytes(text: pa.Array) -> bytes:
    """Return the bytes of all fields, one behind the other."""
    _, places, content = text.buffers()
    ends = np.frombuffer(places, np.int32, len(text) + 1, 4 * text.offset)
    return content.slice(ends[0], ends[-1] - ends[0]).to_pybytes() if content else b""


def _examples(
    block: Block, records: np.ndarray, listed: np.ndarray, faults: Sequence[_Fault]
) -> Iterator[Reject]:
    """Yield why rows cannot be used, with the text of their records."""
    if not len(listed):
        return
    starts, ends = bounds(block.text)[:2]
    for row in listed:
        record = records[row]
        text = as_text(block.text[starts[record] : ends[record]])
        for fault in faults:
            if fault.unfit[row]:
                yield Reject(
                    int(block.lines[record]), fault.column.name, fault.reason(int(row)), text
                )


def _of_width(block: Block, width: int, listed: int) -> Block:
    """Return the records of a block that have so many fields; the others are rejected."""
    starts, ends, n_fields = bounds(block.text)
    good = n_fields == width
    wrong = np.flatnonzero(~good)
    block.rejects.add(
        len(wrong),
        (
            Reject(
                int(block.lines[i]),
                "",
                rejects.TOO_FEW if n_fields[i] < width else rejects.TOO_MANY,
                as_text(block.text[starts[i] : ends[i]]),
            )
            for i in wrong[:listed]
        ),
    )
    kept = np.repeat(good, ends - starts + 1)
    return replace(
        block,
        text=np.frombuffer(block.text, np.uint8)[kept].tobytes(),
        lines=block.lines[good],
    )
