"""Every figure of a document is looked up in the files that it must come from."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import pandas as pd

from mimicflow.concepts import static_features
from mimicflow.evaluation.documents import facts
from mimicflow.reference import reference

# A figure stands alone: not inside a name such as ppv_0.8 or F1.
FIGURE = re.compile(r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)*(?!\w)")
DIGEST = re.compile(r"`[0-9a-f]{16,}`")

SECTIONS = {
    "Performance": ["scores"],
    "Thresholds": ["scores", "run"],
    "Calibration": ["calibration"],
    "Decision": ["decision"],
    "Subgroups": ["subgroups"],
    "Sample size": ["sample_size"],
    "What drives a prediction": ["ablation", "importance"],
    "Data": ["manifest"],
    "Cohort": ["attrition", "spine"],
    "Configuration": ["run"],
}
"""Section of the model card -> the files that its figures come from."""

CHECKLIST = ["scores", "calibration", "attrition", "spine", "manifest", "run", "table_one"]
CHECKLIST += ["sample_size"]
"""The files that figures of the checklist come from."""

COUNTS = ("n", "events", "patients", "rank", "predictors", "needed", "had")
COUNTS += ("needed_events", "had_events")


def unexplained(
    document: str, files: Mapping[str, Path], models: Iterable[Path] = (), only: str | None = None
) -> list[str]:
    """Return the figures and digests of a model card or checklist that no file explains.

    With ``only``, the figures of those sections alone that come from the file of that name.
    """
    is_card = document.startswith("# Model card")
    found = []
    if only is None:
        digests = set(_digests(files, models))
        found = [digest for digest in DIGEST.findall(document) if digest.strip("`") not in digests]
    version = {json.loads(files["run"].read_text())["code"]["version"]} if "run" in files else set()
    for section in re.split(r"^## ", document, flags=re.MULTILINE):
        title, _, text = section.partition("\n")
        names = SECTIONS.get(title, []) if is_card else CHECKLIST
        if only is not None and only not in names:
            continue
        known = _constants() | version
        known = known.union(*(_figures_of(name, files) for name in names if name in files))
        if not is_card:
            known |= {str(document.count(f"| {status} |")) for status in ("filled", "open")}
        text = DIGEST.sub("", text)
        found += [f"{title}: {figure}" for figure in FIGURE.findall(text) if figure not in known]
    return found


@cache
def _constants() -> frozenset[str]:
    """Return the figures that stand in the texts themselves."""
    texts = [path.read_text(encoding="utf-8") for path in facts.TEMPLATES.glob("*.j2")]
    for name in ("system_texts", "limits", "tripod_ai", "probast_ai", "sample_size"):
        table = pd.read_csv(reference(f"{name}.csv"), dtype=str, keep_default_na=False)
        texts += table.to_numpy().ravel().tolist()
    figures = {figure for text in texts for figure in FIGURE.findall(text)}
    return frozenset({*figures, str(len(static_features())), "10"})


def _digests(files: Mapping[str, Path], models: Iterable[Path]) -> Iterable[str]:
    yield from (hashlib.sha256(Path(model).read_bytes()).hexdigest() for model in models)
    if "manifest" in files:
        tables = json.loads(Path(files["manifest"]).read_text())["tables"]
        yield from (table["sha256"] for table in tables.values())
    if "run" in files:
        yield json.loads(Path(files["run"]).read_text())["code"]["commit"]


def _figures_of(name: str, files: Mapping[str, Path]) -> set[str]:
    """Return every way in which the numbers of a file may be printed."""
    path = Path(files[name])
    if name == "attrition":
        counts = pd.read_csv(path)[["stays", "patients"]]
        steps = counts["stays"].to_numpy()
        lost = {steps[i] - steps[j] for i in range(len(steps)) for j in range(i + 1, len(steps))}
        return {f"{n:,}" for n in [*counts.to_numpy().ravel(), *lost]}
    if name == "spine":
        stays = pd.read_parquet(path)
        by_part = stays.groupby("split").agg(n=("stay_id", "size"), p=("subject_id", "nunique"))
        outcomes = stays.groupby(["split", "label"]).size()
        return {f"{n:,}" for n in [*by_part.to_numpy().ravel(), *outcomes]}
    if name == "manifest":
        manifest = json.loads(path.read_text())
        tables = manifest["tables"].values()
        rows = [table[key] for table in tables for key in ("rows", "rows_kept", "rows_rejected")]
        rows.append(sum(table["rows_rejected"] for table in tables))
        releases = " ".join(table["release"] for table in tables)
        return {f"{n:,}" for n in rows} | set(FIGURE.findall(releases))
    if name == "run":
        return set(FIGURE.findall(json.dumps(json.loads(path.read_text())["config"])))
    frame = pd.read_csv(path, dtype=str if name == "table_one" else {"level": str})
    if name == "scores":
        frame = frame[frame["interval"] != "delong"]
    if name == "decision":
        frame = frame[frame["threshold"].isin([0.1, 0.2, 0.3, 0.5])]
    found = set()
    for column, values in frame.items():
        if pd.api.types.is_bool_dtype(values):
            continue
        if not pd.api.types.is_numeric_dtype(values):
            found |= {figure for text in values.dropna() for figure in FIGURE.findall(str(text))}
        elif column in COUNTS:
            found |= {f"{int(value):,}" for value in values.dropna()}
        elif column == "threshold":
            found |= {f"{value:.2f}" for value in values}
        elif column not in ("fold_mean", "fold_sd"):
            found |= {f"{abs(value):.3f}" for value in values.dropna()}
    return found
