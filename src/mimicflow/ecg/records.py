"""Reading one 12-lead ECG in WFDB format: always the same leads, in mV, or a reason why not.

MIMIC-IV-ECG writes single-segment records in format 16, which are read here with NumPy alone; any
other kind goes through `wfdb`. Either way nothing outside the ECG folder is opened, and a header
that claims more samples than there are is refused before memory is taken.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import wfdb

from mimicflow.errors import RecordError
from mimicflow.waveform_paths import path_inside

LEADS = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")
"""The leads and their order everywhere in mimicflow: that of the MIMIC-IV-ECG files."""

MIN_LEADS = 6
"""A record with fewer of the 12 leads than this is excluded."""

MIN_SECONDS = 1.0
SAMPLING_RATES = (50.0, 100_000.0)
"""Hz; what lies outside is no diagnostic ECG."""

_MAX_HEADER_BYTES = 1_000_000
_MAX_VALUES = 50_000_000  # samples times signals: an hour and more of 12 leads at 1000 Hz
_LEAST_GAIN = 1e-6  # per mV or µV; less would be kV, and overflows
_UNITS_TO_MV = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "μv": 1e-3}  # both micro signs of Unicode
_NOT_RECORDED = -32768  # format 16
_OUTSIDE = "path_outside"

# header(5) of the WFDB manual: format[xSAMPLES][:SKEW][+OFFSET] and gain[(baseline)][/units]
_FORMAT = re.compile(r"(\d+)(?:x(\d+))?(?::(\d+))?(?:\+(\d+))?$", re.ASCII)
_GAIN = re.compile(r"([^(/]+)(?:\(([-+]?\d+)\))?(?:/(\S+))?$", re.ASCII)
_RECORD = re.compile(r"[-\w.]+(?:/\d+)?$")
# Python also takes digits of other scripts, and "1_000".
_INTEGER = re.compile(r"-?\d+$", re.ASCII)
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$", re.ASCII)


@dataclass(frozen=True)
class Record:
    """One 12-lead ECG as it was recorded.

    Parameters
    ----------
    signals : numpy.ndarray
        (12, n) float64, mV, leads in the order of `LEADS`; NaN where not recorded, zeros for a
        lead that the record does not have.
    sampling_rate : float
        Hz.
    lead_mask : numpy.ndarray
        (12,) bool: the lead exists and is not flat.
    """

    signals: np.ndarray
    sampling_rate: float
    lead_mask: np.ndarray


@dataclass(frozen=True)
class Signal:
    """One signal line of a header."""

    file: str
    format: int
    is_plain: bool  # one sample per frame, no skew
    byte_offset: int
    gain: float  # ADC units per physical unit
    baseline: int  # ADC units at 0
    units: str
    name: str


@dataclass(frozen=True)
class Header:
    """What is needed of a WFDB header."""

    sampling_rate: float
    n_signals: int
    n_samples: int | None
    signals: tuple[Signal, ...]
    segments: tuple[str, ...]


def read_record(ecg_folder: str | Path, path: str | None) -> Record:
    """Read one record of the ECG folder.

    Parameters
    ----------
    ecg_folder : path-like
        Folder of ``record_list.csv``; nothing outside it is opened.
    path : str
        Path of the record as in ``record_list.csv``: relative, without extension.

    Returns
    -------
    Record
        Physical values equal to ``wfdb.rdrecord(..., physical=True)``.

    Raises
    ------
    RecordError
        With a ``reason``: path_missing, path_outside, header_missing, header_corrupt,
        rate_invalid, units_unknown, leads_missing, signal_missing, signal_empty,
        signal_truncated, signal_short, signal_huge, signal_unreadable, file_unreadable or
        all_flat.
    """
    if not isinstance(path, str) or not path.strip():
        raise RecordError("record_list names no path", reason="path_missing", file=ecg_folder)
    try:
        return _read(Path(ecg_folder).resolve(), path)
    except OSError as error:  # no right to read, a name too long, a broken disk
        raise RecordError(
            f"cannot be read ({error.strerror})", reason="file_unreadable", file=error.filename
        ) from error


def _read(root: Path, path: str) -> Record:
    header_file = path_inside(root, root, path + ".hea", reason=_OUTSIDE)
    header = _read_header(header_file)
    if header.segments:
        for segment in header.segments:
            segment_file = path_inside(
                root, header_file.parent, f"{segment}.hea", same_folder=True, reason=_OUTSIDE
            )
            _signal_files(root, segment_file, _read_header(segment_file))
        values, names, units = _read_with_wfdb(header_file)
        rows = _lead_rows(names, header_file)
        values = values[rows[rows >= 0]]
    else:
        files = _signal_files(root, header_file, header)
        units = [signal.units for signal in header.signals]
        rows = _lead_rows([signal.name for signal in header.signals], header_file)
        if _is_fast(header):
            values = _read_format_16(files[0], header, rows[rows >= 0])
        else:
            values = _read_with_wfdb(header_file)[0][rows[rows >= 0]]
    units = [units[row] for row in rows if row >= 0]
    return _to_leads(values, rows >= 0, units, header.sampling_rate, header_file)


def _read_header(file: Path) -> Header:
    if not file.is_file():
        raise RecordError("no header file", reason="header_missing", file=file)
    if file.stat().st_size > _MAX_HEADER_BYTES:
        raise RecordError("header of more than 1 MB", reason="header_corrupt", file=file)
    # A stray byte must not end the reading of a comment; in a number it fails below.
    text = file.read_text(encoding="utf-8", errors="replace")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    try:
        header = parse_header(lines)
        if header.n_signals < 1:
            raise ValueError("no signals")
    except (ValueError, IndexError, OverflowError) as error:
        raise RecordError(
            f"header is not WFDB ({error})", reason="header_corrupt", file=file
        ) from error
    if not SAMPLING_RATES[0] <= header.sampling_rate <= SAMPLING_RATES[1]:
        raise RecordError(
            f"sampling rate of {header.sampling_rate:g} Hz", reason="rate_invalid", file=file
        )
    if header.n_samples is not None and header.n_samples * header.n_signals > _MAX_VALUES:
        raise RecordError(
            f"header claims {header.n_samples} samples", reason="signal_huge", file=file
        )
    return header


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
    return Header(sampling_rate, n_signals, n_samples, signals, ())


def _parse_signal(line: str) -> Signal:
    fields = line.split(maxsplit=8)
    coding = _FORMAT.match(fields[1])
    scale = _GAIN.match(fields[2]) if len(fields) > 2 else None
    if coding is None or (len(fields) > 2 and scale is None):
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
        byte_offset=int(coding[4] or 0),
        gain=_number(gain) or 200.0,  # WFDB: 0 or none means 200
        baseline=sum(numbers[1:2]) if baseline is None else int(baseline),
        units=units or "mV",
        name=fields[8].strip() if len(fields) > 8 else "",
    )


def _integer(text: str) -> int:
    if _INTEGER.match(text) is None:
        raise ValueError(f"no integer: {text!r}")
    return int(text)


def _number(text: str) -> float:
    value = float(text) if _NUMBER.match(text) else math.nan
    if not math.isfinite(value):
        raise ValueError(f"no number: {text!r}")
    return value


def _signal_files(root: Path, header_file: Path, header: Header) -> list[Path]:
    """Find the signal files of a header, each in the header's folder and not empty."""
    files = []
    for name in dict.fromkeys(signal.file for signal in header.signals):
        if name == "~":  # layout of a multi-segment record: no file
            continue
        file = path_inside(root, header_file.parent, name, same_folder=True, reason=_OUTSIDE)
        if not file.is_file():
            raise RecordError("no signal file", reason="signal_missing", file=file)
        if file.stat().st_size == 0:
            raise RecordError("signal file has 0 bytes", reason="signal_empty", file=file)
        files.append(file)
    return files


