"""Every figure of the documents stands in a committed file, or says where it comes from.

Figures are numbers with a unit and scores with two decimals or more. ``docs/figures.csv`` lists
those that no committed table, schema or configuration has: document, section, source (the command
or the file of a named run) and the figures themselves, as they are written.
"""

import re
from collections import defaultdict

import pandas as pd
import pytest

UNITS = "%|ms|s|min|h|days?|MB|GB|MiB|GiB|stays|patients|epochs|rows|ECGs|admissions|events|deaths"
NUMBER = re.compile(
    rf"(?<![\w.,/:-])(?:\d+(?:,\d{{3}})*(?:\.\d+)?(?= (?:{UNITS})(?!\w))|0?\.\d{{2,}}(?![\w.]*\w))"
)
NO_TEXT = re.compile(r"```.*?```|`[^`\n]*`|\]\([^)\n]*\)", re.S)
"""What is typed and linked: tests/test_documents.py looks at it."""


def sections(text):
    """Return the text of each section by its heading, without code."""
    found, heading = defaultdict(str), ""
    for line in NO_TEXT.sub("", text).splitlines():
        heading = line.strip("# ") if re.match("#+ ", line) else heading
        found[heading] += line + "\n"
    return found


@pytest.fixture(scope="module")
def figures(repository):
    """The figures of each section, by document and heading."""
    files = [repository / "README.md", *sorted((repository / "docs").glob("*.md"))]
    return {
        (file.name, heading): dict.fromkeys(NUMBER.findall(part))
        for file in files
        for heading, part in sections(file.read_text(encoding="utf-8")).items()
    }


@pytest.fixture(scope="module")
def listed(repository):
    table = pd.read_csv(repository / "docs/figures.csv", dtype=str, keep_default_na=False)
    return {
        (row.document, row.section): (row.source, row.figures.split()) for row in table.itertuples()
    }


@pytest.fixture(scope="module")
def committed(repository):
    """Every number of the configuration and of committed tables; of measured ones rounded too."""
    exact = [*repository.glob("src/mimicflow/reference/*.csv"), repository / "config.yaml"]
    exact += repository.glob("presets/*.yaml")
    measured = [*repository.glob("benchmarks/_*/*.csv"), repository / "docs/scaling.csv"]
    measured += repository.glob("src/mimicflow/reference/published_*.csv")
    number = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])")
    known = {n for file in exact for n in number.findall(file.read_text(encoding="utf-8"))}
    for file in measured:
        for n in set(number.findall(file.read_text(encoding="utf-8"))):
            known |= {f"{float(n):.{digits}f}" for digits in (1, 2, 3, 4)} if "." in n else {n}
            known |= {f"{100 * float(n):.0f}"} if n.startswith("0.") else set()  # as per cent
    return known


def plain(figure):
    """Return a figure as a table writes it."""
    return f"0{figure}" if figure.startswith(".") else figure.replace(",", "")


def test_every_figure_comes_from_a_file_or_says_from_where(figures, listed, committed):
    assert sum(map(len, figures.values())) > 400
    lost = [
        (*place, figure)
        for place, found in figures.items()
        for figure in found
        if plain(figure) not in committed and figure not in listed.get(place, ("", []))[1]
    ]
    assert lost == []


def test_every_figure_that_is_listed_is_still_written(figures, listed):
    assert [place for place in listed if place not in figures] == []
    assert [
        (*place, figure)
        for place, (_, written) in listed.items()
        for figure in written
        if figure not in figures[place]
    ] == []


def test_every_source_is_a_command_or_a_file_of_a_named_run(listed, repository):
    for place, (source, _) in listed.items():
        paths = re.findall(r"(?:benchmarks|docs|presets|tests|src)/[\w./]+\w", source)
        assert all((repository / path).exists() for path in paths), place
        assert re.search(r"run|make |benchmarks/|presets/|published|example|MIMIC", source), place


def test_a_figure_from_nowhere_is_found(committed):
    text = "## Results\nAUROC 0.98765 in 31,337 patients, `0.5551` as code, after 3.25."
    found = NUMBER.findall(sections(text)["Results"])
    assert found == ["0.98765", "31,337"]
    assert not {plain(figure) for figure in found} & committed
