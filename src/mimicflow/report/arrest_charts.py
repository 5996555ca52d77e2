"""Make the interactive charts of arrest: alarms, ranked features, courses before the event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from mimicflow.evaluation.figures.canvas import BLUE, GREY, INK, VERMILION
from mimicflow.report.charts import HEIGHT, Drawing, choice, lines, tooltips
from mimicflow.report.grouped_charts import SMALL_HEIGHT

FEATURE_HEIGHT = 20  # pixels of each row of a ranking
_ALARMS_PER_DAY = [0, 0.5, 1, 2, 5, 10, 20, 50, 100, 200]
_FOURTHS = [0, 4, 8, 12, 16, 20, 24]  # h before the arrest


def alarms(frame: pd.DataFrame, x: str, y: str, default: str | None = None) -> Drawing:
    """Draw arrests announced against false alarms, a line per model, for a chosen silence.

    Parameters
    ----------
    frame : DataFrame
        ``title`` (of the model), ``silence`` (a text, chosen by the reader), ``threshold``, ``x``,
        ``y``, ``low``, ``high`` (of y), ``chance`` (y of alarms at random), ``chosen`` (whether the
        threshold is that of the model); along each line.
    x, y : str
        Titles of the axes.
    default : str, optional
        The silence shown first.
    """
    chosen, pick = choice(frame, "silence", "Silence after an alarm ", default)
    # Most of what matters lies below a few alarms a day, and the end of a curve far above.
    places = alt.Scale(type="symlog", constant=1, nice=False)
    tips = tooltips({"title": "Model", "silence": "Silence"}, "")
    tips += tooltips({"threshold": "Threshold", "y": y, "low": "95 % from", "high": "to"}, ".3f")
    tips += tooltips({"x": x}, ".2f")
    drawn = lines(frame).encode(
        x=alt.X("x:Q", title=x, scale=places, axis=alt.Axis(values=_ALARMS_PER_DAY, format="~g")),
        y=alt.Y("y:Q", title=y, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format=".1f")),
        order="threshold:Q",
        tooltip=tips,
    )
    bands = (
        alt.Chart(frame)
        .mark_area(color=GREY, opacity=0.12, clip=True)
        .encode(
            x=alt.X("x:Q", title=x, scale=places),
            y=alt.Y("low:Q", title=y),
            y2="high:Q",
            detail="title:N",
        )
    )
    chance = (
        alt.Chart(frame)
        .mark_line(color=GREY, strokeDash=[1, 3], clip=True)
        .encode(
            x=alt.X("x:Q", title=x, scale=places),
            y=alt.Y("chance:Q", title=y),
            detail="title:N",
            order="threshold:Q",
        )
    )
    points = drawn.transform_filter("datum.chosen").mark_point(filled=True, size=90, opacity=1)
    points = points.encode(strokeDash=alt.value([1, 0]))
    layers = [bands, chance, drawn, points]
    layers = [layer.transform_filter(pick) if pick else layer for layer in layers]
    chart = alt.layer(*layers).properties(height=HEIGHT)
    return chart.add_params(chosen) if chosen else chart


def ranking(frame: pd.DataFrame, value: str, group: str, colours: Mapping[str, str]) -> Drawing:
    """Draw the features of a chosen model as bars, coloured by group.

    Parameters
    ----------
    frame : DataFrame
        ``of`` (the model, chosen by the reader), ``feature``, ``about`` (what it is), ``group``,
        ``value``; optionally ``low`` and ``high``, ``mark`` (a second figure, drawn as a tick) and
        ``note`` (a text at the end of the bar, empty for none); the largest first.
    value : str
        Title of the axis.
    group : str
        What the groups are.
    colours : mapping of str to str
        Group -> its colour, in the order of the legend.
    """
    chosen, pick = choice(frame, "of", "Model ")
    base = alt.Chart(frame).transform_filter(pick) if pick else alt.Chart(frame)
    axis = alt.Axis(ticks=False, labelPadding=6, labelOverlap=False)
    place = {"y": alt.Y("feature:N", sort=None, title=None, axis=axis)}
    present = [name for name in colours if name in set(frame["group"])]
    scale = alt.Scale(domain=present, range=[colours[name] for name in present])
    legend = alt.Legend(symbolType="square", symbolSize=120)
    tips = tooltips({"feature": "Feature", "about": "What it is", "group": group}, "")
    layers = [
        base.mark_bar(opacity=0.8).encode(
            x=alt.X("value:Q", title=value),
            color=alt.Color("group:N", scale=scale, legend=legend),
            tooltip=tips + tooltips({"value": value}, ".4f"),
            **place,
        )
    ]
    if "low" in frame.columns:
        layers.append(base.mark_rule(color=INK).encode(x="low:Q", x2="high:Q", **place))
    if "mark" in frame.columns:
        layers.append(base.mark_tick(color=INK, thickness=2, size=14).encode(x="mark:Q", **place))
    if "note" in frame.columns:
        words = base.mark_text(align="left", dx=6, color=INK)
        layers.append(words.encode(x="high:Q", text="note:N", **place))
    rows = int(frame.groupby("of").size().max())
    chart = alt.layer(*layers).properties(height=FEATURE_HEIGHT * rows)
    return chart.add_params(chosen) if chosen else chart


def course(frame: pd.DataFrame, value: str, level: float | None) -> Drawing:
    """Draw the mean of a measure by hour before the event, the event at the right.

    Parameters
    ----------
    frame : DataFrame
        ``hours`` (before the event), ``mean``, ``low``, ``high``, ``n`` (stays, as text).
    value : str
        Title of the axis.
    level : float, optional
        The median of those without event, drawn as a horizontal line.
    """
    first = 24 if frame.empty else max(24, float(frame["hours"].max()))
    x = alt.X(
        "hours:Q",
        title="Hours before the arrest",
        scale=alt.Scale(domain=[first, 0], nice=False),
        axis=alt.Axis(values=_FOURTHS, format="d", grid=False),
    )
    y: dict[str, Any] = {"title": value, "scale": alt.Scale(zero=False)}
    tips = tooltips({"hours": "Hours before the arrest"}, ".1f")
    tips += tooltips({"mean": "Mean", "low": "95 % from", "high": "to"}, ".4~g")
    tips += tooltips({"n": "Stays"}, "")
    base = alt.Chart(frame)
    layers = [
        base.mark_area(color=BLUE, opacity=0.2).encode(x=x, y=alt.Y("low:Q", **y), y2="high:Q"),
        base.mark_line(color=BLUE, strokeWidth=2).encode(x=x, y=alt.Y("mean:Q", **y)),
        base.mark_point(color=BLUE, filled=True, size=30, opacity=1).encode(
            x=x, y=alt.Y("mean:Q", **y), tooltip=tips
        ),
    ]
    if level is not None:
        rule = alt.Chart(pd.DataFrame({"mean": [level]}))
        layers.insert(
            0,
            rule.mark_rule(color=VERMILION, strokeDash=[6, 3], strokeWidth=1.5).encode(
                y=alt.Y("mean:Q", **y)
            ),
        )
    return alt.layer(*layers).properties(height=SMALL_HEIGHT)
