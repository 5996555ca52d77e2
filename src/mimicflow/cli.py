"""The command line ``mimicflow``: starts the workflow, checks its inputs, applies its models.

Heavy modules are imported inside the commands, so that help appears at once.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from mimicflow import __version__
from mimicflow.ecg.given import commands as encoder
from mimicflow.errors import MimicflowError
from mimicflow.running.storage import folder_named


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
app.add_typer(encoder.app, name="encoder")


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


@app.command()
def init(
    folder: Annotated[
        Path,
        typer.Argument(help="Made if it is not there.", metavar="FOLDER", parser=folder_named),
    ],
) -> None:
    """Make a project folder: Snakefile, config.yaml and profile, for results of one's own.

    As it is, it runs on the made-up hospital; in config.yaml stands what may differ.
    """
    from mimicflow.running.starting.project import make_project  # noqa: PLC0415

    for file in make_project(folder):
        typer.echo(f"wrote {file}")
    typer.echo(f"Now: cd {folder} && mimicflow run -n")


@app.command(cls=_Verbatim)
def run(context: typer.Context) -> None:
    """Start Snakemake with these arguments; the lock of a run that was killed is released first.

    Only a lock whose Snakemake ran on this machine and is certainly no more is released, and only
    if its jobs ran here, too. All arguments are Snakemake's: mimicflow run --cores 4 mortality.
    Without --cores, all are used; without a Snakefile here, it is the one of the workflow.
    """
    from mimicflow.running.lock import release_lock  # noqa: PLC0415
    from mimicflow.running.starting.project import Started  # noqa: PLC0415

    started = Started(context.args)
    command = started.command()
    if started.lacks_snakefile():
        typer.echo("No Snakefile here: the workflow's own runs, results go below here.", err=True)
    said = release_lock(started.state)
    if said:
        typer.echo(said, err=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", "snakemake", *command])


_CONFIGFILE = ("--configfile", "--configfiles")


class _SeveralFiles(TyperCommand):
    """Takes several files after one ``--configfile``, as Snakemake does; a target ends them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        from mimicflow.readiness.targets import TARGETS  # noqa: PLC0415

        said: list[str] = []
        files = False
        for place, word in enumerate(args):
            if word == "--":
                said += args[place:]
                break
            if word.startswith("-"):
                files = word in _CONFIGFILE
            elif files and word not in TARGETS and said[-1] not in _CONFIGFILE:
                said.append(_CONFIGFILE[0])
            elif word in TARGETS:
                files = False
            said.append(word)
        return list(super().parse_args(ctx, said))


