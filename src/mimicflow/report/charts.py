"""Make the interactive charts of the page, as Vega-Lite specifications.

Each line has its own colour, dash and legend entry, so that it is recognised in print. Each chart
takes the width of its column. The page draws them as SVG without evaluating any code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from mimicflow.evaluation.figures.canvas import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, VERMILION

Drawing = alt.LayerChart | alt.FacetChart

_FIFTHS = alt.Axis(values=[0, 0.2, 0.4, 0.6, 0.8, 1], format=".1f")
_MODEL = [alt.Tooltip("title:N", title="Model")]

COLOURS = [BLUE, VERMILION, GREEN, PURPLE, ORANGE, "#444444", "#56B4E9", "#882255"]
DASHES = [[1, 0], [7, 3], [2, 2], [9, 3, 2, 3], [4, 1], [1, 3], [6, 2, 1, 2], [3, 3]]
HEIGHT, ROW_HEIGHT = 300, 28  # pixels
# Long names of rows are set in lines of at most so many characters; the page says how many.
_WRAP = alt.param(name="wrap", value=60)
_WRAPPED = (
    "split(trim(replace(datum.label, regexp('(.{1,' + wrap + '})( |$)', 'g'), '$1\\n')), '\\n')"
)

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
_CONFIG: dict[str, Any] = {
    "font": _FONT,
    "background": "transparent",
    "view": {"stroke": None},
    "padding": {"left": 4, "top": 5, "right": 16, "bottom": 4},
    "axis": {
        "labelFlush": False,
        "labelSeparation": 8,
        "labelOverlap": "greedy",
        "labelColor": INK,
        "titleColor": INK,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "domainColor": GREY,
        "tickColor": GREY,
        "gridColor": "#ebebeb",
        "labelLimit": 400,
    },
    "legend": {
        "labelColor": INK,
        "labelFontSize": 12,
        "orient": "bottom",
        "columns": 2,
        "labelLimit": 220,
        "symbolType": "stroke",
        "symbolSize": 300,
        "symbolStrokeWidth": 2.2,
        "title": None,
    },
}


def specification(chart: Drawing, description: str) -> dict[str, Any]:
    """Return the chart as plain data, with its description for screen readers."""
    described = chart.properties(description=description, width="container")
    spec: dict[str, Any] = described.to_dict()
    spec["config"] = _CONFIG
    spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    del spec["$schema"]  # only a web address; the bundle knows its version
    return spec


def curves(frame: pd.DataFrame, x: str, y: str, diagonal: bool, base: float | None) -> Drawing:
    """Draw ROC or precision-recall curves.

    Parameters
    ----------
    frame : DataFrame
        ``title``, ``x``, ``y``.
    x, y : str
        Titles of the axes.
    diagonal : bool
        Whether to draw the line of chance.
    base : float, optional
        Height of the line of chance when it is flat.
    """
    drawn = lines(frame).encode(
        x=_unit("x", x), y=_unit("y", y), tooltip=_MODEL + tooltips({"x": x, "y": y}, ".3f")
    )
    layers = [drawn]
    if diagonal:
        layers.insert(0, _reference([(0.0, 0.0), (1.0, 1.0)]))
    if base is not None:
        layers.insert(0, _reference([(0.0, base), (1.0, base)]))
    return alt.layer(*layers).properties(height=HEIGHT)


def reliability(frame: pd.DataFrame, unit: str) -> Drawing:
    """Draw observed against predicted shares, with a choice of the recalibration.

    Parameters
    ----------
    frame : DataFrame
        ``title``, ``predicted``, ``observed``, ``low``, ``high``, ``recalibration``, and ``n``
        and ``events`` as text.
    unit : str
        What ``n`` counts.
    """
    x, y = "Predicted probability", "Observed share"
    encoded = lines(frame).encode(
        x=_unit("predicted", x),
        y=_unit("observed", y),
        tooltip=_MODEL
        + tooltips({"predicted": x, "observed": y}, ".3f")
        + tooltips({"low": "95 % from", "high": "to"}, ".3f")
        + tooltips({"n": unit, "events": "Events"}, ""),
    )
    bars = (
        alt.Chart(frame)
        .mark_rule(opacity=0.6)
        .encode(x="predicted:Q", y="low:Q", y2="high:Q", color=_colour(frame))
    )
    points = encoded.mark_point(filled=True, size=36, opacity=1).encode(
        strokeDash=alt.value([1, 0])
    )
    chosen, pick = choice(frame, "recalibration", "Recalibration ")
    layers = [layer.transform_filter(pick) if pick else layer for layer in (bars, encoded, points)]
    chart = alt.layer(_reference([(0.0, 0.0), (1.0, 1.0)]), *layers).properties(height=HEIGHT)
    return chart.add_params(chosen) if chosen else chart


def decision(frame: pd.DataFrame, banded: str | None) -> Drawing:
    """Draw net benefit by threshold, with the interval of one line as a band.

    Parameters
    ----------
    frame : DataFrame
        ``title``, ``threshold``, ``net_benefit``, ``low``, ``high``.
    banded : str, optional
        The title whose interval is drawn; bands of all lines would bury them.
    """
    top = float(frame["net_benefit"].max())
    # Treating all falls without end; below this nothing can be read.
    scale = alt.Scale(domain=[-0.25 * top, 1.08 * top], nice=False) if top > 0 else alt.Undefined
    x, y = "Threshold probability", "Net benefit"
    drawn = lines(frame, clip=True).encode(
        x=alt.X("threshold:Q", title=x, axis=_FIFTHS),
        y=alt.Y("net_benefit:Q", title=y, scale=scale),
        tooltip=_MODEL
        + tooltips({"threshold": x}, ".2f")
        + tooltips({"net_benefit": y, "low": "95 % from", "high": "to"}, ".3f"),
    )
    if banded is None:
        return alt.layer(drawn).properties(height=HEIGHT)
    band = (
        alt.Chart(frame[frame["title"] == banded].dropna(subset=["low", "high"]))
        .mark_area(color=GREY, opacity=0.15, clip=True)
        .encode(x="threshold:Q", y="low:Q", y2="high:Q")
    )
    return alt.layer(band, drawn).properties(height=HEIGHT)


def forest(
    frame: pd.DataFrame,
    value: str,
    line: float | None = None,
    choose: str | None = None,
    default: str | None = None,
) -> Drawing:
    """Draw one point with its interval per row.

    Parameters
    ----------
    frame : DataFrame
        ``row`` (its label), ``value``, ``low``, ``high``; optionally ``beside``, a second figure
        without interval, drawn as an open diamond.
    value : str
        Title of the axis.
    line : float, optional
        Where to draw a vertical line, such as 0 for differences.
    choose : str, optional
        A column of which the reader chooses one value; ``default`` is shown first.
    """
    chosen, pick = choice(frame, choose, "Model ", default) if choose else (None, None)
    base = alt.Chart(frame).transform_filter(pick) if pick else alt.Chart(frame)
    y = rows_axis(frame)
    zero = alt.Scale(zero=False)
    x, low = (alt.X(f"{name}:Q", title=value, scale=zero) for name in ("value", "low"))
    names = {"value": value, "low": "95 % from", "high": "to"}
    tooltip = tooltips({"row": "Row"}, "") + tooltips(names, ".3f")
    layers = [
        base.mark_rule(color=BLUE, strokeWidth=2).encode(y=y, x=low, x2="high:Q"),
        base.mark_point(color=BLUE, filled=True, size=70, opacity=1).encode(
            y=y, x=x, tooltip=tooltip
        ),
    ]
    if "beside" in frame.columns:
        layers.append(
            base.transform_filter("isValid(datum.beside)")
            .mark_point(color=VERMILION, shape="diamond", size=90, strokeWidth=2)
            .encode(
                y=y,
                x=alt.X("beside:Q", title=value, scale=zero),
                tooltip=tooltips({"row": "Row"}, "") + tooltips({"beside": "Published"}, ".3f"),
            )
        )
    if line is not None:
        rule = pd.DataFrame({"value": [line]})
        layers.insert(0, alt.Chart(rule).mark_rule(color=GREY, strokeDash=[4, 3]).encode(x=x))
    chart = with_rows(alt.layer(*layers), frame, ROW_HEIGHT)
    return chart.add_params(chosen) if chosen else chart


def bars(frame: pd.DataFrame, value: str, largest: float | None = None) -> Drawing:
    """Draw the leading features of a chosen model as bars.

    Parameters
    ----------
    frame : DataFrame
        ``of`` (model and kind of importance, chosen by the reader), ``feature``, ``group``,
        ``value``, optionally ``low`` and ``high``; the largest first.
    value : str
        Title of the axis.
    largest : float, optional
        End of the axis of all models, so that their bars can be compared; else each has its own.
    """
    chosen, pick = choice(frame, "of", "Model ")
    scale = alt.Scale(domain=[0, largest]) if largest else alt.Undefined
    base = alt.Chart(frame).transform_filter(pick) if pick else alt.Chart(frame)
    y = alt.Y(
        "feature:N",
        sort=None,  # as the rows come
        title=None,
        axis=alt.Axis(ticks=False, labelPadding=6, labelOverlap=False),
    )
    names = {"feature": "Feature", "group": "Group"}
    layers = [
        base.mark_bar(color=BLUE, opacity=0.8).encode(
            y=y,
            x=alt.X("value:Q", title=value, scale=scale),
            tooltip=tooltips(names, "") + tooltips({"value": value}, ".4f"),
        )
    ]
    if "low" in frame.columns:
        layers.append(base.mark_rule(color=INK).encode(y=y, x="low:Q", x2="high:Q"))
    rows = int(frame.groupby("of").size().max())
    chart = alt.layer(*layers).properties(height=20 * rows)
    return chart.add_params(chosen) if chosen else chart


def lines(frame: pd.DataFrame, clip: bool = False) -> alt.Chart:
    """Return lines by ``title``, each with a colour and a dash of its own."""
    titles = list(dict.fromkeys(frame["title"]))
    dash = alt.StrokeDash(
        "title:N", scale=alt.Scale(domain=titles, range=cycle(DASHES, len(titles)))
    )
    return (
        alt.Chart(frame)
        .mark_line(strokeWidth=2, clip=clip)
        .encode(color=_colour(frame), strokeDash=dash)
    )


def rows_axis(frame: pd.DataFrame) -> alt.Y:
    """Return the axis of the names in ``row``, in their order, over several lines if need be."""
    axis = alt.Axis(grid=False, ticks=False, labelPadding=8, labelOverlap=False, labelExpr=_WRAPPED)
    return alt.Y("row:N", sort=list(dict.fromkeys(frame["row"])), title=None, axis=axis)


def with_rows(chart: Drawing, frame: pd.DataFrame, height: int) -> Drawing:
    """Give a chart with `rows_axis` its height in pixels of each row.

    The page learns what it needs to make room for names that run over several lines.
    """
    rows = list(dict.fromkeys(frame["row"]))
    meta = {"rows": len(rows), "longest": max(map(len, rows))}
    return chart.properties(height=height * len(rows), usermeta=meta).add_params(_WRAP)


def _colour(frame: pd.DataFrame) -> alt.Color:
    titles = list(dict.fromkeys(frame["title"]))
    scale = alt.Scale(domain=titles, range=cycle(COLOURS, len(titles)))
    return alt.Color("title:N", scale=scale)


def cycle(values: Sequence[Any], n: int) -> list[Any]:
    """Return the first n of the values, from the start again when there are not enough."""
    return [values[i % len(values)] for i in range(n)]


def _unit(name: str, title: str) -> Any:
    channel = alt.X if name in ("x", "predicted") else alt.Y
    return channel(f"{name}:Q", title=title, scale=alt.Scale(domain=[0, 1]), axis=_FIFTHS)


def tooltips(titles: dict[str, str], form: str) -> list[alt.Tooltip]:
    """Return tooltips of numbers in the given form, or of texts when it is empty."""
    if not form:
        return [alt.Tooltip(f"{name}:N", title=title) for name, title in titles.items()]
    return [alt.Tooltip(f"{name}:Q", title=title, format=form) for name, title in titles.items()]


def _reference(points: list[tuple[float, float]]) -> alt.Chart:
    frame = pd.DataFrame(points, columns=["x", "y"])
    line = alt.Chart(frame).mark_line(color=GREY, strokeWidth=1, strokeDash=[4, 3])
    return line.encode(x="x:Q", y="y:Q")


def choice(
    frame: pd.DataFrame, column: str, name: str, default: str | None = None
) -> tuple[Any, Any]:
    """Return a list to choose from, and the filter that keeps the rows of the chosen value.

    Both are None when the column has a single value.
    """
    options = list(dict.fromkeys(frame[column]))
    if len(options) < 2:
        return None, None
    bind = alt.binding_select(options=options, name=name)
    chosen = alt.param(name="chosen", value=default or options[0], bind=bind)
    return chosen, alt.datum[column] == chosen