def _is_fast(header: Header) -> bool:
    first = header.signals[0]
    return all(
        signal.format == 16
        and signal.is_plain
        and (signal.file, signal.byte_offset) == (first.file, first.byte_offset)
        for signal in header.signals
    )


def _read_format_16(file: Path, header: Header, rows: np.ndarray) -> np.ndarray:
    """Return the physical values of some signals, computed in the order of `wfdb`."""
    offset, n_signals = header.signals[0].byte_offset, header.n_signals
    available = max(0, file.stat().st_size - offset) // (2 * n_signals)
    n_samples = header.n_samples or available
    if n_samples > available:
        raise RecordError(
            f"{available} of {n_samples} samples", reason="signal_truncated", file=file
        )
    if n_samples * n_signals > _MAX_VALUES:
        raise RecordError(f"{n_samples} samples", reason="signal_huge", file=file)
    raw = np.fromfile(file, dtype="<i2", count=n_samples * n_signals, offset=offset)
    raw = raw.reshape(n_samples, n_signals).T[rows]
    values = raw.astype(np.float64)
    values -= np.array([[header.signals[row].baseline] for row in rows])
    values /= np.array([[header.signals[row].gain] for row in rows])
    if n_samples and raw.min() == _NOT_RECORDED:
        values[raw == _NOT_RECORDED] = np.nan
    return values


