"""Chapter of visits: how many the patients have, in all protocols."""

from __future__ import annotations

import pandas as pd

from mimicflow.evaluation.smallest_cell import HIDDEN, SMALLEST_CELL, to_hide
from mimicflow.report import charts, grouped_charts
from mimicflow.report.blocks import Block, Chart, Section, Table, count, number, table
from mimicflow.report.chapters import section
from mimicflow.report.chapters.masking import Shown
from mimicflow.report.chapters.models import System
from mimicflow.report.inputs import label, read_table


def visits(system: System) -> Section:
    """Return the patients by number of visits, and the statistics of these numbers."""
    blocks: list[Block] = []
    counts = {
        protocol.marked_title: _shown(
            read_table(path, "n_visits", "patients").set_index("n_visits")["patients"],
            system.smallest,
        )
        for protocol, path in system.with_file("visits")
    }
    if any(texts.str.isdigit().any() for texts in counts.values()):
        blocks.append(_chart(pd.DataFrame(counts).sort_index().fillna("0")))
    columns = {
        protocol.marked_title: _statistics(
            read_table(path, "statistic", "value").set_index("statistic")["value"],
            counts.get(protocol.marked_title),
            system.smallest,
        )
        for protocol, path in system.with_file("visits_summary")
    }
    if columns:
        blocks.append(_summary(pd.DataFrame(columns), Shown(system.smallest)))
    return section("visits", blocks, system=system.name)


def _shown(patients: pd.Series, smallest: int) -> pd.Series:
    """Return the counts as texts: ``<10`` and ``hidden`` as in the file, or hidden here."""
    numbers = pd.to_numeric(patients, errors="coerce")
    texts = numbers.map("{:.0f}".format).where(numbers.notna(), patients)
    if numbers.notna().all():
        column = numbers.to_numpy()[:, None]
        hidden = to_hide(column, column, smallest)[:, 0]
        small = [count(n, smallest) if n < smallest else HIDDEN for n in numbers]
        texts = texts.mask(hidden, pd.Series(small, index=texts.index))
    return texts


def _chart(texts: pd.DataFrame) -> Chart:
    """Chart what is shown; hidden numbers of visits at the end are one row of the table."""
    shown = texts.apply(pd.to_numeric, errors="coerce")
    last = shown.index[(shown > 0).any(axis=1)][-1]
    rest, every = texts[texts.index > last], range(int(texts.index[0]), int(last) + 1)
    texts, shown = texts.reindex(every, fill_value="0"), shown.reindex(every, fill_value=0)
    points = shown.rename_axis("place").reset_index().melt("place", var_name="title")
    caption = "Patients by number of visits."
    if len(rest) or shown.isna().any(axis=None):
        caption += f" Bars of fewer than {SMALLEST_CELL} patients are not drawn."
    description = f"Bar chart of patients by number of visits. {' and '.join(texts)}."
    columns = [("Visits", True), *((f"Patients, {name}", True) for name in texts)]
    rows = [
        [str(visits), *(count(int(text)) if text.isdigit() else text for text in row)]
        for visits, row in zip(texts.index, texts.to_numpy(), strict=True)
    ]
    if len(rest):
        cells = [HIDDEN if (rest[name] != "0").any() else "0" for name in rest]
        rows.append([f"{rest.index[0]}+", *cells])
    drawn = grouped_charts.grouped_bars(points, "Visits", "Patients")
    spec = charts.specification(drawn, description)
    return Chart(caption, description, spec, table(caption, columns, rows), wide=True)


def _statistics(values: pd.Series, patients: pd.Series | None, smallest: int) -> pd.Series:
    """Replace a least or largest number that may be that of a single real patient."""
    values = values.astype(object)
    if not smallest:
        return values
    known = [] if patients is None else patients.index[patients.str.isdigit()].tolist()
    for name, place, sign in (("min", 0, "<"), ("max", -1, ">")):
        if not known or patients is None:
            values[name] = HIDDEN
        elif patients.index[place] != known[place]:
            values[name] = f"{sign}\u202f{known[place]}"
    return values


def _summary(statistics: pd.DataFrame, shown: Shown) -> Table:
    rows = []
    for name, values in statistics.iterrows():
        digits = 2 if name == "mean" else 1
        rows.append(
            [
                label("statistic", name),
                *(
                    shown.write(float(value), "patients")
                    if name == "patients" and _is_number(value)
                    else _text(value, digits)
                    for value in values
                ),
            ]
        )
    columns = [("Visits of a patient", False), *((str(name), True) for name in statistics)]
    return table("Number of visits of a patient.", columns, rows)


def _is_number(value: object) -> bool:
    return bool(pd.notna(pd.to_numeric(str(value), errors="coerce")))


def _text(value: object, digits: int) -> str:
    """Write a whole number without decimals; what is hidden stays as it is."""
    if not _is_number(value):
        return str(value)
    return number(float(str(value)), 0 if float(str(value)).is_integer() else digits)
