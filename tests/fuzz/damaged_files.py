"""Damage to files, drawn from a seed, and the judgement of what a reader makes of it.

A reader may return a result, which the test then compares with an independent reading, or raise an
error of mimicflow that names a file. Anything else fails the case: another exception, also as the
hidden cause of a tidy error where it means that memory ran out, a reading that takes longer than
`SECONDS_PER_CASE`, or one that asks for more than `MEMORY_PER_CASE`.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import os
import resource
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import wfdb

from mimicflow.errors import MimicflowError

_SHARES = {
    "tables": 900,
    "compression": 200,
    "ecg_headers": 600,
    "ecg_signals": 200,
    "recordings": 300,
    "recordings_in_segments": 100,
    "annotations": 150,
    "tables_of_beats": 200,
    "numerics_wfdb": 250,
    "numerics_ticked": 250,
    "numerics_parquet": 200,
    "vital": 250,
    "registry": 300,
    "config_values": 150,
    "config_text": 100,
    "checkpoints": 250,
    "weights": 100,
    "arrays": 150,
    "predictions": 200,
    "arrest_model": 250,
}
TOTAL = int(os.environ.get("FUZZ_CASES", "2000"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))
CASES = {
    reader: math.ceil(share * TOTAL / sum(_SHARES.values())) for reader, share in _SHARES.items()
}
"""Cases of each reader."""

SECONDS_PER_CASE = 20
MEMORY_PER_CASE = 1250 * 2**20
"""Bytes in memory beyond what the process has already: `mem_mb` of most rules and a quarter."""

CELLS = (
    "", " ", "0", "-1", "-99999999", "1e308", "-1e308", "1e309", "nan", "inf", "-inf", "NULL",
    "99.5", "1e-400", "0x10", "1_000", "+5", " 7 ", "007", "9999999999999999999999", "１２", "٣٤",
    "९", "\u2212" + "5", "1,5", "true", '"', '""', "'", "a\"b", "\u00e9", "\U0001f9e0", "\ufeff",
    "9999-12-31", "9999-12-31 23:59:59", "0000-00-00", "2150-02-30", "infinity", "-infinity",
    "２１５０-01-01 00:00:00", "2150-01-01 25:61:61", "2150-01-01T00:00:00+05:00", "epoch", "now",
    "1.00E+07", "10000032_1", "10000032.0", "2180-05-06 07:17:00 PM", "2150-01-31x", "07:17",
    "2180-05-06T07:17:00Z", "2180-05-06 07:17", "2180-05-06", "20500131", "1.5e2", "0x1p3", ".5",
    "../../etc/passwd", "/etc/passwd", "a\rb", "a\nb", "x" * 5000, "=1+1", "\\", "{}", "[]",
)  # fmt: skip
"""What is written over a field of a table."""

NUMBERS = (
    "0", "-1", "1", "2", "12", "999999999", "99999999999999999999", "1e308", "1e309", "-1e308",
    "nan", "inf", "-inf", "５００", "٣", "1_0", "0x10", "1.5", "1e-308", "+5", "--5", "65536", "",
    "1/2", "9999", "31/12/9999", "29/02/2150", "24:00:00", "99:99:99", "~", "..", "a/b", "mV",
)  # fmt: skip
"""What is written over a word of a header."""


def by_wfdb(folder: Path, record: str, n_samples: int) -> wfdb.Record:
    """Read a record with wfdb, which needs the length where the header has 0 for it."""
    try:
        return wfdb.rdrecord(str(folder / record))
    except Exception:  # noqa: BLE001 - whatever it is, with the length it must go
        header = folder / f"{record}.hea"
        first, *rest = header.read_bytes().split(b"\n")
        fields = first.split()
        fields[3:4] = [b"%d" % n_samples]
        header.write_bytes(b"\n".join([b" ".join(fields), *rest]))
        return wfdb.rdrecord(str(folder / record))


def check_against_the_sum(found: np.ndarray, sound: np.ndarray, *, gain: float, gap: int) -> None:
    """Require the sound values of a signal that passed the checksum of its header.

    WFDB's checksum is a sum of 16 bits: changes that make up for each other stay unseen.

    Parameters
    ----------
    found, sound : numpy.ndarray
        (n,) all values of the signal, NaN in gaps.
    gain : float
        Steps of the converter in a unit.
    gap : int
        How the format writes a gap.
    """
    steps = [np.nan_to_num(gain * values, nan=gap) for values in (found, sound)]
    changes = np.rint(steps[0] - steps[1])
    assert not changes.any() or np.count_nonzero(changes) > 1
    assert changes.sum() % 65536 == 0


class TooSlowError(BaseException):
    """A case that ran into its limit; no reader may catch it."""


def generator(reader: str, seed: int) -> np.random.Generator:
    """Return the random numbers of one case."""
    return np.random.default_rng(
        [*reader.encode(), SEED, seed] if SEED else [*reader.encode(), seed]
    )


def run_cases(reader: str, case: Callable[[np.random.Generator], None]) -> None:
    """Run all the cases of a reader, and fail with a list of those that failed."""
    failed = []
    done = 0
    for seed in range(CASES[reader]):
        try:
            with limits():
                case(generator(reader, seed))
        except (Exception, TooSlowError) as error:  # noqa: BLE001
            place = traceback.format_exc(limit=-3)
            failed.append(f"{reader} {seed}: {type(error).__name__}: {str(error)[:600]}\n{place}")
        done += 1
    assert done == CASES[reader]
    summary = f"{len(failed)} of {done} cases failed (FUZZ_CASES={TOTAL} FUZZ_SEED={SEED})\n"
    assert not failed, summary + "\n".join(failed[:8])


@contextmanager
def limits() -> Iterator[None]:
    """Stop the block after `SECONDS_PER_CASE`, and fail it for more than `MEMORY_PER_CASE`."""

    def stop(*_: object) -> None:
        raise TooSlowError(f"longer than {SECONDS_PER_CASE} s")

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGALRM, stop)
    with suppress(OSError):  # not every container allows it; the peak then is the process's
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    held = max(_kilobytes("VmRSS"), _kilobytes("VmHWM"))
    signal.setitimer(signal.ITIMER_REAL, SECONDS_PER_CASE)
    # Address space is asked for more freely than memory; this is a net under the check below.
    asked = 1024 * _kilobytes("VmSize") + 2 * MEMORY_PER_CASE
    resource.setrlimit(resource.RLIMIT_AS, (asked, hard))
    try:
        yield
        taken = 1024 * (_kilobytes("VmHWM") - held)
        assert taken <= MEMORY_PER_CASE, f"took {taken / 2**20:.0f} MB"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGALRM, before)


def _kilobytes(name: str) -> int:
    """Return a figure of this process from the system's own account."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise LookupError(name)


