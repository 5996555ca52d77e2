"""Read the beats of a WFDB annotation (``.atr``, ``.ari``, ``.qrs``, ``.ecg``) through ``wfdb``."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import wfdb
from wfdb.io.annotation import ann_label_table, is_qrs

from mimicflow.bedside.recording import BeatRecording, check_size
from mimicflow.bedside.wfdb_files import read_header
from mimicflow.bedside.wfdb_signals import header_file
from mimicflow.errors import RecordError
from mimicflow.hrv.beats import Beats
from mimicflow.raw.waveform_paths import path_inside

BEAT_SYMBOLS = frozenset(ann_label_table["symbol"][np.flatnonzero(is_qrs)])
"""The symbols of beats; all others are of waves, rhythm or quality."""

_FLUTTER_BEGINS, _FLUTTER_ENDS = "[", "]"
_LARGEST_BYTES = 100_000_000  # a year of beats
_END = b"\0\0"
# Notes about the file itself; with others, wfdb reads for ever.
_NOTE = re.compile(rb"(.)[\xfc-\xff](?=## )", re.DOTALL)
_NOTES = (
    (rb"## time resolution: \d+(\.\d*)?\0?", "t"),
    (rb"## annotation type definitions", "d"),
    (rb"## end of definitions", "e"),
)
_ORDERS = re.compile(r"t?(de)?|det")


def open_annotation(root: Path, file: Path) -> BeatRecording:
    """Open the beats that a person or a detector has annotated.

    Parameters
    ----------
    root, file : Path
        The waveform folder, and the annotation inside it. Its header, if there is one beside it,
        says how long the recording is, when it begins and, unless the annotation itself does, how
        many samples there are in a second.

    Raises
    ------
    RecordError
        With reason ``missing``, ``unreadable``, ``no_sampling_rate``, ``low_rate``, ``huge``,
        ``empty`` or ``outside_folder``.
    """
    if not file.is_file():
        raise RecordError("no such annotation", reason="missing", file=file)
    path = file.with_suffix("")
    header = None
    # wfdb opens the header as well.
    if path_inside(root, path.parent, header_file(path).name, same_folder=True).is_file():
        header = read_header(root, path, missing="missing")
    annotation = _read(file)
    if not annotation.fs or not math.isfinite(annotation.fs):
        raise RecordError(
            f"there is no such header, and {file.name} does not say how many samples a second has",
            reason="no_sampling_rate",
            file=header_file(path),  # for which a run waits
            remedy="put the header beside the annotation",
        )
    rate, places = float(annotation.fs), np.asarray(annotation.sample, dtype=np.int64)
    symbols = np.asarray(annotation.symbol, dtype=str)
    is_beat = np.isin(symbols, list(BEAT_SYMBOLS))
    if not is_beat.any():
        raise RecordError("holds no beat", reason="empty", file=file)
    if places[0] < 0 or (np.diff(places) < 0).any():
        raise RecordError("goes back in time", reason="unreadable", file=file)
    n_samples = int(places[-1]) + 1
    start = None
    if header is not None:
        n_samples = max(n_samples, round((header.sig_len or 0) / header.fs * rate))
        start = getattr(header, "base_datetime", None)
    check_size(rate, n_samples, file)
    beats = Beats(
        places[is_beat],
        symbols[is_beat],
        _fibrillation(places, symbols, n_samples),
        n_samples,
        rate,
    )
    return BeatRecording(
        file=file,
        lead="",
        sampling_rate=rate,
        n_samples=n_samples,
        start_time=None if start is None else pd.Timestamp(start).as_unit("us"),
        beats=beats,
    )


def _read(file: Path) -> wfdb.Annotation:
    """Let wfdb read a file of which it is known that it comes to an end."""
    if file.stat().st_size > _LARGEST_BYTES:
        raise RecordError("annotation of more than 100 MB", reason="huge", file=file)
    content = file.read_bytes()
    if not content.endswith(_END):
        raise RecordError("has no end: it may be cut off", reason="unreadable", file=file)
    if not _ORDERS.fullmatch("".join(map(_kind_of_note, _notes(content)))):
        raise RecordError("has notes that wfdb cannot read", reason="unreadable", file=file)
    try:
        return wfdb.rdann(str(file.with_suffix("")), file.suffix[1:])
    except Exception as error:  # damaged annotations raise nearly anything inside wfdb
        raise RecordError(
            f"wfdb cannot read it ({type(error).__name__}: {error})", reason="unreadable", file=file
        ) from error


def _notes(content: bytes) -> list[bytes]:
    """Return the notes about the file itself."""
    return [content[found.end() :][: found[1][0]] for found in _NOTE.finditer(content)]


def _kind_of_note(note: bytes) -> str:
    return next((kind for form, kind in _NOTES if re.fullmatch(form, note)), "?")


def _fibrillation(places: np.ndarray, symbols: np.ndarray, n_samples: int) -> np.ndarray:
    """Return where the ventricles flutter or fibrillate, (n, 2); to the end, where none is said."""
    begins, ends = places[symbols == _FLUTTER_BEGINS], places[symbols == _FLUTTER_ENDS]
    after = np.searchsorted(ends, begins)
    return np.column_stack([begins, np.r_[ends, n_samples][after]])
