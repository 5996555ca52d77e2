"""What the documents ask a reader to type or to open is there."""

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from mimicflow import __version__
from mimicflow.cli import app
from mimicflow.concepts import static_features

FOLDERS = "benchmarks|docs|envs|presets|profiles|rules|src|tests|workflow"
# Of a documentation of ours, and no command: what follows the name in a sentence in code.
PATTERNS = {
    "make": re.compile(r"(?:^|[;&|`]\s*)make ((?!-)[\w./-]+)", re.M),
    "mimicflow": re.compile(r"(?:^|[;&|`]\s*)(?:\.venv/bin/)?mimicflow ((?:[a-z]+ ?)+)", re.M),
    "module": re.compile(r"python3? -m (mimicflow[\w.]*)"),
    "name": re.compile(r"(?<![\w./-])(mimicflow(?:\.\w+)+)"),
    "path": re.compile(rf"(?<![\w./-])((?:{FOLDERS})/[\w./*{{}}<>-]+)"),
}

# Rows of the table of cases in tests/README.md; E and F are not in it yet.
CASES = {f"{part}{n}" for part, last in zip("ABCDEFG", (11, 8, 8, 11, 10, 8, 18), strict=True)
         for n in range(1, last + 1)}  # fmt: skip


@pytest.fixture(scope="module")
def documents(repository):
    """The text of each document, by its path."""
    files = [*repository.glob("*.md"), *(repository / "docs").rglob("*.md"),
             repository / "results/README.md", repository / "tests/README.md",
             repository / "Makefile"]  # fmt: skip
    return {file.relative_to(repository): file.read_text(encoding="utf-8") for file in files}


def named(documents, kind):
    """Return what is named of a kind, in code spans and blocks: (document, text)."""
    found = set()
    for name, text in documents.items():
        spans = re.findall(r"```\w*\n(.*?)```|`([^`\n]+)`", text, re.S)
        code = [text] if name.name == "Makefile" else [block or span for block, span in spans]
        found |= {(name, match) for part in code for match in PATTERNS[kind].findall(part)}
    return found


def test_every_target_of_make_exists(documents):
    targets = set(re.findall(r"^([\w./-]+):(?!=)", documents[next(
        name for name in documents if name.name == "Makefile")], re.M))  # fmt: skip
    asked = named(documents, "make")

    assert {"run", "test", "report"} <= {target for _, target in asked}
    assert {(name, target) for name, target in asked if target not in targets} == set()


def test_every_command_of_mimicflow_exists(documents):
    asked = named(documents, "mimicflow")

    assert any(words.startswith("arrest score") for _, words in asked)
    for name, words in asked:
        command = get_command(app)
        for word in words.split():
            if not hasattr(command, "commands"):
                break  # an argument
            assert word in command.commands, f"{name} names mimicflow {words}"
            command = command.commands[word]


def test_no_target_stands_where_an_option_takes_it(documents):
    """Snakemake takes all words after ``--config`` and ``--configfile`` as theirs."""
    word = r"(?:'[^']*'|[^\s`#'\"&>]+)"
    given = re.compile(rf"(--config(?:files?)?)((?: (?!-){word})+)")
    documents = {name: text.replace("`", "#") for name, text in documents.items()}
    taken = [
        (str(name), option, each)
        for name, text in documents.items()
        for option, words in given.findall(text)
        for each in re.findall(word, words)
        if not ("=" in each if option == "--config" else each.rstrip(",.;:)").endswith(".yaml"))
    ]

    assert given.findall("snakemake --config 'a={b: 3}' all")[0][1] == " 'a={b: 3}' all"
    assert [of for of in taken if of[2] not in ("says", "it")] == []


@pytest.mark.parametrize("kind", ["module", "name"])
def test_every_name_in_the_package_exists(documents, kind):
    asked = named(documents, kind)

    assert len(asked) >= (1 if kind == "module" else 4)
    for name, dotted in asked:
        module, rest = dotted, []
        while True:
            try:
                place = importlib.import_module(module)
                break
            except ModuleNotFoundError:
                module, _, attribute = module.rpartition(".")
                rest.insert(0, attribute)
                assert module, f"{name} names {dotted}"
        for attribute in rest:
            assert hasattr(place, attribute), f"{name} names {dotted}"
            place = getattr(place, attribute)