def attempt(read: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Return what a reader returns, or its error when that is one it may raise."""
    try:
        return read(*arguments, **options)
    except MimicflowError as error:
        assert error.file is not None, f"names no file: {error}"
        assert error.message.strip()
        cause: BaseException | None = error
        while cause is not None:
            assert not isinstance(cause, MemoryError | RecursionError), f"hides {cause!r}"
            cause = cause.__cause__
        return error


def is_refused(outcome: Any) -> bool:
    """Return whether `attempt` came back with an error."""
    return isinstance(outcome, MimicflowError)


def damage_bytes(data: bytes, draw: np.random.Generator) -> bytes:
    """Flip bits, cut, repeat or overwrite a part, or put something in front."""
    changed = bytearray(data)
    n = len(changed)
    match int(draw.integers(8)):
        case 0 | 1 | 2:
            for _ in range(int(draw.choice([1, 1, 3, 30]))):
                changed[draw.integers(n)] ^= 1 << int(draw.integers(8))
        case 3:
            del changed[draw.integers(n) :]
        case 4:
            first = draw.integers(n)
            del changed[first : first + draw.integers(1, 50)]
        case 5:
            first = draw.integers(n)
            changed[first:first] = changed[first : first + draw.integers(1, 200)]
        case 6:
            first = draw.integers(n)
            fill = [b"\0", b"\xff", b"\x80", b"\x7f"][draw.integers(4)]
            length = min(int(draw.integers(1, 17)), n - first)
            changed[first : first + length] = fill * length
        case _:
            heads = [b"\xef\xbb\xbf", b"\0", b"\xff\xfe", b"\n\n", b"\x1f\x8b", b"<html>", b" "]
            changed[0:0] = heads[draw.integers(len(heads))]
    return bytes(changed)


def damage_words(data: bytes, draw: np.random.Generator) -> bytes:
    """Write numbers over words of a text of lines, or swap, repeat or remove words or lines."""
    lines = [line.split(b" ") for line in data.split(b"\n")]
    for _ in range(int(draw.choice([1, 1, 2, 4]))):
        line = lines[draw.integers(len(lines))]
        place = int(draw.integers(len(line)))
        match int(draw.integers(8)):
            case 0 | 1 | 2 | 3:
                line[place] = NUMBERS[draw.integers(len(NUMBERS))].encode()
            case 4:
                other = int(draw.integers(len(line)))
                line[place], line[other] = line[other], line[place]
            case 5:
                del line[place + 1 :]
            case 6:
                lines.insert(int(draw.integers(len(lines))), list(line))
            case _:
                digits = [i for i, byte in enumerate(line[place]) if 48 <= byte <= 57]
                if digits:
                    word = bytearray(line[place])
                    word[digits[draw.integers(len(digits))]] = int(draw.integers(48, 58))
                    line[place] = bytes(word)
    return b"\n".join(b" ".join(line) for line in lines)


def damage_encoding(text: str, draw: np.random.Generator) -> bytes:
    """Write a text as another system would: encoding, byte order mark, line ends, quotes."""
    match int(draw.integers(9)):
        case 0:
            return b"\xef\xbb\xbf" + text.encode()
        case 1:
            return text.encode("utf-16")
        case 2:
            return text.replace("a", "\u00e4").encode("latin-1", errors="replace")
        case 3:
            return text.replace("\n", "\r\n").encode()
        case 4:
            return text.replace("\n", "\r").encode()
        case 5:
            return text.encode("utf-32")
        case 6:
            return text.replace("1", "\uff11", int(draw.integers(1, 5))).encode()
        case 7:
            return text.replace("1", "1\0", int(draw.integers(1, 3))).encode()
        case _:
            return text.encode("cp037")


def damage_lines(text: bytes, draw: np.random.Generator) -> bytes:
    """Change lines of a sound CSV text as text, whatever its quotes: what a program had done."""
    lines = text.split(b"\n")[:-1]
    place = int(draw.integers(1, len(lines)))
    where = int(draw.integers(len(lines[place]) + 1))
    match int(draw.integers(9)):
        case 0 | 1:  # quotes that are never closed, or in the middle of a field
            for row in draw.integers(1, len(lines), int(draw.choice([1, 1, 2, 3]))):
                cells = lines[row].split(b",")
                cell = int(draw.integers(len(cells)))
                quoted = [b'"' + cells[cell], cells[cell] + b'"', cells[cell][:2] + b'"']
                cells[cell] = quoted[draw.integers(3)]
                lines[row] = b",".join(cells)
        case 2:  # text behind every value of a column, or behind one
            ends = [b" PM", b"+05:00", b"Z", b"\0x", b".0", b"e3", b"_1", b" ", b"\t", b".5"]
            cell, end = int(draw.integers(lines[0].count(b",") + 1)), ends[draw.integers(len(ends))]
            for row in range(1, len(lines)) if draw.integers(2) else [place]:
                cells = lines[row].split(b",")
                cells[min(cell, len(cells) - 1)] += end
                lines[row] = b",".join(cells)
        case 3:  # a line that never ends
            lines[place] = lines[place][:where] + b"x" * int(draw.choice([10**5, 3 * 10**6]))
        case 4:  # lines without anything, or with a break too many
            lines.insert(place, [b"", b"\r", b" ", b'""', b"\x1a"][draw.integers(5)])
        case 5:
            breaks = [b"\n", b"\r", b"\r\n", b"\0", b"\xe9", b"\xc3", b"\xe2\x80\xa8", b"\x0b"]
            lines[place] = (
                lines[place][:where] + breaks[draw.integers(len(breaks))] + lines[place][where:]
            )
        case 6:  # every row
            start, end = [(b'"', b""), (b"", b","), (b"x", b""), (b"", b"\xe9")][draw.integers(4)]
            lines[1:] = [start + line + end for line in lines[1:]]
        case 7:  # a field with line breaks, rightly in quotes
            cells = lines[place].split(b",")
            cell = int(draw.integers(len(cells)))
            cells[cell] = b'"' + cells[cell] + [b"\n", b"\r\n", b"\n\n,"][draw.integers(3)] + b'x"'
            lines[place] = b",".join(cells)
        case _:  # names as MIMIC-III writes them
            lines[0] = [lines[0].upper(), lines[0].replace(b",", b", ")][draw.integers(2)]
            if draw.integers(2):  # blanks in all rows, as such a header has them
                lines[1:] = [line.replace(b",", b", ") for line in lines[1:]]
    return b"\n".join(lines) + b"\n" * bool(draw.integers(5))


def damage_members(parts: Sequence[bytes], draw: np.random.Generator) -> bytes:
    """Compress texts one behind the other, with padding, and damage what comes out or not."""
    packed = []
    for part in parts:
        packed.append(gzip.compress(part, int(draw.choice([0, 1, 9])), mtime=0))
        if draw.integers(4) == 0:
            packed.append([b"\0" * 512, gzip.compress(b"", mtime=0), b"\0"][draw.integers(3)])
    if draw.integers(8) == 0:
        packed.append([b"PK", b"\x1f\x8b", b"\n", b"\0" * 100_000][draw.integers(4)])
    whole = b"".join(packed)
    return whole if draw.integers(4) == 0 else damage_bytes(whole, draw)


def damage_table(header: Sequence[str], rows: Sequence[Sequence[str]],
                 draw: np.random.Generator) -> bytes:  # fmt: skip
    """Write a CSV table with changed cells, columns or rows, or with damaged bytes."""
    names, cells = list(header), [list(row) for row in rows]
    kind = int(draw.integers(10))
    if kind < 5:
        for _ in range(int(draw.choice([1, 1, 2, 5]))):
            row = cells[draw.integers(len(cells))]
            row[draw.integers(len(row))] = CELLS[draw.integers(len(CELLS))]
    elif kind == 5:
        first, second = draw.choice(len(names), 2, replace=False)
        for row in [*cells, *([names] if draw.integers(2) else [])]:
            row[first], row[second] = row[second], row[first]
    elif kind == 6:
        row = cells[draw.integers(len(cells))]
        cells.insert(int(draw.integers(len(cells))), list(row))
        if draw.integers(2):
            row[draw.integers(len(row))] = CELLS[draw.integers(len(CELLS))]
    elif kind == 7:
        row = [names, *cells][draw.integers(len(cells) + 1)]
        if draw.integers(2):
            row.append("more")
        else:
            row.pop()
    stream = io.StringIO()
    quoting = csv.QUOTE_ALL if draw.integers(4) == 0 else csv.QUOTE_MINIMAL
    end = "\r\n" if draw.integers(4) == 0 else "\n"
    csv.writer(stream, quoting=quoting, lineterminator=end).writerows([names, *cells])
    text = stream.getvalue()
    if kind == 8:
        return damage_encoding(text, draw)
    return damage_bytes(text.encode(), draw) if kind == 9 else text.encode()
