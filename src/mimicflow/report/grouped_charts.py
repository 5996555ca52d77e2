"""Make charts in which groups stand side by side: protocols, or parts of the data."""

from __future__ import annotations

import altair as alt
import pandas as pd

from mimicflow.evaluation.figures.canvas import GREY
from mimicflow.report.charts import (
    COLOURS,
    HEIGHT,
    ROW_HEIGHT,
    Drawing,
    cycle,
    lines,
    rows_axis,
    tooltips,
    with_rows,
)

SHAPES = ["circle", "diamond", "square", "triangle-up"]
SMALL_HEIGHT = 190  # pixels


def grouped_forest(
    frame: pd.DataFrame,
    value: str,
    band: tuple[float, float] | None = None,
    line: float | None = None,
    of: str = "Protocol",
) -> Drawing:
    """Draw a point with its interval for each group of each row.

    Parameters
    ----------
    frame : DataFrame
        ``row`` (its label), ``group``, ``value``, ``low``, ``high``; optionally ``beside``, a
        second figure without interval, drawn as an open triangle.
    value : str
        Title of the axis.
    band : tuple of float, optional
        From where to where a range is drawn in grey.
    line : float, optional
        Where to draw a vertical line, such as 0 for differences.
    of : str
        What the groups are.
    """
    groups = list(dict.fromkeys(frame["group"]))
    zero = alt.Scale(zero=False)
    place = {"y": rows_axis(frame), "yOffset": alt.YOffset("group:N", sort=groups)}
    legend = alt.Legend(symbolSize=110)
    colour, shape = (
        channel(
            "group:N",
            scale=alt.Scale(domain=groups, range=cycle(values, len(groups))),
            legend=legend,
        )
        for channel, values in ((alt.Color, COLOURS), (alt.Shape, SHAPES))
    )
    low, middle = (alt.X(f"{name}:Q", title=value, scale=zero) for name in ("low", "value"))
    names = tooltips({"row": "Row", "group": of}, "")
    tips = names + tooltips({"value": value, "low": "95 % from", "high": "to"}, ".3f")
    base = alt.Chart(frame)
    layers = [
        base.mark_rule(strokeWidth=2).encode(x=low, x2="high:Q", color=colour, **place),
        base.mark_point(filled=True, size=75, opacity=1).encode(
            x=middle, color=colour, shape=shape, tooltip=tips, **place
        ),
    ]
    if "beside" in frame.columns:
        layers.append(
            base.transform_filter("isValid(datum.beside)")
            .mark_point(shape="triangle-down", size=90, strokeWidth=2)
            .encode(
                x=alt.X("beside:Q", title=value, scale=zero),
                color=colour,
                tooltip=names + tooltips({"beside": "Published"}, ".3f"),
                **place,
            )
        )
    if line is not None:
        rule = alt.Chart(pd.DataFrame({"value": [line]}))
        layers.insert(0, rule.mark_rule(color=GREY, strokeDash=[4, 3]).encode(x=middle))
    if band is not None:
        around = alt.Chart(pd.DataFrame([band], columns=["low", "high"]))
        layers.insert(0, around.mark_rect(color=GREY, opacity=0.22).encode(x=low, x2="high:Q"))
    return with_rows(alt.layer(*layers), frame, round(1.3 * ROW_HEIGHT))


def grouped_bars(frame: pd.DataFrame, x: str, y: str) -> Drawing:
    """Draw a bar for each group at each place.

    Parameters
    ----------
    frame : DataFrame
        ``place`` (a text, in order), ``title`` (of the group), ``value``.
    x, y : str
        Titles of the axes.
    """
    groups = list(dict.fromkeys(frame["title"]))
    chart = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=alt.X(
                "place:N",
                title=x,
                sort=list(dict.fromkeys(frame["place"])),
                axis=alt.Axis(labelAngle=0, labelSeparation=2, ticks=False),
                scale=alt.Scale(paddingInner=0.25),
            ),
            xOffset=alt.XOffset("title:N", sort=groups),
            y=alt.Y("value:Q", title=y),
            color=alt.Color(
                "title:N",
                scale=alt.Scale(domain=groups, range=cycle(COLOURS, len(groups))),
                legend=alt.Legend(symbolType="square", symbolSize=120),
            ),
            tooltip=[
                *tooltips({"title": "Protocol", "place": x}, ""),
                alt.Tooltip("value:Q", title=y, format=","),
            ],
        )
    )
    return alt.layer(chart).properties(height=HEIGHT)


def passes(frame: pd.DataFrame, value: str, kept: int | None) -> Drawing:
    """Draw a score by pass of the training, with a vertical line at the pass that was kept.

    Parameters
    ----------
    frame : DataFrame
        ``title`` (training or validation), ``epoch``, ``value``.
    value : str
        Title of the axis.
    kept : int, optional
        Its weights are those of the model.
    """
    x = alt.X(
        "epoch:Q",
        title="Epoch",
        axis=alt.Axis(tickMinStep=1, format="d", grid=False),
        scale=alt.Scale(zero=False, nice=False),
    )
    layers = [
        lines(frame).encode(
            x=x,
            y=alt.Y("value:Q", title=value, scale=alt.Scale(zero=False)),
            tooltip=tooltips({"title": "Patients", "epoch": "Epoch"}, "")
            + tooltips({"value": value}, ".3f"),
        )
    ]
    if kept is not None:
        mark = alt.Chart(pd.DataFrame({"epoch": [kept]}))
        layers.insert(0, mark.mark_rule(color=GREY, strokeDash=[4, 3]).encode(x=x))
    return alt.layer(*layers).properties(height=SMALL_HEIGHT)
