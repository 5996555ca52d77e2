"""Read what is needed of a WFDB header, more strictly than ``wfdb`` does."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

CHECKSUM = "checksum_wrong"
"""The reason for what is not as its header says: another sum of its samples, or first value."""

MAX_WRONG = 0.5
"""Share of a record that may be so, and is left out; with more, all of it is."""

BITS = {
    **{"80": 8, "16": 16, "61": 16, "160": 16, "24": 24, "32": 32},
    **{"212": 12, "310": 32 / 3, "311": 32 / 3},
}
"""Bits of a sample in each format of plain numbers."""

COMPRESSED = ("508", "516", "524")
"""The formats of FLAC."""

_FORMATS = {"0", "8", *BITS, *COMPRESSED}  # 0: no signal, in a layout; 8: differences
_LARGEST = 2**53  # what a float still counts
_LEAST_GAIN = 1e-6  # per mV or µV; less would be kV, and overflows

# header(5) of the WFDB manual: format[xSAMPLES][:SKEW][+OFFSET] and gain[(baseline)][/units]
_FORMAT = re.compile(r"(\d+)(?:x(\d+))?(?::(\d+))?(?:\+(\d+))?$", re.ASCII)
_GAIN = re.compile(r"([^(/]+)(?:\((-?\d+)\))?(?:/(\S+))?$", re.ASCII)
_RECORD = re.compile(r"[-\w]+(?:/\d+)?$", re.ASCII)
# Python also takes digits of other scripts, "+5" and "1_000".
_INTEGER = re.compile(r"-?\d+$", re.ASCII)
_NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$", re.ASCII)


@dataclass(frozen=True)
class Signal:
    """One signal line of a header."""

    file: str
    format: int
    is_plain: bool  # one sample per frame, no skew
    is_skewed: bool
    byte_offset: int
    gain: float  # ADC units per physical unit
    baseline: int  # ADC units at 0
    units: str
    name: str
    first_value: int | None = None  # None: the header does not say
    checksum: int | None = None  # sum of all samples, modulo 65536


@dataclass(frozen=True)
class Header:
    """What is needed of a WFDB header."""

    sampling_rate: float
    n_signals: int
    n_samples: int | None
    signals: tuple[Signal, ...]
    segments: tuple[str, ...]


def is_as_written(samples: np.ndarray, signal: Signal) -> bool:
    """Return whether all samples of a signal have the checksum and first value of its header.

    Parameters
    ----------
    samples : numpy.ndarray
        (n,) integers, as the file stores them.
    signal : Signal
        What the header does not say is taken as right, and so is a signal that is stored with a
        skew, for which tools do not agree.
    """
    if len(samples) == 0 or signal.is_skewed:
        return True
    if signal.first_value not in (None, int(samples[0])):
        return False
    total = int(samples.sum(dtype=np.int64))
    return signal.checksum is None or (total - signal.checksum) % 65536 == 0


def parse_header(lines: list[str]) -> Header:
    """Read a header, more strictly than `wfdb`: it takes a damaged number for a part of a name.

    Parameters
    ----------
    lines : list of str
        Without comments and empty lines.

    Raises
    ------
    ValueError, IndexError
        A line that is not as header(5) of the WFDB manual has it.
    """
    record, *rest = lines[0].split()
    if _RECORD.match(record) is None:
        raise ValueError(f"record line {lines[0]!r}")
    n_segments = _integer(record.partition("/")[2] or "0")
    n_signals = _integer(rest[0])
    # Frames per second come first in "500/1000(0)"; 250 Hz is the default of WFDB.
    sampling_rate = _number(rest[1].partition("/")[0]) if len(rest) > 1 else 250.0
    n_samples = _integer(rest[2]) if len(rest) > 2 else None
    if min(n_signals, n_segments, n_samples or 0) < 0:
        raise ValueError(f"record line {lines[0]!r}")
    kind, expected = ("segments", n_segments) if n_segments else ("signals", n_signals)
    if len(lines) - 1 != expected:  # also of too many: which of them are in the file?
        raise ValueError(f"{len(lines) - 1} of {expected} {kind}")
    if n_segments:
        names = [line.split()[0] for line in lines[1:]]
        segments = tuple(name for name in names if name != "~")  # "~": a gap
        return Header(sampling_rate, n_signals, n_samples, (), segments)
    signals = tuple(_parse_signal(line) for line in lines[1:])
    codings = {(signal.file, signal.format, signal.byte_offset) for signal in signals}
    if len(codings) > len({signal.file for signal in signals}):
        raise ValueError("signals of one file in several formats or from several offsets")
    return Header(sampling_rate, n_signals, n_samples, signals, ())


def _parse_signal(line: str) -> Signal:
    fields = line.split(maxsplit=8)
    coding = _FORMAT.match(fields[1])
    scale = _GAIN.match(fields[2]) if len(fields) > 2 else None
    if coding is None or coding[1] not in _FORMATS or (len(fields) > 2 and scale is None):
        raise ValueError(f"signal line {line!r}")
    gain, baseline, units = scale.groups() if scale else ("0", None, None)
    # ADC resolution, ADC zero, first value, checksum, block size: one that is left out would
    # shift the name.
    numbers = [_integer(field) for field in fields[3:8]]
    if min([0, *numbers[:1], *numbers[4:]]) < 0 or 0 < abs(_number(gain)) < _LEAST_GAIN:
        raise ValueError(f"signal line {line!r}")
    return Signal(
        file=fields[0],
        format=int(coding[1]),
        is_plain=coding[2] in (None, "1") and coding[3] in (None, "0"),
        is_skewed=coding[3] not in (None, "0"),
        byte_offset=_integer(coding[4] or "0"),
        gain=_number(gain) or 200.0,  # WFDB: 0 or none means 200
        baseline=sum(numbers[1:2]) if baseline is None else _integer(baseline),
        units=units or "mV",
        name=fields[8].strip() if len(fields) > 8 else "",
        first_value=numbers[2] if len(numbers) > 2 else None,
        checksum=numbers[3] if len(numbers) > 3 else None,
    )


def _integer(text: str) -> int:
    if _INTEGER.match(text) is None or abs(int(text)) > _LARGEST:
        raise ValueError(f"no integer: {text!r}")
    return int(text)


def _number(text: str) -> float:
    value = float(text) if _NUMBER.match(text) else math.nan
    if not math.isfinite(value):
        raise ValueError(f"no number: {text!r}")
    return value
