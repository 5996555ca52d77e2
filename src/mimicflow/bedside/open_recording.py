"""Open one ECG lead of a bedside recording, WFDB or VitalDB."""

from __future__ import annotations

from pathlib import Path

from mimicflow.bedside.recording import VITAL, Recording
from mimicflow.bedside.vital import open_vital
from mimicflow.bedside.wfdb_files import open_wfdb
from mimicflow.errors import RecordError
from mimicflow.raw.waveform_paths import path_inside, real_path


def open_recording(folder: str | Path, record: str, lead: str = "") -> Recording:
    """Open a record, without reading samples.

    Parameters
    ----------
    folder : path-like
        The waveform folder; nothing outside it is opened.
    record : str
        WFDB record name without extension (single- or multi-segment), or a ``.vital`` file,
        relative to ``folder``.
    lead : str
        Name of the lead, in any case. Empty: the first ECG lead by ``reference/ecg_leads.csv`` of
        the first segment that has one, or of the tracks that begin first.

    Returns
    -------
    Recording
        At the rate at which the lead is stored, which may be a multiple of the record's.

    Raises
    ------
    RecordError
        With a ``reason`` of ``reference/recording_reasons.csv``.
    """
    root = real_path(folder)
    try:
        file = path_inside(root, root, record)
        if file.suffix.lower() == VITAL:
            return open_vital(file, lead)
        return open_wfdb(root, file, lead)
    except OSError as error:  # no right to read, a name too long, a broken disk
        raise RecordError(
            f"cannot be read ({error.strerror or error})",
            reason="unreadable",
            file=error.filename or root / record,
        ) from error
