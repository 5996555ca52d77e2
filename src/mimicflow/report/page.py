"""Build the page: chapters in order, put into one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mimicflow.errors import ConfigError
from mimicflow.evaluation.study import Study
from mimicflow.report.blocks import Block, Chart, Section
from mimicflow.report.chapters import (
    alarms,
    audit,
    cohort,
    curves,
    epochs,
    explanations,
    horizons,
    performance,
    run,
    section,
    sequences,
    signals,
    summary,
    training,
    visits,
    ward,
)
from mimicflow.report.chapters.models import System
from mimicflow.report.inputs import TEXTS, SharedFiles, SystemFiles, texts_of
from mimicflow.running.writing import atomic_output

LIMIT = 5_000_000  # bytes
_TEMPLATES = Path(__file__).parent / "templates"
log = logging.getLogger(__name__)

COMPARISONS = {"mortality": sequences.comparison, "arrest": horizons.comparison}
"""How a system's models stand side by side."""


def build_report(
    title: str,
    systems: Mapping[str, SystemFiles],
    shared: SharedFiles,
    output: str | Path,
    study: Study,
) -> None:
    """Write the report as one HTML page that opens offline.

    A section is there only if its files are given. Only aggregates are shown; unless the data are
    synthetic, counts under ten are hidden.

    Parameters
    ----------
    title : str
        Heading of the page.
    systems : mapping of str to SystemFiles
        Key of ``systems.csv`` -> files, in the order of the page.
    shared : SharedFiles
        Files of the whole run.
    output : path-like
        The page.
    study : Study
        Whose report it is: of synthetic data the page says so on top, and hides nothing.

    Raises
    ------
    ConfigError
        A system of which ``systems.csv`` knows nothing.
    InputError
        A file that is missing or not what it should be.
    """
    unknown = sorted(set(systems) - set(texts_of("systems").index))
    if unknown:
        raise ConfigError(
            f"the report has no words for {', '.join(unknown)}",
            file=TEXTS["systems"],
            remedy="add a row that says what is predicted, for whom and when",
        )
    known = [System(name, files, study.smallest_cell) for name, files in systems.items()]
    write_page(title, list(_chapters(known, shared, study)), output, study)


def write_page(
    title: str,
    chapters: list[Section],
    output: str | Path,
    study: Study,
) -> None:
    """Write chapters as one HTML page that opens offline; empty ones are left out.

    One chapter is seen at a time, all of them on paper and without JavaScript.

    Parameters
    ----------
    title : str
        Heading of the page.
    chapters : list of Section
        In the order of the page.
    output : path-like
        The page.
    study : Study
        Whose page it is.
    """
    chapters = [chapter for chapter in chapters if not chapter.empty]
    specs = {block.id: block.spec for block in _blocks(chapters) if isinstance(block, Chart)}
    page = _render(title, chapters, specs, study.synthetic)
    size = len(page.encode("utf-8"))
    if size > LIMIT:
        log.warning(
            "the page has %.1f MB, above the %.0f MB it should have", size / 1e6, LIMIT / 1e6
        )
    with atomic_output(output) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _chapters(systems: list[System], shared: SharedFiles, study: Study) -> Iterator[Section]:
    yield summary.summary(systems)
    for system in systems:
        parts = [part for part in _system_sections(system) if not part.empty]
        blocks = summary.opening(system) if parts else []
        name = f"system-{system.name}"
        yield Section(name, system.words["title"], blocks=blocks, sections=parts)
    parts = []
    manifests = [shared.manifest, *(system.files.manifest for system in systems)]
    manifest = run.read_manifests(path for path in manifests if path is not None)
    if manifest["tables"]:
        parts.append(run.quality(manifest, study.smallest_cell))
    if shared.excluded is not None:
        parts.append(run.excluded(shared.excluded, study.smallest_cell))
    yield section("data_quality", sections=parts)
    parts = [run.data_versions(manifest)] if manifest["tables"] else []
    if shared.run is not None:
        parts += run.run_sections(shared.run)
    yield section("run", sections=parts)


def _system_sections(system: System) -> Iterator[Section]:
    files = system.files
    yield cohort.flow(system)
    yield cohort.table_one(system)
    yield cohort.competing(system)
    yield cohort.sample_size(system)
    yield cohort.missing(system)
    yield visits.visits(system)
    if files.epochs is not None:
        yield epochs.epochs(system, files.epochs)
    if files.comparison is not None:
        yield COMPARISONS[system.name](system, files.comparison)
    if files.leak is not None:
        yield sequences.leak(system, files.leak)
    yield horizons.operating(system)
    yield alarms.alarms(system)
    yield performance.scores(system)
    yield curves.discrimination(system)
    yield curves.calibration(system)
    yield ward.populations(system)
    yield curves.decision(system)
    yield performance.comparisons(system)
    yield ward.doubtful(system)
    yield ward.gaps(system)
    yield performance.folds(system)
    yield training.confusion(system)
    yield performance.subgroups(system)
    if files.price_of_defects is not None:
        yield performance.price_of_defects(system, files.price_of_defects)
    if files.importance is not None:
        yield explanations.importance(system, files.importance)
    if files.ablation is not None:
        yield explanations.ablation(system, files.ablation)
    if files.attributions is not None:
        yield explanations.attributions(system, files.attributions)
    yield explanations.ecgs(system)
    yield signals.selection(system)
    yield signals.shap(system)
    if files.hrv_over_time is not None:
        yield signals.over_time(system, files.hrv_over_time)
    yield training.history(system)
    yield sequences.neighbours(system)
    yield audit.audit(system)


def _blocks(sections: list[Section]) -> Iterator[Block]:
    for part in sections:
        yield from part.blocks
        yield from _blocks(list(part.sections))


def _render(
    title: str,
    chapters: list[Section],
    specs: dict[str, dict[str, Any]],
    synthetic: bool,
) -> str:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # The own one first: chapters are hidden before the bundle, most of the page, is read.
    scripts = [_template("page.js"), *([_bundle()] if specs else [])]
    return environment.get_template("page.html.j2").render(
        title=title,
        chapters=chapters,
        synthetic=synthetic,
        style=Markup(_template("style.css")),
        scripts=[Markup(script) for script in scripts],
        hashes=Markup(" ".join(map(_hash, scripts))),
        # "<" would let a text end the script element
        specs=Markup(json.dumps(specs, separators=(",", ":")).replace("<", "\\u003c")),
    )


def _template(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _bundle() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script, fit to stand inside an element."""
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;").replace(
        "</script", "<\\/script"
    )


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
