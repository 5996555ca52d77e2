"""The laws fitted to the measured costs, and what they say of larger data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from _runs import REPOSITORY
from scipy.optimize import nnls

from _scaling.stages import MIMIC, STAGES, TIMES
from mimicflow.evaluation.figures.canvas import BLUE, GREEN, GREY, VERMILION, figure_file
from mimicflow.evaluation.study import Study

TABLE_FILE = REPOSITORY / "docs/scaling.csv"
DOCUMENT = REPOSITORY / "docs/scaling.md"
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
COLUMNS = [
    *("system", "stage", "scale", "driver", "count", "shards", "jobs"),
    *("cpu_s", "wall_s", "peak_mb", "disk_mb"),
]


JOB_SECONDS, JOB_MB = 1800.0, 4096.0
BEYOND = 10  # times the largest job that was measured: more is no forecast
BY_NAME = {(stage.system, stage.name): stage for stage in STAGES}
INTERPRETER_MB = 150.0
_SHOWN = 6  # stages of a system in the figure
CLOSE = 0.15  # relative error of a straight line that counts as linear


@dataclass(frozen=True)
class Law:
    """``fixed + rate * n ** exponent``, of a job with n of what drives it."""

    fixed: float
    rate: float
    exponent: float
    kind: str = ""
    """``slower`` or ``one size``, where the straight line is an assumption."""

    def __call__(self, n: float) -> float:
        """Return the cost at n."""
        return float(self.fixed + self.rate * n**self.exponent)

    @property
    def growth(self) -> str:
        """In words."""
        if self.kind or self.rate == 0:
            return self.kind or "not at all"
        return "linear" if self.exponent == 1 else f"n^{self.exponent:.2f}"


def fit(n: Sequence[float], cost: Sequence[float]) -> Law:
    """Fit a law by least squares of the relative errors.

    A straight line with a fixed part, where it is within 15 % everywhere. Else the exponent between
    0.5 and 2 that fits best; below 1 the straight line through the largest sizes is taken instead,
    the careful side when larger data are forecast. One size alone is taken to be all growth.
    """
    x, y = np.asarray(n, float), np.asarray(cost, float)
    if len(x) == 1:
        return Law(0.0, float(y[0] / x[0]), 1.0, "one size")
    line, error = _with_exponent(x, y, 1.0)
    if len(x) < 3 or error <= CLOSE:
        return line
    laws = [_with_exponent(x, y, exponent) for exponent in np.arange(0.5, 2.001, 0.01)]
    best = min(laws, key=lambda found: found[1])[0]
    if best.exponent < 1:
        largest = np.argsort(x)[-2:]
        return replace(_with_exponent(x[largest], y[largest], 1.0)[0], kind="slower")
    return best


def fit_memory(n: Sequence[float], megabytes: Sequence[float]) -> Law:
    """Draw the line through the two largest sizes; one alone says nothing of larger data.

    Libraries and limits of memory bend the course of small sizes.
    """
    x, y = np.asarray(n, float), np.asarray(megabytes, float)
    if len(x) == 1:
        return Law(math.nan, 0.0, 1.0, "one size")
    largest = np.argsort(x)[-2:]
    return _with_exponent(x[largest], y[largest], 1.0)[0]


def _with_exponent(x: np.ndarray, y: np.ndarray, exponent: float) -> tuple[Law, float]:
    """Return the best law of an exponent, no part negative, and its largest relative error."""
    scale = x.max() or 1.0
    columns = np.column_stack([np.ones_like(x), (x / scale) ** exponent]) / y[:, None]
    (fixed, rate), _ = nnls(columns, np.ones_like(y))
    law = Law(float(fixed), float(rate / scale**exponent), float(exponent))
    return law, float(np.abs(columns @ [fixed, rate] - 1).max())


@dataclass(frozen=True)
class Forecast:
    """What a stage costs at some size."""

    jobs: int
    cpu_s: float
    """Of all jobs."""
    job_s: float
    job_mb: float
    disk_mb: float


class Fitted:
    """The laws of one stage."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.rows = rows.sort_values("scale")
        last = self.rows.iloc[-1]
        self.system, self.stage, self.driver = last["system"], last["stage"], last["driver"]
        self.definition = BY_NAME[self.system, self.stage.partition(", ")[0]]
        self.split = self.definition.split
        self.largest = last
        per_job = self.rows["count"] / self.rows["shards"]
        self.largest_job = float(per_job.max())
        alike = self.rows["count"] > self.definition.beyond
        alike |= not alike.any()
        self.seconds = fit(per_job[alike], (self.rows["cpu_s"] / self.rows["jobs"])[alike])
        # A job that was over before its memory was read has that of an interpreter that starts.
        self.megabytes = fit_memory(per_job, self.rows["peak_mb"].clip(lower=INTERPRETER_MB))
        # A file's header counts for little in the largest run.
        part = last["jobs"] / (self.definition.repeats * last["shards"])
        self.disk_per_count = last["disk_mb"] / part / last["count"]

    def shown(self, row: pd.Series) -> str:
        """Return the CPU seconds of a size, and of how many of its jobs if not of all."""
        jobs = self.definition.repeats * row["shards"]
        part = "" if row["jobs"] == jobs else f" ({row['jobs']} of {jobs} jobs)"
        return f"{row['cpu_s']:.1f}{part}"

    def at(self, count: float, shards: int) -> Forecast:
        """Forecast the cost at a count, in so many shards if the stage has any."""
        shards = shards if self.split else 1
        job_s = self.seconds(count / shards)
        jobs = self.definition.repeats * shards
        job_mb = self.megabytes(count / shards)
        return Forecast(jobs, jobs * job_s, job_s, job_mb, self.disk_per_count * count)

    def least_shards(self, count: float) -> int:
        """Return the least power of two with which each job stays within all limits."""
        shards = 1
        while shards < 4096:
            found = self.at(count, shards)
            known = count / shards <= BEYOND * self.largest_job
            if known and found.job_s <= JOB_SECONDS and not found.job_mb > JOB_MB:
                break
            shards *= 2
        return shards


