"""Every figure of the documents stands in a committed file, or says where it comes from.

Figures are numbers with a unit, of a range, of a ratio, alone in a cell, or with a point.
``docs/figures.csv`` accounts for each by its document and section, as one of these kinds:

- ``table``: ``figures`` is a piece of the text with its numbers. They are, in this order, the
  ``columns`` of the one row of ``source`` for which ``row`` holds, rounded as they are written.
- ``file``: each number stands in a file of ``source``, rounded as it is written, or as per cent.
- ``defined``, ``measured``, ``paper``: the numbers are what the text decides, what a command or
  the logs of a run in ``source`` said, or what a publication says. No committed file has them.

Tables of the default run that are named there lie in ``docs/run/``; ``python
docs/run/record.py results`` brings those of another run and writes the figures of kind ``table``.
"""

import re
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import pandas as pd
import pytest

KINDS = ("table", "file", "defined", "measured", "paper")
UNITS = "%|×|ms|s|min|h|days?|hours?|minutes?|MB|GB|MiB|GiB|stays|patients|epochs|rows|ECGs"
UNITS += "|admissions|events|deaths|jobs|arrests|recordings|samples"
RECORD = run_path(str(Path(__file__).parents[1] / "docs/run/record.py"))
ONE, NUMBERS, with_values = RECORD["ONE"], RECORD["NUMBERS"], RECORD["with_values"]
NUMBER = re.compile(
    rf"(?<![\w.,/:-])(?:{ONE}(?=(?: ?(?:–|-|/|to|of|or|and) ?{ONE})*[ -]?(?:{UNITS})(?!\w))"
    rf"|{ONE}(?= of (?:the )?{ONE})|(?<= of ){ONE}(?![\w.]*\w)|(?<=[^\n]\| ){ONE}(?= \|)"
    rf"|\d+\.\d+(?![\w.]*\w)|\.\d{{2,}}(?![\w.]*\w))"
)
WORDS = "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty"
WORDS += "|fifty|sixty|seventy|eighty|ninety|hundred|thousand"
IN_WORDS = re.compile(rf"\b(?:{WORDS})\b[ -](?:per ?cent|%)", re.I)
NO_TEXT = re.compile(r"```.*?```|`[^`\n]*`|\]\([^)\n]*\)", re.S)
"""What is typed and linked: tests/test_documents.py looks at it."""


def sections(text):
    """Return the text of each section by its heading, without code."""
    found, heading = defaultdict(str), ""
    for line in NO_TEXT.sub("", text).splitlines():
        heading = line.strip("# ") if re.match("#+ ", line) else heading
        found[heading] += line + "\n"
    return found


def faults(text, rows):
    """Return what the rows of docs/figures.csv have otherwise than the text of their section."""
    listed = Counter()
    found = []
    for row in rows:
        if row.kind == "table":
            found += [] if text.count(row.figures) == 1 else [f"not once there: {row.figures}"]
            text = text.replace(row.figures, " ")
        else:
            listed += Counter(row.figures.split())
    written = Counter(NUMBER.findall(text))
    found += [f"from nowhere: {figure}" for figure in written - listed]
    return found + [f"not written any more: {figure}" for figure in listed - written]


def is_rounded(figure, value, per_cent=False):
    """Return whether a figure is a number as it is written."""
    decimals = len(figure.partition(".")[2])
    written = float(figure.replace(",", "").replace("−", "-"))
    return abs(written - (100 * value if per_cent else value)) <= 0.5 * 10**-decimals + 1e-9


def numbers_of(text):
    """Return every number of a piece of text, signed, and whether it is per cent."""
    return [(number, bool(unit)) for number, unit in NUMBERS.findall(text)]


@pytest.fixture(scope="module")
def texts(repository):
    """The text of each section, by document and heading."""
    documents = {"README.md": repository / "README.md"}
    documents |= {
        str(file.relative_to(repository / "docs")): file
        for file in sorted((repository / "docs").rglob("*.md"))
        if not file.is_relative_to(repository / "docs/decisions")  # of their day
    }
    return {
        (name, heading): part
        for name, file in documents.items()
        for heading, part in sections(file.read_text(encoding="utf-8")).items()
    }