def test_every_path_in_the_repository_exists(documents, repository):
    asked = named(documents, "path")

    assert len(asked) > 40
    for name, path in asked:
        if "..." in path or name.name == "Makefile":
            continue
        pattern = re.sub(r"\{[^}]*\}|<[^>]*>", "*", path).rstrip("/.")
        assert any(repository.glob(pattern)), f"{name} names {path}"


def test_every_rule_that_is_named_exists(documents, repository):
    """Whatever begins as rules do is one, or is listed here."""
    files = [repository / "Snakefile", *(repository / "rules").glob("*.smk")]
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    rules = set(re.findall(r"^ *(?:use rule \w+ as|rule) (\w+)", text, re.M))
    verbs = {rule.partition("_")[0] for rule in rules if "_" in rule}
    others = {"price_of_defects", "label_clock", "label_days", "score_ecg", "explain_models"}
    others |= {"audit_checks", "audit_sources", "audit_tables", "audit_settings", "audit_time"}
    others |= {"audit_leaks", "keep_known_events"}
    called = re.compile(rf"(?<![\w.-])(?:{'|'.join(verbs)})_\w+\b(?!\()")

    asked = {(name, rule) for name, text in documents.items() for rule in called.findall(text)}

    assert len({rule for _, rule in asked}) > 20
    assert {(name, rule) for name, rule in asked if rule not in rules | others} == set()


def test_every_link_between_documents_leads_somewhere(documents, repository):
    """In the repository, as GitHub shows it; the site leads to pages that it makes instead."""
    for name, text in documents.items():
        for link in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text):
            assert (repository / name.parent / link).exists(), f"{name} links {link}"


def test_every_test_that_the_table_of_cases_names_exists(documents, repository):
    text = documents[Path("tests/README.md")]
    assert set(re.findall(r"^\| ([A-G]\d+) \|", text, re.M)) == CASES
    file = ""
    for path, test in re.findall(r"`(tests/[\w/]+\.py)?(?:::(test_\w+))?`", text):
        file = path or file  # a test without a file is of the file named before it
        assert f"def {test}" in (repository / file).read_text(encoding="utf-8"), f"{file}::{test}"