def load(file: Path) -> list[Fitted]:
    """Fit every stage of the table of measurements."""
    table = pd.read_csv(file)
    return [Fitted(rows) for _, rows in table.groupby(["system", "stage"], sort=False)]


def shards_to_choose(fitted: Iterable[Fitted], split: str, times: float) -> int:
    """Return the least shards or groups that keep all stages that they split within the limits."""
    return max(
        (
            stage.least_shards(MIMIC[stage.driver] * times)
            for stage in fitted
            if stage.split == split
        ),
        default=1,
    )


def report(file: Path) -> str:
    """Return the tables of the document."""
    fitted = load(file)
    return "\n\n".join(
        [
            "## Measured\n\n" + _measured_table(fitted),
            "## Growth\n\n" + _growth_table(fitted),
            *(
                f"## {title}\n\n" + _forecast(fitted, times)
                for title, times in (("MIMIC-IV", 1.0), ("Ten times MIMIC-IV", 10.0))
            ),
        ]
    )


def _markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _or_unknown(value: float, form: str) -> str:
    return "?" if math.isnan(value) else format(value, form)


def _measured_table(fitted: Sequence[Fitted]) -> str:
    """CPU seconds of all jobs at each size; count, memory and disk at the largest."""
    scales = [1.0, 10.0, 100.0]
    rows = []
    for stage in fitted:
        found = {row["scale"]: stage.shown(row) for _, row in stage.rows.iterrows()}
        last = stage.largest
        rows.append(
            [
                stage.stage,
                stage.driver,
                *(found.get(scale, "-") for scale in scales),
                f"{last['scale']:g}x: {last['count']:,.0f}",
                f"{last['jobs']:.0f}",
                f"{last['peak_mb'] / 1024:.2f}",
                f"{last['disk_mb'] / 1000:.2f}",
            ]
        )
    sizes = [f"CPU s at {scale:g}x" for scale in scales]
    header = [
        "stage",
        "grows with",
        *sizes,
        "count at the largest",
        "jobs",
        "GiB a job",
        "GB on disk",
    ]
    return _markdown(header, rows)


def _growth_table(fitted: Sequence[Fitted]) -> str:
    rows = [
        [
            stage.stage,
            f"{stage.seconds.fixed:.2g} s",
            f"{1e6 * stage.seconds.rate:.3g} s" if stage.seconds.exponent == 1 else "-",
            stage.seconds.growth,
            _or_unknown(stage.megabytes.fixed, ".0f"),
            "?" if stage.megabytes.kind else f"{1e6 * stage.megabytes.rate:.3g}",
        ]
        for stage in fitted
    ]
    header = ["stage", "a job", "a million", "CPU time grows", "MB a job", "MB a million"]
    return _markdown(header, rows)


def hours(fitted: Sequence[Fitted], times: float) -> dict[str, dict[str, float]]:
    """Return the CPU hours of all stages of each system, with the shards to choose."""
    chosen = _chosen(fitted, times)
    found: dict[str, dict[str, float]] = {}
    for stage in fitted:
        once = stage.at(MIMIC[stage.driver] * times, chosen.get(stage.split, 1))
        cpu_s = TIMES.get(stage.stage, 1) * once.cpu_s
        found.setdefault(stage.system, {})[stage.stage] = cpu_s / 3600
    return found


