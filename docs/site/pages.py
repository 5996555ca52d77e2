"""Pages of the site that are made of what they describe, so that they cannot say otherwise.

A hook of MkDocs: the configuration is made of its schema, the files and columns of their tables,
the commands of the command line, the changes of the changelog. What a page links to outside of
``docs/`` is copied beside it.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer.main
import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from mimicflow.cli import app

REPOSITORY = Path(__file__).parents[2]
REFERENCE = REPOSITORY / "src/mimicflow/reference"
_LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)((?:#[^)\s]*)?)\)")
_MADE_OF = {
    "CHANGELOG.md": "changes.md",
    "config.yaml": "reference/configuration.md",
    "results/README.md": "reference/files.md",
}
"""What a link leads to in the repository, and the page of the site that is made of it."""
_KINDS = {
    "patients": "never meant for readers",
    "aggregate": "meant for readers, no small cell",
    "technical": "names nobody, counts rows as they are",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the made pages, and the files of the repository that pages link to."""
    made = {
        "reference/configuration.md": "\n".join(configuration()),
        "reference/files.md": "\n".join(output_files()),
        "reference/columns.md": "\n".join(columns()),
        "reference/commands.md": "\n".join(commands()),
        "changes.md": (REPOSITORY / "CHANGELOG.md").read_text("utf-8"),
    }
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    for path in sorted({path for file in files.documentation_pages() for path in _outside(file)}):
        files.append(
            File.generated(config, f"files/{path}.txt", content=(REPOSITORY / path).read_bytes())
        )
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links to files outside of ``docs/`` lead to their copies."""
    here = Path(page.file.src_uri).parent

    def moved(found: re.Match[str]) -> str:
        path = _repository_path(page.file, found[1])
        if path in _MADE_OF:
            inside = _MADE_OF[path]
        elif path.startswith("docs/"):
            inside = path.removeprefix("docs/")
        else:
            return f"]({os.path.relpath(f'files/{path}.txt', here)})"
        return f"]({os.path.relpath(inside, here)}{found[2]})"

    return _LINK.sub(moved, markdown)


def configuration() -> Iterator[str]:
    """Yield the page of all keys: what each means, allows, and is by default."""
    schema = yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text("utf-8"))
    values = yaml.safe_load((REPOSITORY / "config.yaml").read_text("utf-8"))
    yield "# Configuration\n"
    yield "Every key of `config.yaml`, made of its schema. An overlay says only what differs;"
    yield "a key on the command line is `--config 'cohort={max_ecgs: 3}'`.\n"
    for section, part in schema["properties"].items():
        part = _resolved(part, schema["$defs"])
        yield f"## {section}\n"
        if part.get("description"):
            yield f"{part['description']}\n"
        rows = list(_keys(section, part, values.get(section)))
        if rows:
            yield "| key | default | allowed | what |\n|---|---|---|---|"
            yield from rows
            yield ""


def _resolved(part: Any, definitions: Mapping[str, Any]) -> Any:
    """Return a part of the schema with what it refers to; what it says itself stands above."""
    if isinstance(part, list):
        return [_resolved(each, definitions) for each in part]
    if not isinstance(part, dict):
        return part
    name = part.get("$ref", "").rpartition("/")[2]
    whole = {**definitions.get(name, {}), **part}
    return {key: _resolved(value, definitions) for key, value in whole.items() if key != "$ref"}


def _keys(path: str, part: Mapping[str, Any], value: Any) -> Iterator[str]:
    """Yield a row per key below a part of the schema."""
    inner = part.get("properties")
    blocks = part.get("additionalProperties")
    if inner is None and isinstance(blocks, Mapping) and blocks.get("properties"):
        first = next(iter(value or {}), None)
        yield from _keys(f"{path}.*", blocks, (value or {}).get(first))
        return
    if inner is None and isinstance(value, Mapping) and value:
        of = {**(blocks if isinstance(blocks, Mapping) else {}), "description": part["description"]}
        for key, each in value.items():
            yield from _keys(f"{path}.{key}", of, each)
        return
    if inner is None:
        yield f"| `{path}` | {_code(value)} | {_allowed(part)} | {_text(part.get('description'))} |"
        return
    for key, of in inner.items():
        below = value.get(key) if isinstance(value, Mapping) else None
        yield from _keys(f"{path}.{key}", of, below)


def _allowed(part: Mapping[str, Any]) -> str:
    """Return in words what the schema allows."""
    if "enum" in part:
        return ", ".join(_code(value) for value in part["enum"])
    if "const" in part:
        return _code(part["const"])
    for several in ("oneOf", "anyOf"):
        if several in part:
            return " or ".join(_allowed(each) for each in part[several])
    kind = part.get("type", "")
    words = " or ".join(kind) if isinstance(kind, list) else str(kind)
    if part.get("items"):
        words += f" of {_allowed(part['items'])}"
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {part[key]:,}" for key, sign in signs.items() if key in part]
    return " ".join([words, *limits]).strip()


def _code(value: Any) -> str:
    if value is None:
        return ""
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("\n...\n")
    return f"`{text.strip()}`".replace("|", "\\|")


def _text(text: str | None) -> str:
    return (text or "").replace("|", "\\|")


def output_files() -> Iterator[str]:
    """Yield the page of all files below ``results/``, by kind."""
    yield "# Output files\n"
    yield "Every file below `results/`; the first line that fits decides its kind."
    yield "`*` stands for a name, `**/` for folders, `{a,b}` for one of them.\n"
    rows = list(_table("result_files.csv"))
    for kind, words in _KINDS.items():
        yield f"## {kind.capitalize()}: {words}\n\n| file | what |\n|---|---|"
        yield from (
            f"| `{row['pattern']}` | {_text(row['what'])} |" for row in rows if row["kind"] == kind
        )
        yield ""


def columns() -> Iterator[str]:
    """Yield the page of all columns of all tables."""
    yield "# Columns\n"
    yield "One word has one meaning in all tables; where it has not, the table is named."
    yield "`x_low`, `x_high` (or `_lower`, `_upper`) are the bounds of the 95 % interval of `x`."
    yield "Features of the models: `static_features.csv`, `hrv_measures.csv` and"
    yield "`clinical_features.csv` in `src/mimicflow/reference`.\n"
    yield "| column | in | type | unit | what |\n|---|---|---|---|---|"
    for row in sorted(_table("columns.csv"), key=lambda row: row["column"]):
        where = f"`{row['files']}`" if row["files"] else ""
        said = [f"`{row['column']}`", where, row["type"], row["unit"], _text(row["what"])]
        yield f"| {' | '.join(said)} |"


def commands() -> Iterator[str]:
    """Yield the page of all commands, as their help says."""
    yield "# Commands\n"
    yield "`make help` lists the targets of the Makefile; Snakemake's options work as elsewhere.\n"
    yield from _command("mimicflow", typer.main.get_command(app))


def _command(name: str, command: Any) -> Iterator[str]:
    """Yield the help of a command and of those below it."""
    help_text = (command.help or "").strip()
    yield f"## {name}\n\n{help_text}\n"
    options = [each for each in command.params if each.name not in ("help", "version")]
    if options:
        yield "| argument | what |\n|---|---|"
        for each in options:
            said = each.metavar or (each.name or "").upper()
            shown = " ".join([*each.opts, said]) if each.param_type_name == "option" else said
            yield f"| `{shown}` | {_text(getattr(each, 'help', ''))} |"
        yield ""
    for below, child in getattr(command, "commands", {}).items():
        yield from _command(f"{name} {below}", child)


def _table(name: str) -> Iterator[dict[str, str]]:
    with (REFERENCE / name).open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def _outside(file: File) -> Iterator[str]:
    """Yield the files outside of ``docs/`` to which a page links."""
    for found in _LINK.finditer(file.content_string):
        path = _repository_path(file, found[1])
        if not path.startswith("docs/") and path not in _MADE_OF:
            yield path


def _repository_path(file: File, link: str) -> str:
    """Return where a link leads to in the repository, of which the changelog lies on top."""
    folder = "." if file.src_uri == "changes.md" else f"docs/{Path(file.src_uri).parent}"
    return os.path.normpath(f"{folder}/{link}")
