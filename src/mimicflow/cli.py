"""The command line ``mimicflow``: starts the workflow, checks its inputs, applies its models.

Heavy modules are imported inside the commands, so that help appears at once.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from mimicflow import __version__
from mimicflow.errors import ConfigError, InputError, MimicflowError

if TYPE_CHECKING:
    import pandas as pd

    from mimicflow.arrest.model_folder import ArrestModel
    from mimicflow.bedside.recording import BeatRecording, EcgRecording


class _Commands(TyperGroup):
    """Prints our own errors without a traceback, with exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except MimicflowError as error:
            typer.echo(f"Error: {error}", err=True)
            raise typer.Exit(1) from error


app = typer.Typer(
    cls=_Commands,
    help="From raw MIMIC-IV files to fitted prediction systems, and these applied to new records.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
arrest = typer.Typer(
    help="Cardiac arrest in the ICU from heart-rate variability.", no_args_is_help=True
)
app.add_typer(arrest, name="arrest")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mimicflow {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Take the options that stand before a command."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")


class _Verbatim(TyperCommand):
    """Takes its arguments as they stand: ``--`` says where Snakemake's targets begin."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args == ["--help"]:
            return list(super().parse_args(ctx, args))
        super().parse_args(ctx, [])
        ctx.args = list(args)
        return list(args)


@app.command(cls=_Verbatim)
def run(context: typer.Context) -> None:
    """Start Snakemake with these arguments; the lock of a run that was killed is released first.

    Only a lock whose Snakemake ran on this machine and is certainly no more is released, and only
    if its jobs ran here, too. All arguments are Snakemake's: mimicflow run --cores 4 mortality
    """
    from mimicflow.running.lock import release_lock  # noqa: PLC0415

    said = release_lock()
    if said:
        typer.echo(said, err=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "snakemake", *context.args])


_CONFIGFILE = ("--configfile", "--configfiles")


class _SeveralFiles(TyperCommand):
    """Takes several files after one ``--configfile``, as Snakemake does; a system ends them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        from mimicflow.raw.needs import SECTIONS  # noqa: PLC0415

        said: list[str] = []
        files = False
        for place, word in enumerate(args):
            if word == "--":
                said += args[place:]
                break
            if word.startswith("-"):
                files = word in _CONFIGFILE
            elif files and word not in SECTIONS and said[-1] not in _CONFIGFILE:
                said.append(_CONFIGFILE[0])
            elif word in SECTIONS:
                files = False
            said.append(word)
        return list(super().parse_args(ctx, said))


@app.command(cls=_SeveralFiles)
def check(
    systems: Annotated[
        list[str] | None,
        typer.Argument(
            help="admission, mortality, arrest; all of them if none is named.", metavar="SYSTEM..."
        ),
    ] = None,
    configfile: Annotated[
        list[Path] | None,
        typer.Option(
            *_CONFIGFILE, help="Laid over config.yaml, in this order; one or more, as of Snakemake."
        ),
    ] = None,
) -> None:
    """Look at the configuration and at every raw file and folder that a system needs.

    Each system has its own result; the exit code is 1 if any lacks something. A run does the same
    for what it was asked for, before its first job.
    """
    from mimicflow.admission.agreement import disagreements as of_admission  # noqa: PLC0415
    from mimicflow.arrest.agreement import disagreements as of_arrest  # noqa: PLC0415
    from mimicflow.mortality.agreement import disagreements as of_mortality  # noqa: PLC0415
    from mimicflow.raw.needs import SECTIONS, check_system  # noqa: PLC0415
    from mimicflow.running.agreement import check_agreement  # noqa: PLC0415
    from mimicflow.running.configuration import read_config  # noqa: PLC0415

    asked = systems or list(SECTIONS)
    unknown = sorted(set(asked) - set(SECTIONS))
    if unknown:
        raise ConfigError(
            f"no system is called {', '.join(unknown)}", remedy=f"choose of {', '.join(SECTIONS)}"
        )
    config = read_config(*(configfile or []))
    check_agreement(config, of_admission, of_mortality, of_arrest)
    failed = False
    for system in dict.fromkeys(asked):
        try:
            check_system(system, config)
        except MimicflowError as error:
            typer.echo(f"Error: {system}: {error}", err=True)
            failed = True
        else:
            typer.echo(f"{system}: everything that it reads is there.")
    if failed:
        raise typer.Exit(1)


@arrest.command()
def score(
    record: Annotated[
        str,
        typer.Argument(
            help="WFDB record without extension (with or without .hea), or a .vital file: one ECG "
            "lead in mV, at least 100 Hz. Or beats without samples: a WFDB annotation (.atr, .ari, "
            ".qrs, .ecg) or a CSV with beat_time_s, rr_interval_ms or rr_interval_s, and symbol if "
            "known.",
            metavar="RECORD",
        ),
    ],
    model: Annotated[
        Path,
        typer.Option(
            help="Folder of a fitted model, hrv or both: model.json, model.txt, calibration.json.",
            metavar="FOLDER",
        ),
    ] = Path("results/arrest/hrv"),
    lead: Annotated[
        str,
        typer.Option(
            help="Name of the ECG lead, such as II or SNUADC/ECG_II. "
            "Without it, the first ECG lead of the record.",
            metavar="NAME",
        ),
    ] = "",
    quality: Annotated[
        str,
        typer.Option(
            help="Rule of quality instead of the model's: similar_beats or average_qrs.",
            metavar="METHOD",
        ),
    ] = "",
    detector: Annotated[
        str,
        typer.Option(
            help="Detector of beats instead of the model's: qrs_energy, neurokit, pan_tompkins or "
            "kalidas.",
            metavar="METHOD",
        ),
    ] = "",
    output: Annotated[
        Path,
        typer.Option(
            help="Folder for the table <record>.csv and the figure <record>.png; of a CSV of "
            "beats <record>_scores.",
            metavar="FOLDER",
        ),
    ] = Path(),
) -> None:
    """Give the probability of a cardiac arrest for each 5-min epoch of a record.

    The probability (0 to 1) is that of an arrest within the model's horizon (0.5-24 h by default)
    from the end of the epoch. Epochs without usable ECG or beats are dropped, with the reason. The
    table has time_s (s from the first sample to the end of the epoch), time (local, where the
    record knows it), probability, alarm (1 at or above the model's threshold), reason, n_beats and
    good_share (0 to 1). Frequency of the mains (Hz) and limits of quality are those of the model.
    A model of both looks for vital signs beside the record too (<record>n, or
    <record>.numerics.parquet); where there are none, their features are missing.
    """
    from mimicflow.arrest.features import of_vital_signs  # noqa: PLC0415
    from mimicflow.arrest.history import numerics_of  # noqa: PLC0415
    from mimicflow.arrest.model_folder import load_model  # noqa: PLC0415
    from mimicflow.arrest.score import score_recording, strip_of_highest  # noqa: PLC0415
    from mimicflow.arrest.score_figure import draw_scores  # noqa: PLC0415
    from mimicflow.bedside.open_recording import open_recording  # noqa: PLC0415
    from mimicflow.bedside.recording import BeatRecording  # noqa: PLC0415
    from mimicflow.running.writing import write_csv  # noqa: PLC0415

    path = _record_path(record)
    _make_folder(output)
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
    _check_free(table)
    needing = of_vital_signs(fitted.features)
    numerics = numerics_of(path.parent, path.name) if needing else None
    scores = score_recording(recording, fitted, numerics)
    write_csv(scores.astype({"alarm": "int64"}), table)
    strip = strip_of_highest(recording, scores, fitted)
    draw_scores(scores, fitted, table.stem, figure, strip, of_beats=of_beats)
    for line in _summary(scores, fitted, recording):
        typer.echo(line)
    if needing:
        typer.echo(_vital_signs(numerics, fitted, needing, recording))
    if wrong:
        typer.echo(f"Segments that are not as their headers say, and were not read: {len(wrong)}")
    typer.echo(f"Table: {table}\nFigure: {figure}")


def _vital_signs(
    numerics: pd.DataFrame | None,
    model: ArrestModel,
    needing: list[str],
    recording: EcgRecording | BeatRecording,
) -> str:
    """Return what is printed of the vital signs, which these features of a model need."""
    if numerics is not None and recording.start_time is not None:
        first, last = numerics["time"].min(), numerics["time"].max()
        return f"Vital signs: {len(numerics)} rows, {first:%Y-%m-%d %H:%M} to {last:%H:%M}"
    why = "none that can be read beside the record"
    if numerics is not None:
        why = "not used, since the record does not say when it begins"
    n = len(needing)
    return f"Vital signs: {why}; {n} of {len(model.features)} features of the model are missing."


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
    from mimicflow.bedside.recording import BEAT_TABLE, stem_of  # noqa: PLC0415

    stem = stem_of(record)
    return f"{stem}_scores" if record.lower().endswith(BEAT_TABLE) else stem


def _make_folder(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{output} cannot be made a folder ({error.strerror})",
            remedy="give --output a folder that can be written",
        ) from error


def _check_free(table: Path) -> None:
    """Refuse to write scores over a table of another kind, such as samples beside their record."""
    from mimicflow.arrest.score import DTYPES  # noqa: PLC0415

    if table.is_file():
        with table.open(encoding="utf-8", errors="replace") as lines:
            if lines.readline().rstrip() != ",".join(DTYPES):
                raise ConfigError(
                    f"{table} is there, and no table of scores",
                    remedy="give --output another folder",
                )


def _summary(
    scores: pd.DataFrame, model: ArrestModel, recording: EcgRecording | BeatRecording
) -> list[str]:
    """Return what is printed of the scores of a recording."""
    from mimicflow.arrest.hrv_features import EPOCH_REASONS  # noqa: PLC0415
    from mimicflow.bedside.recording import BeatRecording  # noqa: PLC0415

    hours = recording.n_samples / recording.sampling_rate / 3600
    if isinstance(recording, BeatRecording):
        what, advice = f"{len(recording.beats.places)} beats, no samples", "Look at the beats."
    else:
        what = f"lead {recording.lead}, {recording.sampling_rate:g} Hz"
        advice = "Look at the ECG; another lead (--lead) may be better."
    lines = [
        f"Recording: {hours:.2f} h, {what}",
        f"Epochs of {model.epoch_minutes:g} min: {len(scores)}",
    ]
    counts = scores["reason"].value_counts()
    for reason, text in EPOCH_REASONS.items():
        if reason == "" or counts.get(reason, 0):
            label = "kept" if reason == "" else f"dropped, {reason}: {text}"
            lines.append(f"  {counts.get(reason, 0):5d}  {label}")
    known = scores["probability"].dropna()
    if known.empty:
        most = EPOCH_REASONS[counts.idxmax()]
        lines.append(f"No epoch gives a probability. Most were dropped for this: {most}. {advice}")
    else:
        highest = scores.loc[known.idxmax()]
        lines += [
            f"Highest probability: {highest['probability']:.4f}, "
            f"for the epoch that ends {highest['time_s'] / 3600:.2f} h after the first sample",
            f"Epochs at or above the threshold of {model.threshold:.4f} "
            f"({model.threshold_name}): {int(scores['alarm'].sum())}",
            _whose_probability(model, highest["probability"]),
        ]
    if model.synthetic:
        lines.append("The model was fitted on SYNTHETIC DATA, not on patients: not for any care.")
    return lines


def _whose_probability(model: ArrestModel, highest: float) -> str:
    """Return how frequent arrests are where the probabilities hold, and what they are elsewhere."""
    import numpy as np  # noqa: PLC0415

    from mimicflow.arrest.ward.weights import moved  # noqa: PLC0415

    if not model.prevalence:
        return "How frequent arrests were where the model was fitted is not known: fit it again."
    sample, monitored = (model.prevalence[name] for name in ("sample", "monitored"))
    (there,) = moved(np.array([highest]), sample, monitored)
    return (
        "Probabilities are those of the model's sample (the day before each arrest, a random day "
        f"of other stays), in which an arrest follows {sample:.2%} of the epochs. Of all time that "
        f"was monitored it follows {monitored:.2%}: there the highest probability is {there:.4f}."
    )
