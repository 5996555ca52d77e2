"""Chapter of curves: ROC, precision-recall, calibration, net benefit, each with its table.

Charts are drawn for the protocol to judge by, the first that has the file; optimistic ones are
given as tables.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.report import charts
from mimicflow.report.blocks import (
    Block,
    Cell,
    Chart,
    Section,
    Table,
    count,
    in_sentence,
    number,
    table,
    with_interval,
)
from mimicflow.report.chapters import section
from mimicflow.report.chapters.models import (
    SCORES,
    Protocol,
    System,
    by_subset,
    caption_of,
    estimate,
    heading,
)
from mimicflow.report.inputs import label, read_table

GRID = np.linspace(0, 1, 21)  # where a curve is read off for its table
_NO_BAND = "Of so few patients a band would cover the lines; the table has the intervals."
KINDS = {
    "roc": ("ROC curve", "1 − specificity", "Sensitivity"),
    "pr": ("Precision–recall curve", "Sensitivity (recall)", "PPV (precision)"),
}


def discrimination(system: System) -> Section:
    """Return ROC and precision-recall curves."""
    blocks: list[Block] = []
    for protocol, path in list(system.with_file("curves"))[:1]:
        frame = read_table(path, "model", "curve", "x", "y")
        frame = frame.assign(title=frame["model"].map(system.title))
        shares = _shares_of_events(protocol)
        for subset, part in by_subset(system, frame):
            for kind, (title, x, y) in KINDS.items():
                shown = part[part["curve"] == kind].drop(columns="curve").round({"x": 4, "y": 4})
                if shown.empty:
                    continue
                share = shares.get(part["model"].iloc[0]) if kind == "pr" else None
                caption = caption_of(protocol, subset, in_sentence(title))
                if share is not None:
                    caption += " Dashed line: the share of events."
                names = ", ".join(dict.fromkeys(shown["title"]))
                description = f"{title} of {names}. {y} against {x}."
                chart = charts.curves(shown.drop(columns="model"), x, y, kind == "roc", share)
                blocks.append(
                    Chart(
                        caption,
                        description,
                        charts.specification(chart, description),
                        _read_off(protocol, shown, caption, x, y),
                    )
                )
    return section("curves", blocks, system=system.name)


def _shares_of_events(protocol: Protocol) -> dict[str, float]:
    if protocol.files.scores is None:
        return {}
    scores = read_table(protocol.files.scores, "model", "n", "events").drop_duplicates("model")
    return dict(zip(scores["model"], scores["events"] / scores["n"], strict=True))


def _read_off(protocol: Protocol, frame: pd.DataFrame, caption: str, x: str, y: str) -> Table:
    values = []
    for _, part in frame.groupby("model", sort=False):
        highest = part.groupby("x")["y"].max()  # a vertical step has several heights
        values.append(np.interp(GRID, highest.index.to_numpy(), highest.to_numpy()))
    titles = list(dict.fromkeys(frame["title"]))
    rows = [
        [number(at, 2), *map(number, row)]
        for at, row in zip(GRID, np.column_stack(values), strict=True)
    ]
    columns = [(x, True)] + [(f"{title}: {in_sentence(y)}", True) for title in titles]
    text = f"{caption} Read off in steps of 0.05."
    return table(text, columns, rows, optimistic=protocol.optimistic)


def calibration(system: System) -> Section:
    """Return reliability, and the scores before and after recalibration."""
    blocks: list[Block] = []
    unit = label("unit", system.unit)
    for protocol, path in list(system.with_file("reliability"))[:1]:
        frame = read_table(path, "model", "recalibration", "bin", "predicted", "observed")
        frame = frame.assign(title=frame["model"].map(system.title)).round(4)
        for name in ("n", "events"):
            frame[name] = [count(value, system.smallest) for value in frame[name]]
        for subset, part in by_subset(system, frame):
            caption = caption_of(
                protocol, subset, "observed share by tenth of the predicted probability"
            )
            description = f"Calibration curves of {', '.join(dict.fromkeys(part['title']))}."
            shown = part.drop(columns=["model", "bin"]).replace(
                {"recalibration": {key: label("recalibration", key) for key in _kinds(part)}}
            )
            spec = charts.specification(charts.reliability(shown, unit), description)
            blocks.append(Chart(caption, description, spec, _bins(system, protocol, part, caption)))
    for protocol, path in system.with_file("calibration"):
        needed = ["model", "recalibration", "score", "value", "low", "high", "calibrated_up_to"]
        frame = read_table(path, *needed)
        for subset, part in by_subset(system, frame):
            blocks.append(_recalibrated(system, protocol, subset, part))
    own = list(system.only_models_with("calibration"))
    if own:
        blocks.append(_bins_by_patient(system, own))
    return section("calibration", blocks, system=system.name)


def _bins_by_patient(system: System, models: list[tuple[str, Path]]) -> Table:
    """Return the bins of models without a protocol, with intervals by patient."""
    columns = [("Bin", True), ("Patients", True), (label("unit", system.unit), True)]
    columns += [("Events", True), ("Predicted", True), ("Observed (95 % CI by patient)", True)]
    rows: list[list[str]] = []
    needed = ["bin", "n", "events", "patients", "predicted", "observed", "low", "high"]
    for model, path in models:
        frame = read_table(path, *needed)
        rows.append([system.title(model)])
        rows += [
            [
                str(row.bin),
                *(count(n, system.smallest) for n in (row.patients, row.n, row.events)),
                number(row.predicted),
                with_interval(row.observed, row.low, row.high),
            ]
            for row in frame.itertuples()
        ]
    caption = "Observed share by bin of the predicted probability, with intervals by patient."
    return table(caption, columns, rows)


def _kinds(frame: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(frame["recalibration"]))


def _bins(system: System, protocol: Protocol, frame: pd.DataFrame, caption: str) -> Table:
    columns = [("Model", False), ("Recalibration", False), ("Tenth", True)]
    columns += [
        (label("unit", system.unit), True),
        ("Events", True),
        ("Predicted", True),
        ("Observed (95 % CI)", True),
    ]
    rows = [
        [
            row.title,
            label("recalibration", row.recalibration),
            str(row.bin),
            row.n,
            row.events,
            number(row.predicted),
            with_interval(row.observed, row.low, row.high),
        ]
        for row in frame.itertuples()
    ]
    return table(caption, columns, rows, optimistic=protocol.optimistic)


def _recalibrated(system: System, protocol: Protocol, subset: str, frame: pd.DataFrame) -> Table:
    names = [name for name in SCORES if name in set(frame["score"])]
    columns = [("Model", False), ("Recalibration", False)]
    columns += [heading(name) for name in names]
    rows: list[list[Cell | str]] = []
    for (model, kind), part in frame.groupby(["model", "recalibration"], sort=False):
        values = part.drop_duplicates("score").set_index("score").reindex(names)
        cells = [estimate(values.loc[name]) for name in names]
        rows.append([system.title(model), label("recalibration", kind), *cells])
    recalibrated = len(_kinds(frame)) > 1
    what = "before and after recalibration on inner predictions" if recalibrated else "as predicted"
    caption = caption_of(protocol, subset, what)
    options = {"optimistic": protocol.optimistic, "folded": protocol.optimistic}
    return table(caption, columns, rows, **options)


def decision(system: System) -> Section:
    """Return net benefit by threshold."""
    blocks: list[Block] = []
    for protocol, path in list(system.with_file("decision"))[:1]:
        frame = read_table(path, "model", "stays", "threshold", "net_benefit", "low", "high")
        # Models first, so that each keeps the colour that it has in the other charts.
        baseline = ~frame["model"].isin(system.names.index)
        frame = frame.assign(title=frame["model"].map(system.title), baseline=baseline).round(5)
        frame = frame.sort_values("baseline", kind="stable")
        # Of models whose sizes are hidden there is none.
        known = frame.groupby(["stays", "title"])["net_benefit"].transform("count") > 0
        for subset, part in by_subset(system, frame[known]):
            banded = _banded(system, part)
            band = f"net benefit, with the 95 % band of {banded}" if banded else "net benefit"
            caption = caption_of(protocol, subset, band)
            caption += "" if banded else f" {_NO_BAND}"
            description = f"Decision curves of {', '.join(dict.fromkeys(part['title']))}."
            columns = ["title", "threshold", "net_benefit", "low", "high"]
            spec = charts.specification(
                charts.decision(part[columns].dropna(subset=["net_benefit"]), banded), description
            )
            blocks.append(Chart(caption, description, spec, _benefits(protocol, part, caption)))
    return section("decision", blocks, system=system.name)


def _banded(system: System, frame: pd.DataFrame) -> str | None:
    """Return the title of the first main model, if its band leaves the lines to be read."""
    models = [name for name in system.main_models if name in set(frame["model"])]
    first = [*models, *frame["model"]][0]
    band = frame[frame["model"] == first].dropna(subset=["low", "high"])
    wide = (band["high"] - band["low"]).median()
    # With less than that, half of the chart would be grey.
    return str(band["title"].iloc[0]) if wide < 0.5 * frame["net_benefit"].max() else None


def _benefits(protocol: Protocol, frame: pd.DataFrame, caption: str) -> Table:
    in_steps = np.isclose(frame["threshold"] * 20, (frame["threshold"] * 20).round(), atol=1e-4)
    shown = frame[in_steps] if in_steps.any() else frame
    titles = list(dict.fromkeys(shown["title"]))
    columns = [("Threshold", True)] + [(f"{title} (95 % CI)", True) for title in titles]
    rows = []
    for threshold, part in shown.groupby("threshold"):
        by_title = part.drop_duplicates("title").set_index("title")
        entries = by_title.reindex(titles)[["net_benefit", "low", "high"]]
        texts = [with_interval(*entry) for entry in entries.to_numpy()]
        rows.append([number(threshold, 2), *texts])
    return table(caption, columns, rows, optimistic=protocol.optimistic)
