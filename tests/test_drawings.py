"""The drawings and the tree of docs/architecture.md show the house as it is."""

import re
import tomllib
from collections import Counter
from html import unescape
from pathlib import Path

import pytest

import mimicflow

PACKAGE = Path(mimicflow.__file__).parent
BOLD = re.compile(r"<B>([^<]+)</B>")


@pytest.fixture
def drawing(repository):
    """Return what a drawing is made of, or the drawing."""
    return lambda name: (repository / "docs/images" / name).read_text(encoding="utf-8")


def rooms():
    """Return the folders and the loose modules of the package."""
    inside = (path for path in PACKAGE.iterdir() if not path.name.startswith("_"))
    return {path.stem for path in inside if path.is_dir() or path.suffix == ".py"}


def test_the_rooms_lie_as_the_contract_of_the_imports_says(repository, drawing):
    settings = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    contract = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    layers = [set(re.findall(r"\w+", layer)) - {"synthetic"} for layer in contract]

    rows = [set(BOLD.findall(row)) for row in drawing("rooms.dot").split("<TR>")[1:]]

    assert set.union(*rows) == rooms()
    assert [row - {"synthetic"} for row in rows] == layers


def test_the_tree_names_every_room_and_the_folders_within(repository):
    page = (repository / "docs/architecture.md").read_text(encoding="utf-8")
    tree = page.split("```")[1]
    within = {path.name for path in PACKAGE.glob("*/*") if (path / "__init__.py").exists()}

    named = set(re.findall(r"\b(\w+)/", tree)) | {"cli", "errors"}

    assert rooms() | within <= named


def test_the_tree_names_no_module_that_is_gone(repository):
    page = (repository / "docs/architecture.md").read_text(encoding="utf-8")
    within = page.split("```")[1].split("src/mimicflow/\n")[1].split("\ntests/")[0]
    named = set(re.findall(r"[a-z]+(?:_[a-z]+)+", within.replace("<concept>_features.sql", "")))
    for line in within.splitlines():
        for part in line[24:].rpartition("? ")[2].split(";"):
            modules = part.strip().partition(":")[0].rstrip(",")
            if re.fullmatch(r"\w+(, \w+)*", modules):
                named.update(modules.split(", "))

    assert len(named) > 50
    assert named - {path.stem for path in PACKAGE.rglob("*.py")} == set()


def test_every_rule_and_file_of_the_ways_exists(repository, drawing):
    text = drawing("ways.dot")
    chapters = "".join(file.read_text() for file in (repository / "rules").glob("*.smk"))
    rules = set(re.findall(r"^ *rule (\w+):", chapters, re.M))
    named = {rule for bold in BOLD.findall(text) if "_" in bold for rule in bold.split(", ")}
    files = re.findall(r"[\w/]+\.(?:py|sql)\b", text)

    assert len(named) > 10 and named <= rules
    assert len(files) > 15
    assert [file for file in files if not (PACKAGE / file).is_file()] == []


def test_every_result_of_the_ways_is_made_by_a_rule(repository, drawing):
    chapters = "".join(file.read_text() for file in (repository / "rules").glob("*.smk"))
    made = [re.sub(r"\\{\w+\\}", r"[^/]+", re.escape(re.sub(r"{scenario}|{full}", "", path)))
            for path in re.findall(r'"results/([^"]+\.\w+)"', chapters)]  # fmt: skip
    plain = " ".join(re.findall(r'label="([^"]+)"', drawing("ways.dot"))).replace("\\n", " ")
    results = re.findall(r"[\w/{}]+\.(?:parquet|npy|pth|csv|txt|html)", plain)

    assert len(results) > 10
    assert [path for path in results if not any(re.fullmatch(rule, path) for rule in made)] == []


@pytest.mark.parametrize("name", ["rooms", "ways"])
def test_a_drawing_is_made_of_its_source_as_it_stands(drawing, name):
    source, drawn = drawing(f"{name}.dot"), drawing(f"{name}.svg")
    labels = re.findall(r'label=(?:"([^"]+)"|<(.+?)>\])', source, re.S)
    written = [plain.replace("\\n", " ") + re.sub(r"<[^<>]+>", " ", html) for plain, html in labels]
    shown = [unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", drawn)]

    words = Counter(" ".join(written).split())

    assert words.total() > 50
    assert words == Counter(" ".join(shown).replace("\N{NO-BREAK SPACE}", " ").split())
