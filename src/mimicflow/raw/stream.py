"""Read the bytes of a raw file once: unpacked, checked, counted and hashed on the way.

Lines are counted here, of the bytes alone. Whatever later reads rows of these bytes has to account
for every one of these lines.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np

from mimicflow.errors import TableError

DOWNLOAD_AGAIN = "download the file again and compare it with SHA256SUMS.txt of the release"

CUT_OFF = "the last line has no end: the file may have been cut off"
"""Warning, or error of a strict run."""

GZIP_MAGIC = b"\x1f\x8b"

_PACKED_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 22
_GZIP = 31  # window bits by which zlib reads the header and compares CRC and length of a member

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


class RawStream:
    """One pass over a raw file.

    Parameters
    ----------
    file : Path
        ``.csv``, or ``.csv.gz`` of any number of members.

    Attributes
    ----------
    unfinished : bool
        Whether the last line read has no end.
    bytes : int
        Bytes read of the file, as they are there.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.unfinished = False
        self.bytes = 0
        self._state = _state(file)
        self._line_ends = 0
        self._hash = hashlib.sha256()

    @property
    def lines(self) -> int:
        """Lines read, whatever stands in them."""
        return self._line_ends + self.unfinished

    @property
    def sha256(self) -> str:
        """SHA-256 of what was read of the file."""
        return self._hash.hexdigest()

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Refuse what is done with the file when the file is another at its end.

        Raises
        ------
        TableError
            Its size or time is not that of the beginning; no other error of the file counts then.
        """
        try:
            yield
        except (TableError, KeyError):  # half of each: damaged, or with other lines
            self._refuse_change()
            raise
        self._refuse_change()

    def _refuse_change(self) -> None:
        if _state(self.file) != self._state:
            raise TableError(
                "the file changed while it was read",
                file=self.file,
                remedy="wait until the copy or download of it has ended, and start again",
            )

    def chunks(self) -> Iterator[bytes]:
        """Yield the text of the file, unpacked, in pieces of some megabytes.

        Raises
        ------
        TableError
            A compressed file that is cut off or damaged. It is known at the end of a member only:
            what was yielded until then must not be used.
        """
        with open(self.file, "rb") as stream:
            pieces = self._read(stream)
            for chunk in _gathered(self._unpacked(pieces) if self.file.suffix == ".gz" else pieces):
                ends = np.frombuffer(chunk, np.uint8) == ord("\n")
                self._line_ends += int(np.count_nonzero(ends))
                self.unfinished = not chunk.endswith(b"\n")
                yield chunk

    def _read(self, stream: BinaryIO) -> Iterator[bytes]:
        while piece := stream.read(_PACKED_BYTES):
            self._hash.update(piece)
            self.bytes += len(piece)
            yield piece

    def _unpacked(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the text of all members; each has its own CRC and length, which zlib compares."""
        member, members = zlib.decompressobj(_GZIP), 1
        more = False  # zlib may hold back text without needing further bytes
        try:
            for piece in pieces:
                while piece or more:
                    if member.eof:
                        piece = piece.lstrip(b"\0")  # padding, as tapes and `dd` leave it
                        if not piece:
                            break
                        if not GZIP_MAGIC.startswith(piece[:2]):
                            raise TableError(
                                "there are bytes behind the compressed text",
                                file=self.file,
                                remedy=DOWNLOAD_AGAIN,
                            )
                        member, members = zlib.decompressobj(_GZIP), members + 1
                    text = member.decompress(piece, _CHUNK_BYTES)
                    more = len(text) == _CHUNK_BYTES and not member.eof
                    piece = member.unused_data if member.eof else member.unconsumed_tail
                    yield text
        except zlib.error as error:
            reason = str(error).rpartition(": ")[2]
            raise TableError(
                f"the compressed file is damaged ({reason} in its part {members})",
                file=self.file,
                remedy=DOWNLOAD_AGAIN,
            ) from error
        if not member.eof:
            raise TableError(
                "the compressed file ends too early: the download was probably cut off",
                file=self.file,
                remedy=DOWNLOAD_AGAIN,
            )


def _state(file: Path) -> tuple[int, int]:
    """Return the size of a file in bytes and the time of its last change in ns."""
    status = file.stat()
    return status.st_size, status.st_mtime_ns


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield pieces of at least a megabyte, but for the last, however small the members are."""
    gathered: list[bytes] = []
    size = 0
    for piece in pieces:
        gathered.append(piece)
        size += len(piece)
        if size >= _PACKED_BYTES:
            yield b"".join(gathered)
            gathered, size = [], 0
    if size:
        yield b"".join(gathered)


def in_background(items: Iterator[_Given], ahead: int = 2) -> Iterator[_Given]:
    """Yield the items of an iterator that another thread runs, so many of them in advance."""
    end = object()
    with ThreadPoolExecutor(1) as thread:
        waiting: deque[Future[object]] = deque(
            thread.submit(next, items, end) for _ in range(ahead)
        )
        while (item := waiting.popleft().result()) is not end:
            waiting.append(thread.submit(next, items, end))
            yield item  # type: ignore[misc]


def in_threads(
    work: Callable[[_Given], _Made], items: Iterator[_Given], threads: int
) -> Iterator[_Made]:
    """Yield what `work` makes of each item, in their order, worked on by so many threads."""
    waiting: deque[Future[_Made]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
