"""Score a record from the command line: a table and a figure of it, and what is printed."""

from __future__ import annotations

from pathlib import Path

from mimicflow.arrest.features import of_vital_signs
from mimicflow.arrest.model_folder import load_model
from mimicflow.arrest.score import DTYPES, score_recording, strip_of_highest
from mimicflow.arrest.scoring.figure import draw_scores
from mimicflow.arrest.scoring.history import numerics_of
from mimicflow.arrest.scoring.summary import summary_of, vital_signs_of
from mimicflow.bedside.open_recording import open_recording
from mimicflow.bedside.recording import BEAT_TABLE, BeatRecording, stem_of
from mimicflow.errors import ConfigError, InputError
from mimicflow.running.storage import check_own_table, make_folder
from mimicflow.running.writing import write_csv


def score_record(
    record: str, model: str | Path, output: Path, *, lead: str, quality: str, detector: str
) -> list[str]:
    """Write the probabilities of a record's epochs and a figure of them.

    Parameters
    ----------
    record : str
        A WFDB header without its ending, or a file of one of the other kinds of record.
    model : path-like
        Folder of a fitted model.
    output : Path
        Folder for ``<record>.csv`` and ``<record>.png``; of a CSV of beats ``<record>_scores``.
    lead, quality, detector : str
        Instead of the first ECG lead, and of the model's rule and detector; may be empty.

    Returns
    -------
    list of str
        Lines that say what was found.

    Raises
    ------
    ConfigError
        A table of another kind where the scores are to lie, or a choice that beats do not have.
    StorageError
        A folder that cannot be made or written.
    InputError, RecordError
        A record that cannot be scored, or a folder without a model.
    """
    path = _record_path(record)
    make_folder(output)
    fitted = load_model(model).judging_by(quality, detector)
    recording = open_recording(path.parent, path.name, lead)
    of_beats = isinstance(recording, BeatRecording)
    if of_beats and (lead or quality or detector):
        raise ConfigError(
            f"{path.name} holds beats, no samples: there is no lead, rule or detector to choose",
            remedy="leave --lead, --quality and --detector out",
        )
    wrong = recording.wrong_segments()
    recording = recording.without(wrong)
    table, figure = (output / f"{_name_of_scores(path.name)}{kind}" for kind in (".csv", ".png"))
    check_own_table(table, list(DTYPES))
    needing = of_vital_signs(fitted.features)
    numerics = numerics_of(path.parent, path.name) if needing else None
    scores = score_recording(recording, fitted, numerics)
    write_csv(scores.astype({"alarm": "Int64"}), table)
    strip = strip_of_highest(recording, scores, fitted)
    draw_scores(scores, fitted, table.stem, figure, strip, of_beats=of_beats)
    lines = summary_of(scores, fitted, recording)
    if needing:
        lines.append(vital_signs_of(numerics, fitted, needing, recording))
    if wrong:
        lines.append(f"Segments that are not as their headers say, and were not read: {len(wrong)}")
    return [*lines, f"Table: {table}", f"Figure: {figure}"]


def _record_path(record: str) -> Path:
    """Return a record as it is opened: a file, or a header without its ending."""
    path = Path(record.removesuffix(".hea"))
    if path.name in ("", ".."):
        raise InputError(
            f"{record!r} is no record", remedy="give the name of a header, without .hea"
        )
    if path.suffix.lower() in (".dat", ".mat"):
        raise InputError(
            "holds samples only, not what they mean",
            file=record,
            remedy=f"give the name of its header, without .hea: {path.with_suffix('')}",
        )
    return path


def _name_of_scores(record: str) -> str:
    """Return what table and figure of a record are called; never what the record itself is."""
    stem = stem_of(record)
    return f"{stem}_scores" if record.lower().endswith(BEAT_TABLE) else stem
