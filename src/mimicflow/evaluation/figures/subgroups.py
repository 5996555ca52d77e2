"""Draw one model's scores in groups of patients."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mimicflow.evaluation.figures.canvas import BLUE, GREY, VERMILION, figure_file
from mimicflow.evaluation.study import Study
from mimicflow.evaluation.titles import SUBSETS

_PANELS = {
    "auroc": ("AUROC", None),
    "calibration_intercept": ("Calibration intercept", 0.0),
    "calibration_slope": ("Calibration slope", 1.0),
    "sensitivity": ("Sensitivity", None),
    "ppv": ("PPV", None),
}
_HEADINGS = {
    "sex": "Sex",
    "age_band": "Age, years",
    "race": "Race",
    "arrival": "Arrival",
    "insurance": "Insurance",
}


def draw_subgroups(
    table: pd.DataFrame,
    overall: Mapping[str, float],
    subset: str,
    path: str | Path,
    study: Study,
) -> None:
    """Draw AUROC, calibration, sensitivity and PPV of each level with 95 % intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of one model, as `mimicflow.evaluation.subgroups.score_subgroups` writes them.
    overall : mapping of str to float
        The scores of all its patients.
    subset : str
        On which stays it was scored: ``all`` or ``multi``.
    path : path-like
        PNG to write.
    study : Study
        Whose figure it is.
    """
    lines = _lines(table)
    drawn = {score: of for score, of in _PANELS.items() if score in set(table["score"])}
    with figure_file(path, study, (2 + 3 * len(drawn), 1.7 + 0.27 * len(lines))) as figure:
        panels = figure.subplots(1, len(drawn), sharey=True)
        for axes, (score, (title, ideal)) in zip(panels, drawn.items(), strict=True):
            rows = table[table["score"] == score].set_index(["group", "level"])
            _panel(axes, lines, rows, overall[score], ideal)
            axes.set_title(title, fontsize=10)
        panels[0].set_yticks(range(len(lines)), [_label(*line, table) for line in lines])
        for tick, (_, level) in zip(panels[0].get_yticklabels(), lines, strict=True):
            if level is None:
                tick.set_fontweight("bold")
        panels[0].set_ylim(len(lines) - 0.4, -0.6)
        title = table["title"].iloc[0]
        rule = table.get("threshold_rule", pd.Series([""])).max()
        at = f"; sensitivity and PPV at the threshold of {rule.replace('_', ' ')}" if rule else ""
        figure.suptitle(f"{title} – {SUBSETS.get(subset, subset)}{at}", fontweight="bold")
        panels[0].set_title(
            f"Events of {study.rows}", loc="right", x=-0.06, fontsize=9, fontweight="normal"
        )
        handles, labels = panels[1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)


def _lines(table: pd.DataFrame) -> list[tuple[str, str | None]]:
    """Return what each line shows, from the top: a heading (no level), or a level of a group."""
    return [
        (str(group), level)
        for group, part in table.groupby("group", sort=False)
        for level in [None, *part["level"].unique()]
    ]


def _label(group: str, level: str | None, table: pd.DataFrame) -> str:
    if level is None:
        return _HEADINGS.get(group, group)
    row = table[(table["group"] == group) & (table["level"] == level)].iloc[0]
    if row["suppressed"]:
        return f"{level}  (not shown)"
    return f"{level}  ({row['events']:,.0f} of {row['n']:,.0f})"


def _panel(
    axes: Axes,
    lines: list[tuple[str, str | None]],
    rows: pd.DataFrame,
    overall: float,
    ideal: float | None,
) -> None:
    drawn = rows[rows["value"].notna()]
    places = [lines.index(key) for key in drawn.index]
    reaches = np.abs(drawn[["low", "high"]].to_numpy().T - drawn["value"].to_numpy())
    axes.axvline(overall, color=VERMILION, linestyle="--", linewidth=1.2, label="overall")
    # A line without points in the panel of AUROC, which has no ideal short of 1.
    axes.axvline(
        np.nan if ideal is None else ideal, color=GREY, linestyle=":", linewidth=1.2, label="ideal"
    )
    axes.errorbar(
        drawn["value"],
        places,
        xerr=reaches,
        fmt="o",
        color=BLUE,
        markersize=4.5,
        capsize=2.5,
        linewidth=1.4,
        label="value and 95 % interval",
    )
    # A level of few patients may have an interval that would squeeze all others: it runs off.
    marks = [overall, *drawn["value"], *([] if ideal is None else [ideal])]
    margin = 1.5 * max(np.ptp(marks), 0.05)
    lowest, highest = axes.get_xlim()
    axes.set_xlim(max(lowest, min(marks) - margin), min(highest, max(marks) + margin))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
