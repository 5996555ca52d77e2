"""Read the signal files behind a WFDB header: their length, their faults, their samples.

Samples are read through the function on which ``wfdb.rdrecord`` rests: with it a header is read
once and not for every part, and may leave the number of samples to the file.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import wfdb
from wfdb.io import _signal

from mimicflow.bedside.recording import unit_factor
from mimicflow.errors import RecordError
from mimicflow.raw.waveform_paths import path_inside
from mimicflow.raw.wfdb_headers import BITS, COMPRESSED

GAP = "~"
_PADDING = 256  # samples; some recorders fill a last block
_AT_ONCE = 2**20  # frames, when a whole signal is gone through


def read_samples(
    path: Path, header: wfdb.Record, channel: int, first: int, last: int
) -> np.ndarray:
    """Return the samples of one signal as the file stores them.

    Parameters
    ----------
    path : Path
        Of the header, without its extension.
    header : wfdb.Record
        Of a single segment.
    channel : int
        Which of its signals.
    first, last : int
        Frames; the last one is not read any more.

    Returns
    -------
    numpy.ndarray
        ((last - first) * samples per frame,) integers.

    Raises
    ------
    RecordError
        With reason ``unreadable`` or ``signal_truncated``.
    """
    file = header_file(path)
    try:
        (samples,) = _signal._rd_segment(
            file_name=header.file_name,
            dir_name=str(path.parent),
            pn_dir=None,
            fmt=header.fmt,
            n_sig=header.n_sig,
            sig_len=header.sig_len or last,
            byte_offset=header.byte_offset,
            samps_per_frame=header.samps_per_frame,
            skew=header.skew,
            init_value=header.init_value,
            sampfrom=first,
            sampto=last,
            channels=[channel],
            ignore_skew=False,
        )
    except Exception as error:  # damaged files raise nearly anything inside wfdb
        raise RecordError(
            f"wfdb cannot read it ({type(error).__name__}: {error})", reason="unreadable", file=file
        ) from error
    if len(samples) != (last - first) * int(header.samps_per_frame[channel] or 1):
        raise RecordError("holds fewer samples", reason="signal_truncated", file=file)
    return np.asarray(samples)


def in_units(samples: np.ndarray, header: wfdb.Record, channel: int) -> np.ndarray:
    """Return stored samples as float64 in their unit, in the order of ``wfdb``; NaN in gaps."""
    values = samples.astype(np.float64)
    values[samples == _signal.INVALID_SAMPLE_VALUE[header.fmt[channel]]] = np.nan
    values -= header.baseline[channel]
    values /= header.adc_gain[channel]
    return values


def is_as_written(path: Path, header: wfdb.Record, channel: int, n_frames: int) -> bool:
    """Return whether a signal has the checksum and the first value that its header says.

    All of it is read, a part at a time. What the header does not say, and a signal that is
    stored with a skew, for which tools do not agree, is taken as right; what cannot be read is not.
    """
    checksum, first_value = header.checksum[channel], header.init_value[channel]
    if (checksum is None and first_value is None) or header.skew[channel]:
        return True
    total = 0
    for first in range(0, n_frames, _AT_ONCE):
        try:
            part = read_samples(path, header, channel, first, min(first + _AT_ONCE, n_frames))
        except RecordError:
            return False
        if first == 0 and first_value not in (None, int(part[0])):
            return False
        total += int(part.sum(dtype=np.int64))
    return checksum is None or (total - int(checksum)) % 65536 == 0


def signal_fault(
    root: Path, path: Path, header: wfdb.Record, channel: int | None, n_frames: int | None = None
) -> RecordError | None:
    """Return what is wrong with a signal's file, without reading samples; None where nothing is.

    Without a channel, only whether a name leads outside the folder.
    """
    file = header_file(path)
    for name in dict.fromkeys(listed(header.file_name)):
        if name != GAP:
            try:
                path_inside(root, path.parent, name, same_folder=True, file=file)
            except RecordError as error:
                return error
    if channel is None:
        return None
    name = header.file_name[channel]
    group = [place for place, other in enumerate(header.file_name) if other == name]
    codes = {(header.fmt[place], header.byte_offset[place] or 0) for place in group}
    contiguous = group == list(range(group[0], group[0] + len(group)))
    kind, offset = header.fmt[channel], header.byte_offset[channel] or 0
    gain = header.adc_gain[channel]
    if len(codes) > 1 or not contiguous or not math.isfinite(gain) or gain == 0:
        return RecordError("signal lines contradict each other", reason="unreadable", file=file)
    if kind not in BITS and kind not in COMPRESSED:
        # Format 8 holds differences: a part cannot be read without all that comes before it.
        return RecordError(f"signal format {kind}", reason="unreadable", file=file)
    try:
        unit_factor(header.units[channel] or "mV", header.sig_name[channel], file)
        available = _frames_in(path.parent / name, header, group, kind, offset)
    except RecordError as error:
        return error
    if n_frames is not None and available < n_frames:
        return RecordError(
            f"{available} of {n_frames} samples",
            reason="signal_truncated",
            file=path.parent / name,
        )
    # Room for another signal: the header then misses one of the file, and all samples shift.
    room = 1 + 0.5 / len(group)
    if n_frames and kind in BITS and available > n_frames * room + _PADDING / len(group):
        return RecordError(
            f"{available} samples, the header claims {n_frames}",
            reason="unreadable",
            file=path.parent / name,
        )
    return None


def _frames_in(file: Path, header: wfdb.Record, group: list[int], kind: str, offset: int) -> int:
    """Return how many frames a signal file has room for."""
    if not file.is_file():
        raise RecordError("no signal file", reason="signal_missing", file=file)
    if kind in COMPRESSED:
        try:
            samples = int(soundfile.info(str(file)).frames) - offset
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise RecordError(
                f"not a FLAC file ({error})", reason="unreadable", file=file
            ) from error
        return samples // int(header.samps_per_frame[group[0]] or 1)
    per_frame = sum(int(header.samps_per_frame[place] or 1) for place in group)
    # Half a byte of a last, odd sample may be left out.
    return int((file.stat().st_size - offset) * 8 / BITS[kind] / per_frame + 1e-9)


def length(path: Path, header: wfdb.Record) -> int:
    """Return the frames of a single segment; by its first file when the header is silent or has 0.

    WFDB writes 0 for a length that is not known.

    Raises
    ------
    RecordError
        When the header is silent, and there is no such file.
    """
    names = listed(header.file_name)
    if header.sig_len or not names or header.fmt[0] not in (*BITS, *COMPRESSED):
        return int(header.sig_len or 0)
    group = [place for place, name in enumerate(names) if name == names[0]]
    offset = header.byte_offset[0] or 0
    return max(0, _frames_in(path.parent / names[0], header, group, header.fmt[0], offset))


def listed(values: list[Any] | None) -> list[Any]:
    """Return what a header lists; nothing when it does not."""
    return values or []


def names_of(header: wfdb.Record | wfdb.MultiRecord | None) -> list[str]:
    """Return the signal names of a header; "" for one without."""
    names = getattr(header, "sig_name", None)
    return [name or "" for name in names or []]


def header_file(path: Path) -> Path:
    """Return the file of the header of a record that is named without its extension."""
    return path.with_name(f"{path.name}.hea")
