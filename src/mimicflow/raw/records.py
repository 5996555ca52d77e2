"""Cut lines into records: what a quote, a line break or a foreign byte does to a row.

Quotes stand around whole fields, and double within them. Where they do, every reader of CSV reads
the same; where they do not, each reads something else, and some swallow the rest of the file. So a
line with any other quote is rejected, unless it begins a field that has line breaks in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mimicflow.raw import rejects
from mimicflow.raw.rejects import Reject, Rejects, as_text
from mimicflow.raw.stream import RawStream

MAX_RECORD_BYTES = 2_000_000
_MAX_RECORD_LINES = 1000
_MAX_BROKEN = 10_000  # beyond so many records that are no rows no line breaks are looked for

_LINE_FEED, _CARRIAGE_RETURN, _QUOTE, _COMMA = b'\n\r",'
_UNQUOTED = re.compile(rb'[^",\n]*')
_QUOTED_OR_BLANKS = re.compile(rb'("[^"]*")|(?:^|(?<=,)) +')

_REASONS = (
    "",
    rejects.EMPTY,  # a whole line, not a field: it is skipped
    rejects.TOO_LONG,
    rejects.CARRIAGE_RETURN,
    rejects.ZERO_BYTE,
    rejects.NOT_UTF8,
    rejects.MISPLACED_QUOTE,
)
_FINE, _EMPTY, _TOO_LONG, _RETURN, _ZERO, _NOT_UTF8, _MISPLACED = range(len(_REASONS))


@dataclass
class Block:
    """Some consecutive records of a file."""

    text: bytes
    """The records, each with a line feed at its end, in UTF-8; quotes only around whole fields."""
    lines: np.ndarray
    """(records,) The line of the file at which each begins."""
    has_line_breaks: bool = False
    """Whether some record has a line break within quotes."""
    rejects: Rejects = field(default_factory=Rejects)
    """The records among them that cannot be used."""


class RawRecords:
    """The records of a raw file.

    Parameters
    ----------
    stream : RawStream
        The file.
    width : int
        Fields of a record.
    known : Rejects, optional
        Those of the blocks that have been dealt with; when they are enough, further ones are
        only counted.
    blanks : bool
        Whether blanks stand before the fields, after each comma. They are taken away, and a field
        with line breaks is not looked for: where a field begins would be a guess.

    Attributes
    ----------
    empty : int
        Lines with nothing in them, which are skipped.
    continued : int
        Lines that go on with the record of the line before, by a line break within quotes.
    """

    def __init__(
        self, stream: RawStream, width: int, known: Rejects | None = None, blanks: bool = False
    ) -> None:
        self.stream = stream
        self.known = known or Rejects()
        self.width = width
        self.blanks = blanks
        self.empty = 0
        self.continued = 0
        self._broken = _MAX_BROKEN if blanks else 0

    def blocks(self) -> Iterator[Block]:
        """Yield the records after the header."""
        line, rest = 2, b""
        for text in _whole_lines(_after_first_line(self.stream.chunks())):
            lines = _Lines(rest + (_without_blanks(text) if self.blanks else text))
            n = self._find_faults(lines, final=False)
            rest = lines.text[lines.starts[n] :] if n < len(lines.starts) else b""
            yield self._block(lines, n, line)
            line += n
        if rest:
            lines = _Lines(rest)
            yield self._block(lines, self._find_faults(lines, final=True), line)

    def _find_faults(self, lines: _Lines, final: bool) -> int:
        """Mark the lines that are no records, and return how many lines are decided.

        The last ones are not where a record may go on beyond the text.
        """
        lines.find_faulty_bytes()
        after = 0
        misplaced = lines.misplaced_quotes()
        for position, first in enumerate(map(int, misplaced)):
            if first < after:
                continue
            if self._broken >= _MAX_BROKEN:
                lines.faults[misplaced[position:]] = _MISPLACED
                break
            last, is_row = lines.last_of_record(first, self.width)
            if last is None and not final and lines.bytes_from(first) <= MAX_RECORD_BYTES:
                return first
            if last is None or last == first:
                lines.faults[first] = _MISPLACED
            else:
                lines.join(first, last)
                after = last + 1
            self._broken += not is_row
        return len(lines.starts)

    def _block(self, lines: _Lines, n: int, line: int) -> Block:
        """Make a block of the first `n` lines, of which the first is `line` of the file."""
        faults, begins = lines.faults[:n], ~lines.continues[:n]
        self.empty += int((faults[begins] == _EMPTY).sum())
        self.continued += n - int(begins.sum())
        text = lines.text if n == len(lines.starts) else lines.text[: lines.starts[n]]
        if not faults.any():
            return Block(text, line + np.flatnonzero(begins), not begins.all())
        kept = np.repeat(faults == _FINE, lines.lengths[:n] + 1)
        block = Block(
            np.frombuffer(text, np.uint8)[kept].tobytes(),
            line + np.flatnonzero(begins & (faults == _FINE)),
            not begins.all(),
        )
        rejected = np.flatnonzero(begins & (faults > _EMPTY))
        block.rejects.add(
            len(rejected),
            (
                Reject(line + int(i), "", _REASONS[faults[i]], as_text(lines.text_of(i)))
                for i in rejected[: self.known.wanted]
            ),
        )
        return block


def texts_of(file: Path, width: int, lines: Sequence[int], blanks: bool = False) -> dict[int, str]:
    """Read a file again, as far as needed, and return the text of records by their line."""
    texts: dict[int, str] = {}
    for block in RawRecords(RawStream(file), width, blanks=blanks).blocks():
        wanted = np.flatnonzero(np.isin(block.lines, lines))
        if len(wanted):
            starts, ends, _ = bounds(block.text)
            for i in wanted:
                texts[int(block.lines[i])] = as_text(block.text[starts[i] : ends[i]])
        if len(texts) == len(lines):
            break
    return texts


class _Lines:
    """The lines of a text, and what is known of each."""

    def __init__(self, text: bytes) -> None:
        self.text = text.replace(b"\r\n", b"\n") if b"\r" in text else text
        self.bytes = np.frombuffer(self.text, np.uint8)
        self.ends = np.flatnonzero(self.bytes == _LINE_FEED)
        self.starts = np.concatenate([[0], self.ends[:-1] + 1])
        self.lengths = self.ends - self.starts
        self.faults = np.zeros(len(self.ends), np.uint8)
        self.continues = np.zeros(len(self.ends), bool)  # the record of the line before

    def find_faulty_bytes(self) -> None:
        if self.lengths.min() == 0:
            self.faults[self.lengths == 0] = _EMPTY
        if self.lengths.max() > MAX_RECORD_BYTES:
            self.faults[self.lengths > MAX_RECORD_BYTES] = _TOO_LONG
        if b"\r" in self.text:
            self.faults[self._with(self.bytes == _CARRIAGE_RETURN)] = _RETURN
        if b"\0" in self.text:
            self.faults[self._with(self.bytes == 0)] = _ZERO
        if not self.text.isascii() and not _is_utf8(self.text):
            self.faults[self._not_utf8()] = _NOT_UTF8

    def _not_utf8(self) -> np.ndarray:
        """Return the lines with a byte that is not UTF-8."""
        foreign = self.bytes >= 128
        alone = np.concatenate([[False], foreign[1:-1] & ~foreign[:-2] & ~foreign[2:], [False]])
        certain = self._with(alone)  # letters of Latin-1: looking at each such line takes longer
        others = np.setdiff1d(self._with(foreign), certain)
        return np.concatenate(
            [certain, np.array([i for i in others if not _is_utf8(self.text_of(i))], int)]
        )

    def _with(self, mask: np.ndarray) -> np.ndarray:
        """Return the lines in which some byte is marked."""
        return self._marked(np.searchsorted(self.ends, np.flatnonzero(mask)))

    def _marked(self, *lines: np.ndarray) -> np.ndarray:
        """Return each of the lines once, in order."""
        marked = np.zeros(len(self.ends), bool)  # many times faster than np.unique
        for some in lines:
            marked[some] = True
        return np.flatnonzero(marked)

    def text_of(self, i: int) -> bytes:
        """Return the text of a line without its end."""
        return self.text[self.starts[i] : self.ends[i]]

    def bytes_from(self, i: int) -> int:
        """Return how many bytes there are from the start of a line on."""
        return len(self.text) - int(self.starts[i])

    def misplaced_quotes(self) -> np.ndarray:
        """Return the lines in which not all quotes stand around whole fields or double within."""
        quotes = np.flatnonzero(self.bytes == _QUOTE)
        if not len(quotes):
            return quotes
        of_line = np.searchsorted(self.ends, quotes)
        first = np.flatnonzero(np.diff(of_line, prepend=-1))
        n_of_line = np.diff(first, append=len(quotes))
        opens = (np.arange(len(quotes)) - np.repeat(first, n_of_line)) % 2 == 0
        # The text ends with a line feed, which is what the index -1 before its first byte finds.
        beside = np.where(opens, self.bytes[quotes - 1], self.bytes[quotes + 1])
        # A quote beside is the second of two that stand for one.
        fine = (beside == _COMMA) | (beside == _LINE_FEED) | (beside == _QUOTE)
        odd = of_line[first[n_of_line % 2 == 1]]
        return self._marked(of_line[~fine], odd)

    def last_of_record(self, first: int, width: int) -> tuple[int | None, bool]:
        """Return the last line of the record that begins with a line, and whether it is a row.

        That line itself when its quotes cannot be read; None when the record does not end.
        """
        start = int(self.starts[first])
        end, fields = _end_of_record(self.text, start)
        if end is None:
            return None, False
        if self.text[end] != _LINE_FEED or end - start > MAX_RECORD_BYTES:
            return first, False
        within = self.text[start:end].split(b"\n")[1:]
        # A line within that is a whole row shows that the quote has swallowed it.
        if len(within) > _MAX_RECORD_LINES or any(i.count(b",") == width - 1 for i in within):
            return first, False
        return first + len(within), fields == width

    def join(self, first: int, last: int) -> None:
        """Take lines as one record; a line break within a field is its only peculiarity."""
        faults = self.faults[first : last + 1]
        worst = faults.max()
        faults[:] = worst if worst > _EMPTY else _FINE
        self.continues[first + 1 : last + 1] = True


def _end_of_record(text: bytes, start: int) -> tuple[int | None, int]:
    """Return where a record's line feed is, or the first byte that must not be where it is.

    None when the text ends before the record. And how many fields there are until then.
    """
    place, fields = start, 1
    while True:
        if text[place] == _QUOTE:
            place = text.find(b'"', place + 1)
            while place >= 0 and text[place + 1] == _QUOTE:
                place = text.find(b'"', place + 2)
            if place < 0:
                return None, fields
            place += 1
        else:
            place = _UNQUOTED.match(text, place).end()  # type: ignore[union-attr]
        if text[place] != _COMMA:
            return place, fields
        place, fields = place + 1, fields + 1


def _without_blanks(text: bytes) -> bytes:
    """Return lines without the blanks at the beginning of their fields."""
    return b"\n".join(
        line if len(line) > MAX_RECORD_BYTES else _QUOTED_OR_BLANKS.sub(rb"\1", line)
        for line in text.split(b"\n")
    )


def bounds(text: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where the records of a block's text start and end, and how many fields each has."""
    content = np.frombuffer(text, np.uint8)
    ends, commas = content == _LINE_FEED, content == _COMMA
    if b'"' in text:
        outside = ~np.logical_xor.accumulate(content == _QUOTE)
        ends, commas = ends & outside, commas & outside
    ends = np.flatnonzero(ends)
    starts = np.concatenate([[0], ends[:-1] + 1])
    n_fields = 1 + np.diff(np.searchsorted(np.flatnonzero(commas), ends), prepend=0)
    return starts, ends, n_fields


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _after_first_line(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a text without its first line."""
    in_header = True
    for chunk in chunks:
        if in_header:
            end = chunk.find(b"\n") + 1
            in_header = end == 0
            chunk = chunk[end:] if end else b""
        if chunk:
            yield chunk


def _whole_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a text in pieces that end with a line feed; the last line gets one when it has none.

    Of a line that is too long only as much is kept as shows that it is.
    """
    rest, cut = b"", False
    for chunk in chunks:
        if cut:
            end = chunk.find(b"\n")
            if end < 0:
                continue
            chunk, cut = chunk[end:], False
        end = chunk.rfind(b"\n") + 1
        if end:
            yield b"".join((rest, memoryview(chunk)[:end]))
            rest = chunk[end:]
        else:
            rest += chunk
        if len(rest) > MAX_RECORD_BYTES:
            rest, cut = rest[: MAX_RECORD_BYTES + 1], True
    if rest:
        yield rest + b"\n"
