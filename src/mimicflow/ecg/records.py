"""Read one 12-lead ECG in WFDB format: always the same leads, in mV, or a reason why not.

MIMIC-IV-ECG writes single-segment records in format 16, which are read here with NumPy alone; any
other kind goes through `wfdb`. Either way nothing outside the ECG folder is opened, and a header
that claims more samples than there are is refused before memory is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import wfdb

from mimicflow.ecg.saturation import without_saturated
from mimicflow.errors import RecordError
from mimicflow.raw.waveform_paths import path_inside, real_path
from mimicflow.raw.wfdb_headers import CHECKSUM, MAX_WRONG, Header, is_as_written, parse_header

LEADS = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")
"""The leads and their order everywhere in mimicflow: that of the MIMIC-IV-ECG files."""

MIN_LEADS = 6
"""A record with fewer of the 12 leads than this is excluded."""

MIN_SECONDS = 1.0
SAMPLING_RATES = (50.0, 100_000.0)
"""Hz; what lies outside is no diagnostic ECG."""

MIN_VALID = 0.5
"""Share of a lead's samples that must be there, by default."""

_MAX_HEADER_BYTES = 1_000_000
_MAX_VALUES = 50_000_000  # samples times signals: an hour and more of 12 leads at 1000 Hz
_UNITS_TO_MV = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "μv": 1e-3}  # both micro signs of Unicode
_NOT_RECORDED = -32768  # format 16
_OUTSIDE = "path_outside"


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
        (12,) bool: the lead exists, is not flat, has enough samples and is as its header says.
    n_wrong : int
        Leads left out, as zeros, because they differ from the checksum or the first value in
        their header.
    """

    signals: np.ndarray
    sampling_rate: float
    lead_mask: np.ndarray
    n_wrong: int = 0


def read_record(
    ecg_folder: str | Path,
    path: str | None,
    max_wrong_checksums: float | Literal["none"] = MAX_WRONG,
    min_valid_share: float = MIN_VALID,
) -> Record:
    """Read one record of the ECG folder.

    Parameters
    ----------
    ecg_folder : path-like
        Folder of ``record_list.csv``; nothing outside it is opened.
    path : str
        Path of the record as in ``record_list.csv``: relative, without extension.
    max_wrong_checksums : float or "none"
        Share of the leads that may differ from the checksum or the first value in their header;
        those that do are left out. "none": checksums are not looked at.
    min_valid_share : float
        Share of a lead's samples that must be there; leads with fewer are left out. Samples at the
        rail of the amplifier are not there. 0: all leads, as they are.

    Returns
    -------
    Record
        Physical values equal to ``wfdb.rdrecord(..., physical=True)``.

    Raises
    ------
    RecordError
        With a ``reason``: path_missing, path_outside, header_missing, header_corrupt,
        rate_invalid, units_unknown, leads_missing, signal_missing, signal_empty,
        signal_truncated, signal_short, signal_huge, signal_unreadable, file_unreadable,
        checksum_wrong or all_flat.
    """
    if not isinstance(path, str) or not path.strip():
        raise RecordError("record_list names no path", reason="path_missing", file=ecg_folder)
    try:
        return _read(real_path(ecg_folder), path, max_wrong_checksums, min_valid_share)
    except OSError as error:  # no right to read, a name too long, a broken disk
        raise RecordError(
            f"cannot be read ({error.strerror})", reason="file_unreadable", file=error.filename
        ) from error


@dataclass(frozen=True)
class _Leads:
    """The leads that a file has, in the order of `LEADS`."""

    rows: np.ndarray  # (12,) int: the signal of each lead, -1 for none
    values: np.ndarray  # (k, n) float64
    units: list[str]
    wrong: np.ndarray  # (k,) bool: not as its header says


def _read(root: Path, path: str, max_wrong: float | Literal["none"], min_valid: float) -> Record:
    header_file = path_inside(root, root, f"{path}.hea", reason=_OUTSIDE)
    parts = [(header_file, _read_header(header_file))]
    for segment in parts[0][1].segments:
        name = f"{segment}.hea"
        file = path_inside(root, header_file.parent, name, same_folder=True, reason=_OUTSIDE)
        parts.append((file, _read_header(file)))
    files = [_signal_files(root, *part) for part in parts]
    header = parts[0][1]
    if _is_fast(header):
        leads = _read_format_16(files[0][0], header, header_file)
    else:
        leads = _read_with_wfdb(parts)
    n_wrong = 0 if max_wrong == "none" else int(leads.wrong.sum())
    if max_wrong != "none" and n_wrong > max_wrong * len(leads.wrong):
        raise RecordError(
            f"{n_wrong} of {len(leads.wrong)} leads differ from the checksum or the first value "
            "in their header",
            reason=CHECKSUM,
            file=header_file,
        )
    if n_wrong:
        leads.values[leads.wrong] = 0.0  # as if it were not recorded
    record = _to_leads(leads, header.sampling_rate, header_file, min_valid)
    return replace(record, n_wrong=n_wrong)


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
    return bool(header.signals) and all(
        signal.format == 16
        and signal.is_plain
        and (signal.file, signal.byte_offset)
        == (header.signals[0].file, header.signals[0].byte_offset)
        for signal in header.signals
    )


def _read_format_16(file: Path, header: Header, header_file: Path) -> _Leads:
    """Compute physical values in the order of `wfdb`."""
    offset, n_signals = header.signals[0].byte_offset, header.n_signals
    available = max(0, file.stat().st_size - offset) // (2 * n_signals)
    n_samples = header.n_samples or available
    if n_samples > available:
        raise RecordError(
            f"{available} of {n_samples} samples", reason="signal_truncated", file=file
        )
    if n_samples * n_signals > _MAX_VALUES:
        raise RecordError(f"{n_samples} samples", reason="signal_huge", file=file)
    rows = _lead_rows([signal.name for signal in header.signals], header_file)
    signals = [header.signals[row] for row in rows[rows >= 0]]
    raw = np.fromfile(file, dtype="<i2", count=n_samples * n_signals, offset=offset)
    raw = raw.reshape(n_samples, n_signals).T[rows[rows >= 0]]
    wrong = [
        not is_as_written(samples, signal) for samples, signal in zip(raw, signals, strict=True)
    ]
    values = raw.astype(np.float64)
    values -= np.array([[signal.baseline] for signal in signals])
    values /= np.array([[signal.gain] for signal in signals])
    if n_samples and raw.min() == _NOT_RECORDED:
        values[raw == _NOT_RECORDED] = np.nan
    return _Leads(rows, values, [signal.units for signal in signals], np.array(wrong))


def _read_with_wfdb(parts: list[tuple[Path, Header]]) -> _Leads:
    """Read a record of any kind: its own header first, then those of its segments."""
    record = _wfdb(parts[0][0], physical=True)
    names = [signal.name for signal in parts[0][1].signals] or [
        name or "" for name in record.sig_name
    ]
    rows = _lead_rows(names, parts[0][0])
    here = rows[rows >= 0]
    wrong: set[str] = set()
    units: dict[str, set[str]] = {}
    for file, header in parts:
        if header.signals and header.signals[0].file != "~":
            # Of the file: wfdb takes what it cannot read for mV.
            for signal in header.signals:
                units.setdefault(signal.name.upper(), set()).add(signal.units)
            read = _wfdb(file, physical=False, smooth_frames=False).e_d_signal
            pairs = zip(read, header.signals, strict=True)
            wrong |= {
                signal.name.upper() for raw, signal in pairs if not is_as_written(raw, signal)
            }
    return _Leads(
        rows,
        np.ascontiguousarray(record.p_signal.T[here]),
        ["/".join(sorted(units.get(names[row].upper(), {"mV"}))) for row in here],
        np.array([names[row].upper() in wrong for row in here]),
    )


def _wfdb(header_file: Path, **options: bool) -> wfdb.Record:
    try:
        return wfdb.rdrecord(str(header_file.with_suffix("")), **options)
    except Exception as error:  # damaged files raise nearly anything inside wfdb
        raise RecordError(
            f"wfdb cannot read it ({type(error).__name__}: {error})",
            reason="signal_unreadable",
            file=header_file,
        ) from error


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


def _to_leads(leads: _Leads, sampling_rate: float, file: Path, min_valid: float) -> Record:
    """Complete the leads that a file has, with their units, to all 12 in mV."""
    values, present = leads.values, leads.rows >= 0
    to_mv = [_UNITS_TO_MV.get(unit.lower()) for unit in leads.units]
    if None in to_mv:
        raise RecordError(f"units {sorted(set(leads.units))}", reason="units_unknown", file=file)
    if values.shape[1] < MIN_SECONDS * sampling_rate:
        raise RecordError(f"{values.shape[1]} samples", reason="signal_short", file=file)
    if set(to_mv) != {1.0}:
        values = values * np.array(to_mv)[:, None]
    signals = values
    if not present.all():
        signals = np.zeros((len(LEADS), values.shape[1]))
        signals[present] = values
    lead_mask = ~is_flat(signals)
    if min_valid:
        signals = without_saturated(signals, sampling_rate)
        lead_mask &= np.isfinite(signals).mean(axis=-1) >= min_valid
    if not lead_mask.any():
        raise RecordError("all leads are flat or missing", reason="all_flat", file=file)
    return Record(signals, sampling_rate, lead_mask)


def is_flat(signals: np.ndarray) -> np.ndarray:
    """Return which leads hold a single value, or none at all.

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