def _chosen(fitted: Sequence[Fitted], times: float) -> dict[str, int]:
    return {split: shards_to_choose(fitted, split, times) for split in ("shards", "groups")}


def _forecast(fitted: Sequence[Fitted], times: float) -> str:
    """Return what each stage costs with the shards to choose, and the sums."""
    chosen = _chosen(fitted, times)
    rows: list[list[str]] = []
    disk: dict[str, float] = {}
    for stage in fitted:
        count = MIMIC[stage.driver] * times
        found = stage.at(count, chosen.get(stage.split, 1))
        disk[stage.system] = disk.get(stage.system, 0.0) + found.disk_mb / 1000
        beyond = [
            text
            for text, over in (
                ("time", found.job_s > JOB_SECONDS),
                ("memory", found.job_mb > JOB_MB),
            )
            if over
        ]
        rows.append(
            [
                _repeated(stage.stage),
                f"{count:,.0f} {stage.driver}",
                f"{stage.least_shards(count)}" if stage.split else "-",
                f"{found.jobs}",
                f"{found.cpu_s / 3600:.2f}",
                f"{found.job_s / 60:.1f}",
                _or_unknown(found.job_mb / 1024, ".1f"),
                f"{found.disk_mb / 1000:.1f}",
                " and ".join(beyond),
            ]
        )
    header = [
        "stage",
        "count",
        "least shards",
        "jobs",
        "CPU h",
        "min a job",
        "GiB a job",
        "GB on disk",
        "beyond the limit",
    ]
    text = (
        f"Least that keep every job of the split stages within {JOB_SECONDS / 60:.0f} min and "
        f"{JOB_MB / 1024:.0f} GiB on one core, and within {BEYOND} times the largest job that was "
        f"measured: `ingest.shards: {chosen['shards']}`, "
        f"`arrest.groups: {chosen['groups']}`.\n\n"
    )
    sums = [
        [system, f"{sum(of.values()):.1f}", f"{disk[system]:.0f}", _costliest(of)]
        for system, of in hours(fitted, times).items()
    ]
    names = ["all of it, with the times in brackets", "CPU h", "GB on disk", "most of it"]
    return text + _markdown(header, rows) + "\n\n" + _markdown(names, sums)


def _repeated(stage: str) -> str:
    repeats = TIMES.get(stage, 1)
    return f"{stage} (x {repeats})" if repeats > 1 else stage


def _costliest(hours: dict[str, float]) -> str:
    """Name the three stages that take most of a system's time, with their share."""
    largest = sorted(hours, key=hours.__getitem__, reverse=True)[:3]
    return "; ".join(f"{stage} {hours[stage] / sum(hours.values()):.0%}" for stage in largest)


def draw(fitted: Sequence[Fitted], figure: Path) -> None:
    """Draw the CPU hours of MIMIC-IV, and of ten times as much, of the costliest stages."""
    shown = {
        (system, stage): hour
        for system, of in hours(fitted, 1.0).items()
        for stage, hour in sorted(of.items(), key=lambda item: -item[1])[:_SHOWN]
    }
    larger = hours(fitted, 10.0)
    colours = dict(zip(larger, (BLUE, VERMILION, GREEN), strict=True))
    with figure_file(figure, Study(), size=(9.0, 0.27 * len(shown) + 1.2)) as canvas:
        axes = canvas.subplots()
        for place, ((system, stage), hour) in enumerate(reversed(shown.items())):
            most = larger[system][stage]
            axes.plot([hour, most], [place, place], color=GREY, linewidth=0.8, zorder=1)
            axes.scatter(hour, place, color=colours[system], zorder=2)
            axes.scatter(most, place, edgecolor=colours[system], facecolor="white", zorder=2)
        names = [f"{system}: {_repeated(stage)}" for system, stage in reversed(shown)]
        axes.set_yticks(range(len(names)), names)
        axes.set_xscale("log")
        axes.set_xlabel("CPU hours: MIMIC-IV (filled), ten times as much (open)")
        axes.grid(axis="x", color=GREY, linewidth=0.3)


def write_document(file: Path) -> None:
    """Put the tables between the markers of the document, and draw its figure."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, found, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise SystemExit(f"{DOCUMENT} lacks the markers {BEGIN} and {END}")
    draw(load(file), DOCUMENT.parent / "images/scaling.png")
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{report(file)}\n\n{END}{after}", encoding="utf-8")
