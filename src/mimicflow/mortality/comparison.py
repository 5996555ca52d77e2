"""Compare all models under all protocols.

PyTorch counts two bias vectors per gate of a recurrent layer and Keras one; the parameters shown
are PyTorch's count.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from mimicflow.errors import ConfigError
from mimicflow.evaluation.assessment import Assessment, assess
from mimicflow.evaluation.figures.canvas import GREY, VERMILION, figure_file
from mimicflow.evaluation.figures.performance import (
    forest_lines,
    forest_panel,
    forest_rows,
    read_columns,
)
from mimicflow.evaluation.models import SIZES
from mimicflow.evaluation.predictions import read_predictions, require_same_rows
from mimicflow.evaluation.smallest_cell import rounded, shown_sets
from mimicflow.evaluation.statistics.clusters import holm
from mimicflow.evaluation.statistics.delong import compare_aurocs
from mimicflow.evaluation.statistics.metrics import Estimate
from mimicflow.evaluation.study import Study
from mimicflow.mortality.protocols import AUDITED, AUDITED_ICU_OUT, PUBLISHED
from mimicflow.reference import reference
from mimicflow.running.own_files import read_field
from mimicflow.running.writing import write_csv

Run = tuple[str, str]
"""A protocol and a model."""
REFERENCE_MODEL = "lstm"
"""The model that the others of its protocol are tested against."""
# Score -> its name in the table, where the loss is that of test patients.
_SCORES = {"log_loss": "test_loss", "auroc": "auroc", "auprc": "auprc"}
_ENDS = ("", "_low", "_high")
_DELONG = ["delong_difference", "delong_low", "delong_high", "p"]
_HEADINGS = {
    AUDITED: "Audited protocol",
    AUDITED_ICU_OUT: "Audited protocol, at the end of the ICU stay",
    PUBLISHED: "Published protocol, optimistic",
}
_REPEATS = ["parameters", *_SCORES]
COLUMNS = [
    *("protocol", "model", "title", "parameters", "repeats"),
    *("patients", "n", "events"),
    *(f"{score}{end}" for score in _SCORES.values() for end in _ENDS),
    *("brier", "f1"),
    *(f"{score}_{of}" for score in ("auroc", "auprc", "test_loss") for of in ("mean", "sd")),
    *_DELONG,
    *("p_holm", "optimistic", "data"),
]
TIME_COLUMNS = ["protocol", "model", "repeat", "train_seconds"]


def compare_protocols(
    predictions: Mapping[Run, str | Path],
    repeats: Mapping[Run, str | Path],
    seconds: Mapping[Run, str | Path],
    table: str | Path,
    figure: str | Path,
    times: str | Path,
    study: Study,
    *,
    optimistic: Collection[str] = (PUBLISHED,),
    threshold: float = 0.5,
) -> None:
    """Write the table and the figure of all models, and how long each was trained.

    Parameters
    ----------
    predictions, repeats, seconds : mapping of (protocol, model) to path-like
        Predictions Parquet of the first repeat; CSV of all repeats (``repeat, parameters,
        log_loss, auroc, auprc`` of test patients); JSON with ``train_seconds`` of each repeat.
        Rows stand in this order.
    table : path-like
        CSV to write: `COLUMNS`. Scores are of the first repeat, with 95 % intervals of the
        jackknife by patient; ``_mean`` and ``_sd`` (n - 1; empty for one repeat) are over repeats.
        ``delong_difference`` is the AUROC less that of the LSTM of the same protocol, with its
        ``p`` value clustered by patient, and ``p_holm`` for all comparisons of the table.
        ``optimistic`` is true where the protocol let the future, or other patients' outcomes, in.
    figure : path-like
        PNG to write.
    times : path-like
        CSV to write: ``protocol, model, repeat, train_seconds``, less than it took where training
        was resumed. A file of its own, since times differ from run to run and nothing else does.
    study : Study
        Whose scores they are, the seed of its groups, and who may be shown: sizes that differ by a
        few patients from those of the protocols before are left out.
    optimistic : collection of str
        The protocols that let the future, or the patients that are reported, in.
    threshold : float
        From which probability on death is predicted, of F1.

    Raises
    ------
    ConfigError, InputError, PredictionsError
        Mappings of different models, a file that cannot be read or scored, models of a protocol
        that were not tested on the same patients.
    """
    _check_runs(predictions, repeats, seconds)
    tables = {run: read_predictions(path) for run, path in predictions.items()}
    rows = []
    for run, tested in tables.items():
        protocol, model = run
        assessment = assess(tested, study.title(model), study, threshold=threshold)
        row: dict[str, object] = {"protocol": protocol, "optimistic": protocol in optimistic}
        row |= study.labels(model) | _training(repeats[run]) | _scores(assessment)
        if model != REFERENCE_MODEL and (protocol, REFERENCE_MODEL) in tables:
            others = tables[protocol, REFERENCE_MODEL]
            require_same_rows(
                tested, others, predictions[run], predictions[protocol, REFERENCE_MODEL]
            )
            row |= _delong(tested, others)
        rows.append(row)
    compared = pd.DataFrame(rows, columns=COLUMNS).astype({"parameters": "Int64", "p": float})
    compared[SIZES] = compared[SIZES].astype("Int64")
    few = _few(tables, study)
    compared.loc[few, SIZES] = pd.NA
    scores = compared.select_dtypes("float64").columns.difference(["p"])
    compared = rounded(compared, few, scores)
    compared["p_holm"] = holm(compared["p"].to_numpy())
    timed = pd.concat([_times(run, path) for run, path in seconds.items()])
    write_csv(timed, times)
    write_csv(compared, table)
    context = pd.read_csv(reference("published_context.csv"))
    draw_protocols(compared, context[context["system"] == "mortality"], figure, study)


def _few(tables: Mapping[Run, pd.DataFrame], study: Study) -> list[bool]:
    """Return of which runs the sizes say how few patients one has more than another."""
    rows = {run: table[["stay_id", "subject_id", "label"]] for run, table in tables.items()}
    sets = {
        f"{run} {label}": table.loc[table["label"].isin(labels), ["stay_id", "subject_id"]]
        for run, table in rows.items()
        for label, labels in (("", (0, 1)), (1, (1,)))
    }
    shown = shown_sets(sets, study.smallest_cell, rows_only=sets)
    return [not {f"{run} ", f"{run} 1"} <= shown for run in tables]


def _check_runs(*files: Mapping[Run, str | Path]) -> None:
    if not files[0] or any(set(of) != set(files[0]) for of in files):
        raise ConfigError(
            "predictions, repeats and seconds are not of the same models",
            remedy="give the three files of each protocol and model, of one model at least",
        )


def _training(repeats: str | Path) -> dict[str, object]:
    """Return the size of the first repeat, and the spread of the scores over all."""
    runs = read_columns(repeats, ["repeat", *_REPEATS]).sort_values("repeat")
    row: dict[str, object] = {
        "parameters": runs["parameters"].iloc[0],
        "repeats": len(runs),
    }
    for score, name in _SCORES.items():
        row |= {f"{name}_mean": runs[score].mean(), f"{name}_sd": runs[score].std(ddof=1)}
    return row


def _times(run: Run, path: str | Path) -> pd.DataFrame:
    """Return how long each repeat of a model was trained."""
    seconds = read_field(
        path,
        lambda log: [float(log["train_seconds"][0]), *map(float, log["train_seconds"][1:])],
        "does not give the train_seconds of any repeat",
        "run the training of this model again",
    )
    repeats = dict(enumerate(seconds, start=1))
    protocol, model = run
    table = pd.Series(repeats, name="train_seconds").rename_axis("repeat").reset_index()
    return table.assign(protocol=protocol, model=model)[TIME_COLUMNS]


def _scores(assessment: Assessment) -> dict[str, object]:
    row: dict[str, object] = {
        "patients": assessment.patients,
        "n": assessment.n,
        "events": assessment.events,
    }
    for score, name in _SCORES.items():
        found = zip(_ENDS, assessment.scores[score], strict=True)
        row |= {f"{name}{end}": value for end, value in found}
    return row | {
        "brier": assessment.scores["brier"].value,
        "f1": assessment.confusion["f1"],
    }


def _delong(table: pd.DataFrame, others: pd.DataFrame) -> dict[str, float]:
    test = compare_aurocs(
        table["label"].to_numpy(),
        table["probability"].to_numpy(),
        others["probability"].to_numpy(),
        patient=table["subject_id"].to_numpy(),
    )
    return dict(zip(_DELONG, (test.difference, test.low, test.high, test.p), strict=True))


def draw_protocols(
    table: pd.DataFrame, context: pd.DataFrame, path: str | Path, study: Study
) -> None:
    """Draw AUROC and AUPRC of all models by protocol, with size, loss and DeLong's test.

    Parameters
    ----------
    table : pandas.DataFrame
        As `compare_protocols` writes it.
    context : pandas.DataFrame
        ``score, low, high, text``: what was published of other cohorts.
    path : path-like
        PNG to write.
    study : Study
        Whose figure it is.
    """
    rows, headings = forest_rows(table, "protocol", _HEADINGS)
    lines = len(rows) + len(headings)
    with figure_file(path, study, (17, 1.9 + 0.44 * lines)) as figure:
        left, middle, right = figure.subplots(1, 3, sharey=True, width_ratios=[1, 1, 2.2])
        for axes, score, label in ((left, "auroc", "AUROC"), (middle, "auprc", "AUPRC")):
            for band in context[context["score"] == score].itertuples():
                axes.axvspan(
                    band.low,
                    band.high,
                    color=VERMILION,
                    alpha=0.25,
                    linewidth=0,
                    label=f"published {label} {band.low:.3f}–{band.high:.3f} {band.text}",
                )
            forest_panel(axes, rows, score, label)
            _draw_repeats(axes, rows, score)
            axes.set_title(label, fontsize=10)
        _write_columns(right, rows)
        forest_lines(left, rows, headings)
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=len(labels))


def _draw_repeats(axes: Axes, rows: Mapping[int, pd.Series], score: str) -> None:
    """Mark mean and SD over repeats below the score of the first, and write them in figures."""
    repeated = {line: row for line, row in rows.items() if row["repeats"] > 1}
    for line, row in repeated.items():
        mean, sd = row[f"{score}_mean"], row[f"{score}_sd"]
        axes.errorbar(
            mean,
            line + 0.3,
            xerr=sd,
            fmt="D",
            color=GREY,
            markersize=3,
            elinewidth=1,
            label="mean ± SD over repeats" if line == min(repeated) else None,
        )
        axes.annotate(
            f"{mean:.3f} ± {sd:.3f}",
            (1.02, line + 0.34),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=7.5,
            color=GREY,
        )


def _write_columns(axes: Axes, rows: Mapping[int, pd.Series]) -> None:
    """Write what has no panel: parameters, test loss, test against the LSTM."""
    axes.set_axis_off()
    columns = {
        "Parameters": (0.24, lambda row: f"{row['parameters']:,}"),
        "Test loss": (0.58, _loss_text),
        "AUROC less LSTM's": (1.0, _delong_text),
    }
    for heading, (place, text) in columns.items():
        for line, words in [(-0.75, heading), *((line, text(row)) for line, row in rows.items())]:
            axes.annotate(
                words,
                (place, line),
                xycoords=("axes fraction", "data"),
                ha="right",
                va="center",
                fontsize=10 if words == heading else 8.5,
                fontweight="bold" if words == heading else "normal",
            )


def _loss_text(row: pd.Series) -> str:
    return Estimate(*(row[f"test_loss{end}"] for end in _ENDS)).words()


def _delong_text(row: pd.Series) -> str:
    if pd.isna(row["p_holm"]):
        return "–"
    p = "p < 0.001" if row["p_holm"] < 0.001 else f"p = {row['p_holm']:.3f}"
    return f"{row['delong_difference']:+.3f}, {p}".replace("-", "−")
