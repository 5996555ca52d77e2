"""Open a bedside recording, whatever kind of record it is: an ECG lead, or beats."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import pandas as pd

from mimicflow.bedside.annotations import open_annotation
from mimicflow.bedside.beat_table import open_beat_table
from mimicflow.bedside.recording import (
    ANNOTATIONS,
    BEAT_TABLE,
    VITAL,
    BeatRecording,
    EcgRecording,
)
from mimicflow.bedside.vital import open_vital
from mimicflow.bedside.wfdb_files import open_wfdb
from mimicflow.errors import RecordError
from mimicflow.raw.waveform_paths import path_inside, real_path
from mimicflow.reference import reference

KINDS: dict[str, Callable[[Path, Path, str], EcgRecording | BeatRecording]] = {
    VITAL: lambda _, file, lead: open_vital(file, lead),
    **dict.fromkeys(ANNOTATIONS, lambda root, file, _: open_annotation(root, file)),
    BEAT_TABLE: lambda _, file, __: open_beat_table(file),
}
"""Readers by the ending of a record, in lower case; any other record is the name of a WFDB header.
They take the waveform folder, the file and the lead."""


def open_recording(folder: str | Path, record: str, lead: str = "") -> EcgRecording | BeatRecording:
    """Open a record, without reading samples.

    Parameters
    ----------
    folder : path-like
        The waveform folder; nothing outside it is opened.
    record : str
        WFDB record name without extension (single- or multi-segment), a ``.vital`` file, a WFDB
        annotation of beats or a CSV of them, relative to ``folder``.
    lead : str
        Name of the lead, in any case. Empty: the first ECG lead by ``reference/ecg_leads.csv`` of
        the first segment that has one, or of the tracks that begin first. Beats have none.

    Returns
    -------
    EcgRecording or BeatRecording
        At the rate at which the lead is stored, which may be a multiple of the record's, or at
        which beats are timed.

    Raises
    ------
    RecordError
        With a ``reason`` of ``reference/recording_reasons.csv``, and a remedy.
    """
    root = real_path(folder)
    try:
        file = path_inside(root, root, record)
        return KINDS.get(file.suffix.lower(), open_wfdb)(root, file, lead)
    except OSError as error:  # no right to read, a name too long, a broken disk
        raise RecordError(
            f"cannot be read ({error.strerror or error})",
            reason="unreadable",
            file=error.filename or root / record,
            remedy=_remedies()["unreadable"],
        ) from error
    except RecordError as error:
        if error.remedy:
            raise
        raise RecordError(
            error.message,
            reason=error.reason,
            file=error.file,
            row=error.row,
            remedy=_remedies()[error.reason],
        ) from error


@lru_cache(maxsize=1)
def _remedies() -> dict[str, str]:
    """Return what helps, by the reason why a record cannot be used."""
    table = pd.read_csv(reference("recording_reasons.csv"), keep_default_na=False)
    return dict(zip(table["reason"], table["remedy"], strict=True))
