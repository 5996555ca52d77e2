"""Find the file of a raw table, and check its first bytes before it is read.

Each fault that the first bytes show has one sentence here: a page saved instead of a file, the
wrong ending, the wrong delimiter, a foreign encoding.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mimicflow.errors import InputError, TableError
from mimicflow.raw.stream import DOWNLOAD_AGAIN, GZIP_MAGIC, RawStream
from mimicflow.raw.tables import Table
from mimicflow.running.origin import MARK
from mimicflow.running.storage import storage_explained

_CHECKSUMS = "SHA256SUMS.txt"
_LISTED = re.compile(r"([0-9a-fA-F]{64})[ \t]+\*?(?:\./)?(.+?)\s*")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_HEAD_BYTES = 1 << 16


class Header(NamedTuple):
    """The first line of a raw file."""

    names: list[str]
    blanks: bool
    """Whether a blank follows each comma: then the whole file is written so."""


def find_raw_file(folder: str | Path, table: Table) -> Path:
    """Return the file of a table, ``<folder>/<table>.csv.gz`` or ``.csv``.

    Raises
    ------
    InputError
        When there is none, or more than one.
    StorageError
        When the folder may not be read.
    """
    folder = Path(folder)
    names = [f"{table.name}.csv.gz", f"{table.name}.csv"]
    with storage_explained(folder):
        present = [folder / name for name in names if (folder / name).is_file()]
    if len(present) == 1:
        return present[0]
    if present:
        raise InputError(
            f"both {names[0]} and {names[1]} are there, and they may differ",
            file=folder,
            remedy="keep the one that you mean",
        )
    _check_kind([folder / name for name in names])
    expected = folder / (names[0] if table.compressed else names[1])
    nested = [path for path in (folder / table.module / name for name in names) if path.is_file()]
    remedy = (
        f"put {' or '.join(names)} into the folder, or correct data.{table.module} in the config"
    )
    if nested:
        remedy = f"set data.{table.module} in the config to {nested[0].parent}"
    elif not folder.is_dir():
        remedy = f"there is no such folder: correct data.{table.module} in the config"
    raise InputError("the file is missing", file=expected, remedy=remedy)


def _check_kind(files: list[Path]) -> None:
    """Say what is there in place of a file, since a listing of the folder shows its name."""
    for file in files:
        if file.is_symlink():
            raise InputError(
                "a link to a file that is not there", file=file, remedy="correct the link"
            )
        if file.is_dir():
            raise InputError(
                "a folder has the name of the file", file=file, remedy="put the file in its place"
            )


def read_header(file: Path) -> Header:
    """Return the first line of a raw file, after looking whether it is a CSV file at all.

    Raises
    ------
    TableError
        Empty file, web page, wrong ending, truncated, not UTF-8, wrong delimiter, repeated column.
    """
    head = _head(file)
    if re.match(rb"(\xef\xbb\xbf)?\s*<(!doctype|html|\?xml)", head, re.IGNORECASE):
        raise TableError(
            "this is a web page, not a table (often a login page saved under the table's name)",
            file=file,
            remedy="log in where the data come from and download the file again",
        )
    first_line = head.partition(b"\n")[0].removesuffix(b"\r")
    if head.startswith(_UTF_16) or b"\0" in first_line:
        raise TableError(
            "this is not UTF-8 text", file=file, remedy="save it as CSV in UTF-8 without zero bytes"
        )
    if b"\r" in first_line:
        raise TableError(
            "the first line holds a carriage return: lines may end with it alone",
            file=file,
            row=1,
            remedy="save it with a line feed at the end of each line, as the release has it",
        )
    try:
        text = first_line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableError(
            f"the header is not UTF-8 text ({error.reason} at byte {error.start})",
            file=file,
            row=1,
            remedy="save it as CSV in UTF-8",
        ) from error
    blanks = "," in text and re.search(r",(?! )", text) is None
    columns = next(csv.reader([text], skipinitialspace=blanks), [])
    _check_header(file, text, columns)
    return Header(columns, blanks)


def _head(file: Path) -> bytes:
    """Return the first bytes, decompressed, when the ending is true about compression."""
    with open(file, "rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if not head:
        raise TableError("the file is empty", file=file, remedy=DOWNLOAD_AGAIN)
    if file.suffix != ".gz":
        if head.startswith(GZIP_MAGIC):
            raise TableError(
                "the file is compressed, but its name ends in .csv",
                file=file,
                remedy=f"rename it to {file.name}.gz",
            )
        return head
    if not head.startswith(GZIP_MAGIC):
        if head.lstrip().startswith(b"<"):
            return head  # a web page: the caller says so
        raise TableError(
            "the name ends in .gz, but the file is not compressed with gzip",
            file=file,
            remedy=f"if it is plain CSV, rename it to {file.stem}; else {DOWNLOAD_AGAIN}",
        )
    head = b""
    for piece in RawStream(file).chunks():  # a first member may be empty, or end within the header
        head += piece
        if b"\n" in head or len(head) >= _HEAD_BYTES:
            break
    if not head:
        raise TableError("the file holds nothing", file=file, remedy=DOWNLOAD_AGAIN)
    return head[:_HEAD_BYTES]


def _names(fields: list[str]) -> str:
    """Return names of columns; what begins otherwise may be the value of a row."""
    return ", ".join(name if name[:1].isalpha() else "a field that is no name" for name in fields)


def _check_header(file: Path, text: str, columns: list[str]) -> None:
    if len(columns) < 2:
        for delimiter, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if delimiter in text:
                raise TableError(
                    f"the columns are separated by {name}, not commas",
                    file=file,
                    row=1,
                    remedy="save it with commas, as the release has it",
                )
    repeated = sorted({name for name in columns if columns.count(name) > 1})
    if repeated:
        raise TableError(
            f"the header repeats {_names(repeated)}",
            file=file,
            row=1,
            remedy="keep each column once",
        )


def official_names(header: Sequence[str], table: Table) -> list[str]:
    """Return the columns of a header under their official names.

    Capitals, and blanks around a name, are no difference; a name that the table does not have
    stays as it is.
    """
    official = {column.name for column in table.columns}
    names = list(header)
    for place, name in enumerate(header):
        plain = name.strip().lower()
        if name not in official and plain in official and plain not in names:
            names[place] = plain
    return names


def expected_checksum(file: Path) -> str | None:
    """Return the SHA-256 that ``SHA256SUMS.txt`` beside or above the file gives it, if any."""
    for place in _places(file):
        for folder in place.parents[:3]:
            sums = folder / _CHECKSUMS
            if sums.is_file():
                name = place.relative_to(folder).as_posix()
                for line in _lines_of_list(sums):
                    entry = _LISTED.fullmatch(line)
                    if entry and entry[2] == name:
                        return entry[1].lower()
    return None


def _lines_of_list(file: Path) -> list[str]:
    """Return the lines of a list of checksums; what PowerShell writes with ``>`` is UTF-16."""
    content = file.read_bytes()
    try:
        text = content.decode("utf-16" if content.startswith(_UTF_16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_a_list("is not UTF-8 text", file) from error
    lines = text.splitlines()
    if text.strip() and not any(map(_LISTED.fullmatch, lines)):
        raise _not_a_list("has no line with 64 hexadecimal digits, blanks and a name", file)
    return lines


def _not_a_list(reason: str, file: Path) -> InputError:
    return InputError(
        f"the list of checksums {reason}",
        file=file,
        remedy="download it again, or remove it: the files are then read without its word",
    )


def _places(file: Path) -> tuple[Path, ...]:
    """Return where a file lies: as named, and where a link leads (on Kubernetes all are)."""
    return tuple(dict.fromkeys((file.absolute(), file.resolve())))


def check_checksum(file: Path, digest: str) -> bool:
    """Return whether a release's list vouches for the file; false when no list names it.

    Raises
    ------
    TableError
        When the list names another checksum: the file is damaged or was changed.
    """
    expected = expected_checksum(file)
    if expected is not None and expected != digest:
        raise TableError(
            f"the file differs from its entry in {_CHECKSUMS}: it is damaged or was changed",
            file=file,
            remedy=f"download it again; if the change is yours, remove its line from {_CHECKSUMS}",
        )
    return expected is not None


def is_synthetic(file: Path) -> bool:
    """Return whether the file lies in a folder that carries the generator's mark."""
    return any((place.parent / MARK).is_file() for place in _places(file))