@app.command(cls=_SeveralFiles)
def check(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            help="admission, mortality, arrest, a target such as first or report, or a result; "
            "all three systems if none is named.",
            metavar="TARGET...",
        ),
    ] = None,
    configfile: Annotated[
        list[Path] | None,
        typer.Option(
            *_CONFIGFILE, help="Laid over config.yaml, in this order; one or more, as of Snakemake."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
) -> None:
    """Look at all that a target needs before any job runs: configuration, machine, raw files.

    One line each for packages, cores, memory, disk, GPU and programs, and for every raw file and
    folder. What is short is a warning; what is missing would end a run, and the exit code is 1.
    A run looks at raw files, too, before its first job.
    """
    import json  # noqa: PLC0415

    from mimicflow.readiness.check import check_target  # noqa: PLC0415
    from mimicflow.readiness.looks import as_lines, as_plain  # noqa: PLC0415

    looks, problems = check_target(targets or [], configfile or [])
    for line in [json.dumps(as_plain(looks), indent=2)] if as_json else as_lines(looks):
        typer.echo(line)
    for problem in problems:
        typer.echo(f"Error: {problem}", err=True)
    if problems:
        raise typer.Exit(1)


@app.command()
def scores(
    results: Annotated[
        Path, typer.Argument(help="Folder of the results.", metavar="[RESULTS]")
    ] = Path("results"),
) -> None:
    """Print how good the models are that have been scored so far, in all three systems.

    The AUROC on test patients with its 95 % interval, as in the tables comparison.csv. Beside
    made-up patients stands their truth: no model does better but by chance.
    """
    from mimicflow.report.scored import as_lines, read_scores  # noqa: PLC0415

    for line in as_lines(read_scores(results)):
        typer.echo(line)


@app.command()
def changes(
    before: Annotated[
        Path, typer.Argument(help="Folder of results of the earlier run.", metavar="BEFORE")
    ],
    after: Annotated[
        Path, typer.Argument(help="Folder of results of the later run.", metavar="AFTER")
    ] = Path("results"),
    output: Annotated[
        Path,
        typer.Option(
            help="Folder for changes.html and changes.csv.", metavar="FOLDER", parser=folder_named
        ),
    ] = Path(),
) -> None:
    """Put the scores of two runs side by side, to see what has changed since the last report.

    Differences are paired, with 95 % intervals by patient, where both runs tested the same
    patients with the same outcomes; where not, that is said. Both folders need the scores of
    make report.
    """
    from mimicflow.report.changes import compare_runs  # noqa: PLC0415

    for line in compare_runs(before, after, output):
        typer.echo(line)


@app.command()
def evaluate(
    predictions: Annotated[
        Path, typer.Argument(help="CSV or Parquet, a row per prediction.", metavar="PREDICTIONS")
    ],
    compare: Annotated[
        Path | None,
        typer.Option(help="A second file, of the same rows.", metavar="OTHER"),
    ] = None,
    label: Annotated[str, typer.Option(help="Column of the outcome, 0 or 1.")] = "",
    positive: Annotated[str, typer.Option(help="The label that is an event, such as dead.")] = "",
    probability: Annotated[
        list[str] | None,
        typer.Option(help="Column of the probability of the event; several are several models."),
    ] = None,
    patient: Annotated[
        str, typer.Option(help="Column of the patient, whose rows belong together.")
    ] = "",
    row: Annotated[str, typer.Option(help="Column that names each row, to match files by.")] = "",
    model: Annotated[
        str, typer.Option(help="Column of the model's name, where rows of several are below.")
    ] = "",
    split: Annotated[
        str, typer.Option(help="Column of test and validation; only test is scored.")
    ] = "",
    fold: Annotated[str, typer.Option(help="Column of the fold of a cross-validation.")] = "",
    group: Annotated[
        list[str] | None, typer.Option(help="Column of a group of patients, such as sex.")
    ] = None,
    threshold: Annotated[
        list[float] | None, typer.Option(help="Probability from which on you would act, 0 to 1.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Folder to write to: PREDICTIONS_evaluation.",
            metavar="FOLDER",
            parser=folder_named,
        ),
    ] = None,
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="Nobody is real: small cells are shown.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of groups of patients left out for intervals.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")] = False,
) -> None:
    """Evaluate predictions of anybody: all scores with intervals by patient, curves and one page.

    Columns that are not named are guessed by their names, and said; none says that there is no
    such column. Options of columns, groups and thresholds may be repeated. Of real patients, the
    default, no count under ten is shown.
    """
    import json  # noqa: PLC0415

    from mimicflow.evaluation.given.columns import Columns  # noqa: PLC0415
    from mimicflow.evaluation.given.file import stem_of  # noqa: PLC0415
    from mimicflow.evaluation.study import Study  # noqa: PLC0415
    from mimicflow.report.given import evaluate_predictions  # noqa: PLC0415

    columns = Columns(
        *(label, tuple(probability or ()), patient, row, model, split, fold, tuple(group or ()))
    )
    found = evaluate_predictions(
        predictions,
        output or Path(f"{stem_of(predictions)}_evaluation"),
        columns,
        Study(synthetic=synthetic, seed=seed),
        compare=compare,
        positive=positive,
        thresholds=threshold or (),
        say=lambda line: typer.echo(line, err=as_json),
    )
    if as_json:
        typer.echo(json.dumps(found.plain(), indent=2, allow_nan=False))
        return
    for line in found.lines():
        typer.echo(line)
    typer.echo(f"The page: {found.files[0]}, and beside it {len(found.files) - 1} files")


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
            parser=folder_named,
        ),
    ] = Path(),
) -> None:
    """Give the probability of a cardiac arrest for each 5-min epoch of a record.

    The probability (0 to 1) is that of an arrest within the model's horizon (0.5-24 h by default)
    from the end of the epoch. Epochs without usable ECG or beats are dropped, with the reason. The
    table has time_s (s from the first sample to the end of the epoch), time (local, where the
    record knows it), probability, alarm (1 at or above the model's threshold, empty where it has
    none), reason, n_beats and good_share (0 to 1). Frequency of the mains (Hz) and limits of
    quality are those of the model.
    A model of both looks for vital signs beside the record too (<record>n, or
    <record>.numerics.parquet); where there are none, their features are missing.
    """
    from mimicflow.arrest.scoring.record import score_record  # noqa: PLC0415

    for line in score_record(record, model, output, lead=lead, quality=quality, detector=detector):
        typer.echo(line)
