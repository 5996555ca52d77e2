"""Read one ECG lead of a WFDB record: single-segment, or segments of fixed or variable layout.

``wfdb`` reads headers and samples. The segments are put together here, so that only those are
read that the wanted samples lie in; a segment that cannot be read is an error when, and only
when, its samples are asked for.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import wfdb

from mimicflow.bedside import mimic_waveforms
from mimicflow.bedside.recording import EcgRecording, check_size, choose_lead, unit_factor
from mimicflow.bedside.wfdb_signals import (
    GAP,
    header_file,
    in_units,
    is_as_written,
    length,
    listed,
    names_of,
    read_samples,
    signal_fault,
)
from mimicflow.errors import RecordError
from mimicflow.raw.waveform_paths import path_inside
from mimicflow.raw.wfdb_headers import CHECKSUM, parse_header

_MAX_HEADER_BYTES = 4_000_000


@dataclass(frozen=True)
class Segment:
    """A part of a recording with one header.

    Parameters
    ----------
    first : int
        Its first frame in the recording (a frame is one sample of the slowest signals).
    n_frames : int
        Its length.
    header : wfdb.Record or None
        None for a gap, and for a segment whose header cannot be read.
    path : Path
        Of the header, without its extension.
    channel : int or None
        Which signal of the segment the lead is; None when it is not recorded.
    fault : RecordError or None
        Why its samples cannot be read.
    """

    first: int
    n_frames: int
    header: wfdb.Record | None
    path: Path
    channel: int | None = None
    fault: RecordError | None = None

    @property
    def is_readable(self) -> bool:
        """Whether the lead is recorded here, and nothing is known against its samples."""
        return self.channel is not None and self.fault is None

    @property
    def names(self) -> list[str]:
        """Names of its signals."""
        return names_of(self.header)


@dataclass(frozen=True)
class WfdbRecording(EcgRecording):
    """A lead of a WFDB record; ``per_frame`` samples of it make a frame."""

    per_frame: int
    segments: tuple[Segment, ...]

    def wrong_segments(self) -> tuple[int, ...]:
        """See `Recording`."""
        return tuple(
            number
            for number, part in enumerate(self.segments)
            if part.header is not None
            and part.is_readable
            and not is_as_written(part.path, part.header, part.channel or 0, part.n_frames)
        )

    def without(self, segments: Sequence[int]) -> Self:
        """See `Recording`."""
        left = list(self.segments)
        for number in segments:
            part = left[number]
            assert part.header is not None and part.channel is not None
            file = part.path.with_name(part.header.file_name[part.channel])
            fault = RecordError("is not as its header says", reason=CHECKSUM, file=file)
            left[number] = replace(part, fault=fault)
        return replace(self, segments=tuple(left))

    def share_of(self, segments: Sequence[int]) -> float:
        """See `Recording`."""
        readable = [part.n_frames if part.is_readable else 0 for part in self.segments]
        return sum(readable[number] for number in segments) / max(1, sum(readable))

    @property
    def lost_share(self) -> float:
        """See `Recording`."""
        lost = sum(part.n_frames for part in self.segments if part.fault)
        return lost / max(
            1, lost + sum(part.n_frames for part in self.segments if part.is_readable)
        )

    @property
    def faulty_files(self) -> list[Path]:
        """See `Recording`: the headers too, since one may be at odds with its samples."""
        faults = [(part.fault, part.path) for part in self.segments if part.fault]
        files = [[Path(fault.file or path), header_file(path)] for fault, path in faults]
        return [file for pair in files for file in pair]

    def _fill(self, values: np.ndarray, first: int) -> None:
        end = first + len(values)
        starts = [segment.first * self.per_frame for segment in self.segments]
        for place in range(bisect_right(starts, first) - 1, len(self.segments)):
            start, segment = starts[place], self.segments[place]
            if start >= end:
                break
            begin = max(first, start)
            stop = min(end, start + segment.n_frames * self.per_frame)
            if begin < stop and (segment.channel is not None or segment.fault):
                part = self._read_segment(segment, begin - start, stop - start)
                values[begin - first : stop - first] = part

    def _read_segment(self, segment: Segment, begin: int, stop: int) -> np.ndarray:
        """Return samples ``begin`` to ``stop`` of a segment, in mV."""
        if segment.fault is not None:
            fault = segment.fault
            raise RecordError(fault.message, reason=fault.reason, file=fault.file)
        assert segment.header is not None and segment.channel is not None
        first, last = begin // self.per_frame, math.ceil(stop / self.per_frame)
        samples = read_samples(segment.path, segment.header, segment.channel, first, last)
        offset = first * self.per_frame
        samples = samples[begin - offset : stop - offset]
        unit = segment.header.units[segment.channel] or "mV"
        values = in_units(samples, segment.header, segment.channel)
        return values * unit_factor(unit, self.lead, header_file(segment.path))


def open_wfdb(root: Path, path: Path, wanted: str) -> WfdbRecording:
    """Open a lead; ``path`` is that of the record without extension, inside ``root``.

    Raises
    ------
    RecordError
        As :func:`mimicflow.bedside.open_recording.open_recording`.
    """
    file = header_file(path)
    header = read_header(root, path, missing="missing")
    if isinstance(header, wfdb.MultiRecord):
        layout, found = _segments(root, path, header)
    else:
        fault = signal_fault(root, path, header, None)
        if fault is not None and fault.reason == "outside_folder":
            raise fault
        layout, found = names_of(header), [Segment(0, length(path, header), header, path)]
    recorded = [part.names for part in found if part.n_frames and part.fault is None]
    # What is recorded nowhere is found as well, to be refused with its reason.
    lead = choose_lead([*recorded, *(part.names for part in found), layout], wanted, file)
    segments, per_frame = _with_lead(root, found, lead)
    rate = float(header.fs) * per_frame
    check_size(rate, sum(segment.n_frames for segment in segments) * per_frame, file)
    _check_any(segments, lead, file)
    start = getattr(header, "base_datetime", None)
    return WfdbRecording(
        file=file,
        lead=lead,
        sampling_rate=rate,
        n_samples=sum(segment.n_frames for segment in segments) * per_frame,
        start_time=None if start is None else pd.Timestamp(start).as_unit("us"),
        per_frame=per_frame,
        segments=segments,
    )


def read_header(root: Path, path: Path, *, missing: str) -> wfdb.Record | wfdb.MultiRecord:
    """Read a WFDB header inside ``root``.

    Parameters
    ----------
    root, path : Path
        The waveform folder, and the record without extension.
    missing : str
        The reason given when there is no such header.

    Raises
    ------
    RecordError
        With reason ``outside_folder``, ``unreadable`` or ``missing``.
    """
    file = path_inside(root, path.parent, f"{path.name}.hea", same_folder=True)
    if not file.is_file():
        raise RecordError("no such WFDB header", reason=missing, file=file)
    if file.stat().st_size > _MAX_HEADER_BYTES:
        raise RecordError("header of more than 4 MB", reason="unreadable", file=file)
    try:
        header = wfdb.rdheader(str(path))
    except Exception as error:  # damaged headers raise nearly anything inside wfdb
        raise RecordError(
            f"header is not WFDB ({type(error).__name__}: {error})", reason="unreadable", file=file
        ) from error
    if isinstance(header, wfdb.MultiRecord):
        count, claimed = len(header.seg_len), header.n_seg
    else:
        count, claimed = len(names_of(header)), header.n_sig
    if count != claimed:
        raise RecordError(
            f"header lists {count} of {claimed} parts",
            reason="unreadable",
            file=file,
        )
    _check_numbers(file, header)
    return header


def _check_numbers(file: Path, header: wfdb.Record | wfdb.MultiRecord) -> None:
    """Refuse a number that wfdb skipped, gave its default, or took for a part of a name.

    Names and units become those of the file: wfdb leaves out what is not ASCII, so that µV is V.
    """
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    lines = [line for line in lines if line.strip() and not line.startswith("#")]
    try:
        own = parse_header(lines)
    except (ValueError, IndexError) as error:
        raise RecordError(f"is not WFDB ({error})", reason="unreadable", file=file) from error
    begins = mimic_waveforms.read_header(file).start
    read_as = (header.fs, header.sig_len, getattr(header, "base_datetime", None))
    fault = lines[0] if (own.sampling_rate, own.n_samples, begins) != read_as else ""
    if isinstance(header, wfdb.Record) and not fault:
        read = zip(listed(header.adc_gain), listed(header.baseline), names_of(header), strict=True)
        for line, signal, (gain, baseline, name) in zip(lines[1:], own.signals, read, strict=True):
            in_ascii = signal.name.encode("ascii", "ignore").decode().strip()
            if (signal.gain, signal.baseline, in_ascii) != (gain, baseline, name.strip()):
                fault = line
        header.sig_name = [signal.name for signal in own.signals]
        header.units = [signal.units for signal in own.signals]
    if fault or not header.fs > 0:
        raise RecordError(f"header line {fault or lines[0]!r}", reason="unreadable", file=file)


def _segments(root: Path, path: Path, header: wfdb.MultiRecord) -> tuple[list[str], list[Segment]]:
    """Return the signals of the layout, and the segments without their lead."""
    layout: list[str] = []
    segments: list[Segment] = []
    first = 0
    for number, (name, n_frames) in enumerate(zip(header.seg_name, header.seg_len, strict=True)):
        own = path
        part, fault = None, None
        if name != GAP:
            own = header_file(path).parent / name
            try:
                path_inside(root, path.parent, f"{name}.hea", same_folder=True)
                part = read_header(root, own, missing="signal_missing")
                fault = _segment_fault(root, own, part, header, n_frames, number == 0)
            except RecordError as error:
                fault = error
            if fault is not None and fault.reason == "outside_folder":
                raise fault
        if number == 0 and n_frames == 0:  # the layout of segments that differ
            layout = names_of(part)
            continue
        usable = part if isinstance(part, wfdb.Record) else None
        segments.append(Segment(first, n_frames, usable, own, None, fault))
        first += n_frames
    if header.sig_len and header.sig_len != first:
        raise RecordError(
            f"claims {header.sig_len} samples, its segments {first}",
            reason="unreadable",
            file=header_file(path),
        )
    return layout, segments


def _segment_fault(
    root: Path,
    path: Path,
    part: wfdb.Record | wfdb.MultiRecord,
    header: wfdb.MultiRecord,
    n_frames: int,
    is_first: bool,
) -> RecordError | None:
    """Return how the header of a segment contradicts that of the record; None where it agrees."""
    file = header_file(path)
    if isinstance(part, wfdb.MultiRecord):
        return RecordError("a segment made of segments", reason="unreadable", file=file)
    if part.fs != header.fs:
        return RecordError(
            f"has {part.fs} Hz, the record {header.fs}", reason="unreadable", file=file
        )
    if is_first and n_frames == 0:
        return None
    if part.sig_len and part.sig_len != n_frames:
        return RecordError(
            f"has {part.sig_len} samples, the record gives it {n_frames}",
            reason="unreadable",
            file=file,
        )
    return None


def _with_lead(root: Path, segments: list[Segment], lead: str) -> tuple[tuple[Segment, ...], int]:
    """Find the lead in each segment, and the files that are missing."""
    per_frame = 0
    found: list[Segment] = []
    for segment in segments:
        channel, fault = None, segment.fault
        if segment.header is not None and lead in segment.names:
            channel = segment.names.index(lead)
            samples = int(segment.header.samps_per_frame[channel] or 1)
            per_frame = per_frame or samples
            file = header_file(segment.path)
            if samples != per_frame:
                fault = RecordError(
                    f"has {samples} samples of {lead} per frame, other segments {per_frame}",
                    reason="unreadable",
                    file=file,
                )
            fault = fault or signal_fault(
                root, segment.path, segment.header, channel, segment.n_frames
            )
        found.append(
            Segment(segment.first, segment.n_frames, segment.header, segment.path, channel, fault)
        )
    return tuple(found), per_frame or 1


def _check_any(segments: tuple[Segment, ...], lead: str, file: Path) -> None:
    """Refuse a record of which not one sample can be read."""
    recorded = [part for part in segments if part.n_frames and (part.channel is not None)]
    faults = [part.fault for part in segments if part.fault is not None]
    if any(part.fault is None for part in recorded):
        return
    if faults:
        raise faults[0]
    raise RecordError(f"{lead} is recorded nowhere", reason="empty", file=file)