@pytest.fixture(scope="module")
def listed(repository):
    table = pd.read_csv(repository / "docs/figures.csv", dtype=str, keep_default_na=False)
    return list(table.itertuples())


@cache
def numbers_in(path):
    return frozenset(re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])", path.read_text("utf-8")))


def in_files(figure, paths):
    """Return whether a file has a number that rounds to a figure, as it is or as per cent."""
    values = {float(number) for path in paths for number in numbers_in(path)}
    return any(is_rounded(figure, value) or is_rounded(figure, value, True) for value in values)


def test_every_figure_is_accounted_for_as_often_as_it_is_written(texts, listed):
    by_place = defaultdict(list)
    for row in listed:
        by_place[row.document, row.section].append(row)
    assert by_place.keys() <= texts.keys()
    assert sum(len(NUMBER.findall(text)) for text in texts.values()) > 2000
    found = {place: faults(text, by_place[place]) for place, text in texts.items()}
    assert {place: of for place, of in found.items() if of} == {}
    assert [place for place, text in texts.items() if IN_WORDS.search(text)] == []


def test_every_figure_of_a_table_is_that_of_its_row_and_columns(listed, repository):
    wrong = []
    for row in listed:
        if row.kind != "table":
            continue
        found = pd.read_csv(repository / row.source).query(row.row)
        figures, columns = numbers_of(row.figures), row.columns.split()
        assert len(found) == 1 and len(figures) == len(columns), row
        values = [found.iloc[0][column] for column in columns]
        wrong += [
            (row.document, row.section, figure, column, value)
            for (figure, per_cent), column, value in zip(figures, columns, values, strict=True)
            if not is_rounded(figure, value, per_cent)
        ]
    assert wrong == []


def test_every_figure_of_a_file_stands_there(listed, repository):
    for row in listed:
        if row.kind == "file":
            paths = [repository / name for name in row.source.split()]
            assert [of for of in row.figures.split() if not in_files(of, paths)] == [], row


def test_every_source_is_named(listed, repository):
    for row in listed:
        assert row.kind in KINDS, row
        paths = re.findall(r"(?<![\w/])(?:benchmarks|docs|presets|tests|src)/[\w./]+\w", row.source)
        assert all((repository / path).exists() for path in paths), row
        assert row.kind == "defined" or row.source, row
        if row.kind == "measured":
            assert paths or re.search(r"make |run", row.source), row


WRONG = "of 18 arrests 17 are announced (94 %), 12–31 % of 2,000 samples, ten per cent, 0.98765"


def test_no_figure_slips_through(listed, repository):
    """Of a range, of a ratio, with and without a blank, in words, of another row of the table."""
    assert NUMBER.findall(WRONG) == ["18", "94", "12", "31", "2,000", "0.98765"]
    assert NUMBER.findall(WRONG.replace(" %", "%"))[1:4] == ["94", "12", "31"]
    assert IN_WORDS.search(WRONG)
    assert numbers_of("−0.003 (−0.016 to 0.011), 1,117 patients, 0.896–0.941, 6 %") == [
        *[("−0.003", False), ("−0.016", False), ("0.011", False), ("1,117", False)],
        *[("0.896", False), ("0.941", False), ("6", True)],
    ]
    assert is_rounded("0.92", 0.9249) and not is_rounded("0.92", 0.9251)
    assert is_rounded("94", 0.944, True) and not is_rounded("−0.003", 0.0031)
    lines = [row for row in listed if row.source.endswith("admission/comparison.csv")]
    text = " ".join(row.figures for row in lines) + " 0.938"
    rows = [*lines, SimpleNamespace(kind="measured", figures="0.938")]
    assert faults(text, rows) == []
    assert faults(text.replace("0.938", "0.918"), rows)
    assert faults(text.replace(lines[0].figures, lines[1].figures), rows)
    assert faults(text + " 0.938", rows) == ["from nowhere: 0.938"]


def test_figures_of_another_run_are_written_as_those_before():
    text = "−0.003 (−0.016 to 0.011), 7 of 1,003 patients (41 %), 0.896–0.941"
    values = [0.0104, -0.00004, 1.5, 12, 999, 0.052, 0.9, 0.95]
    written = "0.010 (0.000 to 1.500), 12 of 999 patients (5 %), 0.900–0.950"
    assert with_values(text, values) == written