@pytest.mark.parametrize(("uv", "locked_by"), [("exit 0", ["uv"]), ("exit 1", ["uv", "pip"])])
def test_pip_installs_where_uv_cannot(repository, tmp_path, uv, locked_by):
    shutil.copy(repository / "Makefile", tmp_path)
    for name in ("envs", ".venv/bin"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("envs/uv.txt", "requirements.lock", "torch.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    for tool, result in (("uv", uv), ("pip", "exit 0")):
        path = tmp_path / ".venv/bin" / tool
        path.write_text(f'#!/bin/sh\necho {tool} "$@" >> asked\n{result}\n')
        path.chmod(0o755)

    make = ["make", ".venv/installed", "PYTHON=true"]
    done = subprocess.run(make, cwd=tmp_path, capture_output=True, text=True, check=True)

    asked = (tmp_path / "asked").read_text().splitlines()
    assert [line.split()[0] for line in asked if "requirements.lock" in line] == locked_by
    assert asked[-2].endswith("--requirement torch.lock"), "after what is held to its hashes"
    assert ("uv cannot install here" in done.stderr) is (len(locked_by) > 1)


@pytest.mark.parametrize(
    ("snakemake", "dot", "after"),
    [
        ("echo digraph", "exit 1", "old"),
        ("echo digraph; exit 1", "echo new > $3", "old"),
        ("echo digraph", "echo new > $3", "new"),
    ],
)
def test_the_rule_graph_is_replaced_only_by_a_whole_one(
    repository, tmp_path, snakemake, dot, after
):
    """As without Graphviz, with a Snakemake that fails, or with both."""
    shutil.copy(repository / "Makefile", tmp_path)
    for name in ("docs/images", ".venv/bin"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "docs/images/rulegraph.svg").write_text("old\n")
    (tmp_path / "envs").mkdir()
    needed = ("envs/uv.txt", "requirements.lock", "torch.lock", "pyproject.toml")
    for name in (*needed, ".venv/installed"):
        (tmp_path / name).touch()
    for tool, line in ((".venv/bin/snakemake", snakemake), (".venv/bin/dot", dot)):
        (tmp_path / tool).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / tool).chmod(0o755)
    path = f"{tmp_path / '.venv/bin'}:{os.environ['PATH']}"

    made = subprocess.run(
        ["make", "dag"], cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True
    )

    assert (made.returncode == 0) is (after == "new"), made.stderr
    assert (tmp_path / "docs/images/rulegraph.svg").read_text() == f"{after}\n"
    assert [path.name for path in (tmp_path / "docs/images").iterdir()] == ["rulegraph.svg"]


@pytest.mark.parametrize("target", ["dag", "docs/images/rooms.svg"])
def test_without_graphviz_make_says_so_in_one_sentence(repository, tmp_path, target):
    shutil.copy(repository / "Makefile", tmp_path)
    for name in ("docs/images/rooms.dot", ".venv/installed", "bin/sh", "bin/nproc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    make = shutil.which("make")
    assert make is not None

    made = subprocess.run(
        [make, "-o", ".venv/installed", target, f"PATH={tmp_path / 'bin'}"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert made.returncode != 0
    assert made.stderr.splitlines()[0].startswith("Graphviz draws this and is not installed")
    assert not (tmp_path / "docs/images/rulegraph.svg").exists()


def test_a_missed_bar_hides_no_benchmark(repository, tmp_path):
    shutil.copy(repository / "Makefile", tmp_path)
    for name in ("benchmarks", ".venv/bin"):
        (tmp_path / name).mkdir(parents=True)
    for name, code in (("a", 1), ("b", 0), ("_c", 1), ("d", 1)):
        (tmp_path / f"benchmarks/{name}.py").write_text(
            f"print('ran {name}'); raise SystemExit({code})"
        )
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)

    made = subprocess.run(
        ["make", "-o", ".venv/installed", "bench"], cwd=tmp_path, capture_output=True, text=True
    )

    assert made.returncode != 0
    assert re.findall(r"^ran (\w+)$", made.stdout, re.M) == ["a", "b", "d"]
    assert "failed: benchmarks/a.py benchmarks/d.py" in made.stderr


def test_the_readme_counts_the_features_of_the_model(repository):
    text = (repository / "README.md").read_text(encoding="utf-8")

    assert f"{len(static_features())} static features" in text


def test_the_changelog_begins_with_the_version_of_the_package(repository):
    text = (repository / "CHANGELOG.md").read_text(encoding="utf-8")

    versions = re.findall(r"^## \[([^\]]+)\]", text, re.M)
    assert next(name for name in versions if name != "Unreleased") == __version__


def test_the_citation_is_of_this_version_and_has_what_the_format_asks(repository):
    cited = yaml.safe_load((repository / "CITATION.cff").read_text(encoding="utf-8"))

    assert set(cited) >= {"cff-version", "message", "title", "authors"}
    assert cited["version"] == __version__
    assert cited["authors"] == [{"name": "The mimicflow maintainers"}]


def test_no_reader_is_told_of_intervals_that_are_gone(repository):
    """Intervals leave patients out: none is drawn, none is Wilson's."""
    folders = ("docs/*.md", "src/mimicflow/reference/*.csv", "src/mimicflow/report/*.csv",
               "workflow/report/**/*.rst", "src/mimicflow/evaluation/**/*.j2",
               "src/mimicflow/evaluation/figures/*.py")  # fmt: skip
    files = [repository / "README.md", *(file for at in folders for file in repository.glob(at))]
    told = {
        (file.name, sentence)
        for file in files
        for sentence in re.split(r"[.;\n]", file.read_text(encoding="utf-8"))
        if re.search(r"\b(intervals?|bands?)\b", sentence)
        and re.search(r"\b(drawn (by|with)|patients drawn|draws|bootstrap|Wilson)\b", sentence)
    }
    # Why errors of calibration have none.
    assert {name for name, text in told if "adds the same chance once more" not in text} == set()


def test_no_text_of_the_pages_is_marked_up(repository):
    """They are not Markdown: a reader would see the marks."""
    for name in ("reference/audit_checks.csv", "reference/audit_settings.csv",
                 "report/sections.csv", "report/protocols.csv", "report/systems.csv"):  # fmt: skip
        assert "`" not in (repository / "src/mimicflow" / name).read_text(encoding="utf-8"), name
