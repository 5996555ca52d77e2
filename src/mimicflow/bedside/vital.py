"""Read one ECG lead of a ``.vital`` file of VitalDB, through the package ``vitaldb``.

The package keeps silent about most damage, or prints it: the file is therefore read once as a
whole before it is handed over. Only the track that is wanted stays in memory.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mimicflow.bedside.recording import (
    LONGEST_DAYS,
    EcgRecording,
    check_size,
    choose_lead,
    unit_factor,
)
from mimicflow.errors import RecordError

_SIGN = b"VITA"
_WAVE = 1  # type of a track
_TRACK, _RECORD, _DEVICE = 0, 1, 9  # types of a packet
_PACKED_PLACE = 26  # in the header
_DEVICE_AFTER_UNIT = 33  # display, colour, rate, gain, offset, kind of monitor
_LARGEST_PACKET = 1_000_000  # the package ends there, silently; not of a packed file
_LARGEST_BYTES = 32 * 2**30  # unpacked; a file of days with all tracks has a tenth
_CHUNK = 2**22
_TOGETHER_S = 10  # tracks of one recorder begin within it, and no epoch ends


@dataclass(frozen=True)
class VitalRecording(EcgRecording):
    """A track of a ``.vital`` file.

    Parameters
    ----------
    runs : tuple of (int, numpy.ndarray)
        Where each run of samples begins, and the samples as the file stores them; in the order of
        time, without overlap.
    gain, offset : float
        mV of a stored 1 and of a stored 0.
    missing : float
        Stored value that fills gaps; NaN when there is none.
    """

    runs: tuple[tuple[int, np.ndarray], ...]
    gain: float
    offset: float
    missing: float

    def _fill(self, values: np.ndarray, first: int) -> None:
        end = first + len(values)
        for start, stored in self.runs:
            begin, stop = max(first, start), min(end, start + len(stored))
            if begin >= stop:
                continue
            part = stored[begin - start : stop - start].astype(np.float64)
            known = np.isfinite(part) & (part != self.missing)
            values[begin - first : stop - first] = np.where(
                known, part * self.gain + self.offset, np.nan
            )


def open_vital(file: Path, wanted: str) -> VitalRecording:
    """Open a wave track of a local file.

    Parameters
    ----------
    file : Path
        Absolute.
    wanted : str
        Name of the track, with or without its device (``SNUADC/ECG_II``, ``ECG_II``); empty for
        the first ECG track of those that begin first.

    Raises
    ------
    RecordError
        As :func:`mimicflow.bedside.open_recording.open_recording`.
    """
    if not file.is_file():
        raise RecordError("no such file", reason="missing", file=file)
    beginnings = _check_intact(file)
    headers = _load(file, None).trks
    waves = {name: track for name, track in headers.items() if track.type == _WAVE}
    lead = choose_lead(_by_beginning(list(waves), beginnings), wanted, file)
    unit = unit_factor(waves[lead].unit or "mV", lead, file)
    vital = _load(file, lead)
    track = vital.trks[lead]
    rate = float(track.srate)
    start_s, end_s = float(vital.dtstart), float(vital.dtend)
    if not (math.isfinite(start_s) and math.isfinite(end_s)):
        raise RecordError("claims no finite times", reason="unreadable", file=file)
    if end_s - start_s > LONGEST_DAYS * 86400:
        raise RecordError(f"claims {end_s - start_s:g} s", reason="huge", file=file)
    n_samples = round((end_s - start_s) * rate) if rate > 0 and math.isfinite(rate) else 0
    check_size(rate, n_samples, file)
    if not all(start_s <= record["dt"] <= end_s for record in track.recs):
        raise RecordError("holds samples outside its time", reason="unreadable", file=file)
    runs = _runs(track.recs, start_s, rate)
    if not runs:
        raise RecordError(f"{lead} is recorded nowhere", reason="empty", file=file)
    gain, offset = _scale(track)
    return VitalRecording(
        file=file,
        lead=lead,
        sampling_rate=rate,
        n_samples=n_samples,
        start_time=_local_time(start_s, int(vital.dgmt), file),
        runs=runs,
        gain=gain * unit,
        offset=offset * unit,
        missing=_missing(track) if vital.packed else math.nan,
    )


class _Track(NamedTuple):
    """A track; ``width`` bytes per sample (0: no wave), ``records`` as many bytes as it claims."""

    number: int
    name: str
    width: int
    records: int


def _check_intact(file: Path) -> dict[str, float]:
    """Walk through the packets of a file once, since the package skips what it cannot read.

    Returns
    -------
    dict
        When the samples of each wave begin, in s since 1970, by its name; none without samples.
    """
    try:
        with gzip.open(file, "rb") as stream:
            return _check_packets(stream)
    except (EOFError, gzip.BadGzipFile, zlib.error, struct.error, ValueError) as error:
        raise RecordError(
            f"is damaged or no .vital file ({error})", reason="unreadable", file=file
        ) from error
    except OverflowError as error:
        raise RecordError("unpacks to over 32 GB", reason="huge", file=file) from error


def _check_packets(stream: gzip.GzipFile) -> dict[str, float]:
    """Raise when packets do not end where the file ends, or samples belong to no track.

    The format is that which the package itself reads and writes.
    """
    if stream.read(len(_SIGN)) != _SIGN:
        raise ValueError("no sign of one")
    _, length = struct.unpack("<4sH", stream.read(6))
    header = stream.read(length)
    if len(header) < length:
        raise EOFError("ends inside its header")
    packed = header[_PACKED_PLACE : _PACKED_PLACE + 1] == b"\1"
    devices: dict[int, str] = {}
    tracks: dict[int, _Track] = {}
    recorded: dict[int, int] = {}  # bytes
    beginnings: dict[str, float] = {}
    size = len(header)
    while head := stream.read(5):
        kind, length = struct.unpack("<BI", head)
        size += length
        if size > _LARGEST_BYTES:
            raise OverflowError
        if length > _LARGEST_PACKET and not packed:
            raise ValueError("a packet of over 1 MB")
        data = stream.read(min(length, _CHUNK))
        _skip(stream, length - len(data))
        if kind == _DEVICE:
            devices |= _device(data)
        elif kind == _TRACK:
            track = _track(data, devices)
            if track.name in beginnings:  # the package would forget or rescale what came before
                raise ValueError(f"{track.name} changes after its first samples")
            tracks[track.number] = track
        elif kind == _RECORD:
            track, time = _recorded(data, length, tracks)
            recorded[track.number] = recorded.get(track.number, 0) + len(head) + length
            if math.isfinite(time):
                beginnings[track.name] = min(time, beginnings.get(track.name, time))
    if packed:  # the package goes by these numbers when it leaves tracks out
        for track in tracks.values():
            if track.records and track.records != recorded.get(track.number, 0):
                raise ValueError("records of another length than the track claims")
    return beginnings


def _recorded(data: bytes, length: int, tracks: dict[int, _Track]) -> tuple[_Track, float]:
    """Return the track of a record, and when its samples begin; NaN when it holds no wave."""
    information, time, number = struct.unpack_from("<HdH", data)
    if number not in tracks:
        raise ValueError("samples of no track")
    track = tracks[number]
    if not track.width:
        return track, math.nan
    (samples,) = struct.unpack_from("<I", data, 2 + information)
    if 2 + information + 4 + samples * track.width != length:
        raise ValueError(f"a record of {length} bytes with {samples} samples")
    return track, time if samples else math.nan


def _by_beginning(waves: list[str], beginnings: dict[str, float]) -> list[list[str]]:
    """Put waves that begin together into one part, in their order; last those without samples."""
    first = min((beginnings[name] for name in waves if name in beginnings), default=0.0)
    parts: dict[float, list[str]] = {}
    for name in waves:
        if name in beginnings:
            parts.setdefault((beginnings[name] - first) // _TOGETHER_S, []).append(name)
    return [*(parts[after] for after in sorted(parts)), waves]


def _skip(stream: gzip.GzipFile, length: int) -> None:
    while length > 0:
        read = len(stream.read(min(length, _CHUNK)))
        if not read:
            raise EOFError("ends inside a packet")
        length -= read


def _device(data: bytes) -> dict[int, str]:
    """Return the name of a device by its number."""
    from vitaldb.utils import _unpack_str  # noqa: PLC0415

    kind, place = _unpack_str(data, 4)
    name, _ = _unpack_str(data, place)
    return {struct.unpack_from("<I", data)[0]: name or kind}


def _track(data: bytes, devices: dict[int, str]) -> _Track:
    """Return what a packet says about a track, with the name that the package gives it."""
    from vitaldb.utils import FMT_TYPE_LEN, _unpack_str  # noqa: PLC0415

    number, kind, sample_format = struct.unpack_from("<HBB", data)
    name, place = _unpack_str(data, 4)
    if place < len(data):
        place += 4 + int(struct.unpack_from("<I", data, place)[0])  # its unit
    place += _DEVICE_AFTER_UNIT
    device, records = (
        int(struct.unpack_from("<I", data, at)[0]) if at + 4 <= len(data) else 0
        for at in (place, place + 4)
    )
    if device and device in devices:
        name = f"{devices[device]}/{name}"
    if kind != _WAVE:
        return _Track(number, name, 0, records)
    if sample_format not in FMT_TYPE_LEN:
        raise ValueError(f"a track of format {sample_format}")
    return _Track(number, name, FMT_TYPE_LEN[sample_format][1], records)


def _load(file: Path, track: str | None) -> Any:
    """Load the headers of all tracks, or one track with its samples."""
    # The package also brings a client of its web service: nobody else waits for its import.
    import vitaldb  # noqa: PLC0415

    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            vital = vitaldb.VitalFile(
                str(file), track_names=[track] if track else None, header_only=track is None
            )
    except Exception as error:  # damaged files raise nearly anything inside vitaldb
        raise RecordError(
            f"vitaldb cannot read it ({type(error).__name__}: {error})",
            reason="unreadable",
            file=file,
        ) from error
    if "Error in reading file" in said.getvalue():  # it prints errors, and goes on
        raise RecordError(
            f"vitaldb cannot read it ({said.getvalue().strip()})", reason="unreadable", file=file
        )
    return vital


def _runs(
    records: list[dict[str, Any]], start_s: float, rate: float
) -> tuple[tuple[int, np.ndarray], ...]:
    """Place records on the grid of samples; where two overlap, the later one gives way."""
    runs: list[tuple[int, np.ndarray]] = []
    reached = 0
    for record in sorted(records, key=lambda one: float(one["dt"])):
        start, stored = round((float(record["dt"]) - start_s) * rate), record["val"]
        if start < reached:
            stored, start = stored[reached - start :], reached
        if len(stored):
            runs.append((start, stored))
            reached = start + len(stored)
    return tuple(runs)


def _scale(track: Any) -> tuple[float, float]:
    """Return gain and offset; the formats 1 and 2 are floating point, already in the unit."""
    if track.fmt <= 2:
        return 1.0, 0.0
    return float(track.gain), float(track.offset)


def _missing(track: Any) -> float:
    """Return the value with which the package fills the gaps of a packed integer track."""
    from vitaldb.utils import FMT_NAN  # noqa: PLC0415

    return float(FMT_NAN[track.fmt])


def _local_time(seconds: float, minutes_behind: int, file: Path) -> pd.Timestamp | None:
    """Return the naive local time of seconds since 1970 UTC; None when the file has none."""
    if seconds <= 0:
        return None
    try:
        microseconds = round(seconds * 1e6) - minutes_behind * 60_000_000
        return pd.Timestamp(np.datetime64(microseconds, "us"))
    except (OverflowError, ValueError) as error:
        raise RecordError(
            f"claims to begin {seconds:g} s after 1970", reason="unreadable", file=file
        ) from error