def _read_with_wfdb(header_file: Path) -> tuple[np.ndarray, list[str], list[str]]:
    try:
        record = wfdb.rdrecord(str(header_file.with_suffix("")), physical=True)
    except Exception as error:  # damaged files raise nearly anything inside wfdb
        raise RecordError(
            f"wfdb cannot read it ({type(error).__name__}: {error})",
            reason="signal_unreadable",
            file=header_file,
        ) from error
    return np.ascontiguousarray(record.p_signal.T), record.sig_name, record.units


def _lead_rows(names: list[str], file: Path) -> np.ndarray:
    """Find the row of each of the `LEADS` among the signals of a file: (12,) int, -1 for none."""
    position = {name.upper(): row for row, name in enumerate(names)}
    rows = np.array([position.get(lead.upper(), -1) for lead in LEADS])
    n_leads = int((rows >= 0).sum())
    if n_leads < MIN_LEADS:
        message = f"{n_leads} of 12 leads (signals: {', '.join(names)})"
        raise RecordError(message, reason="leads_missing", file=file)
    if len(position) < len(names):
        raise RecordError("two signals of one name", reason="header_corrupt", file=file)
    return rows


def _to_leads(
    values: np.ndarray, present: np.ndarray, units: list[str], sampling_rate: float, file: Path
) -> Record:
    """Complete the leads that a file has, with their units, to all 12 in mV."""
    to_mv = [_UNITS_TO_MV.get(unit.lower()) for unit in units]
    if None in to_mv:
        raise RecordError(f"units {sorted(set(units))}", reason="units_unknown", file=file)
    if values.shape[1] < MIN_SECONDS * sampling_rate:
        raise RecordError(f"{values.shape[1]} samples", reason="signal_short", file=file)
    if set(to_mv) != {1.0}:
        values = values * np.array(to_mv)[:, None]
    signals = values
    if not present.all():
        signals = np.zeros((len(LEADS), values.shape[1]))
        signals[present] = values
    lead_mask = ~is_flat(signals)
    if not lead_mask.any():
        raise RecordError("all leads are flat", reason="all_flat", file=file)
    return Record(signals, sampling_rate, lead_mask)


def is_flat(signals: np.ndarray) -> np.ndarray:
    """Tell which leads hold a single value, or none at all.

    Parameters
    ----------
    signals : numpy.ndarray
        (..., n); non-finite samples do not count.

    Returns
    -------
    numpy.ndarray
        (...) bool.
    """
    finite = np.isfinite(signals)
    if finite.all():
        return np.asarray(signals.max(axis=-1) == signals.min(axis=-1))
    highest = np.where(finite, signals, -np.inf).max(axis=-1)
    lowest = np.where(finite, signals, np.inf).min(axis=-1)
    return np.asarray(highest <= lowest)
