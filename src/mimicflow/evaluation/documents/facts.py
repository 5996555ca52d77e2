"""Gather the facts of a run from which model card and checklist are written.

Only what lies in the run's files and in the reference tables is a fact; a file that is absent
leaves its fact out, and what is written from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from mimicflow.errors import ConfigError
from mimicflow.evaluation.figures.flow import parts, stages
from mimicflow.evaluation.smallest_cell import HIDDEN
from mimicflow.evaluation.statistics.metrics import NO_INTERVAL, NOT_PROMISED
from mimicflow.evaluation.study import Study
from mimicflow.reference import reference
from mimicflow.running.configuration import merged
from mimicflow.running.place import below_results
from mimicflow.running.writing import sha256

TEMPLATES = Path(__file__).parent / "templates"

FILES = (
    *("attrition", "spine", "table_one", "scores", "comparisons", "calibration", "decision"),
    *("subgroups", "importance", "ablation", "price_of_defects", "sample_size", "manifest", "run"),
)
"""The files that facts come from; all may be absent."""


def gather(
    system: str,
    files: Mapping[str, str | Path],
    study: Study,
    models: Iterable[str | Path] = (),
    audit: Iterable[str | Path] = (),
    protocol: str = "nested",
    judged_by: str | None = None,
    changed: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Read the facts of a run.

    Parameters
    ----------
    system : str
        With texts in ``reference/system_texts.csv``.
    files : mapping of str to path-like
        Some of ``FILES``. ``scores``, ``comparisons``, ``calibration``, ``decision`` and
        ``subgroups`` of one protocol; ``run`` is ``results/run_full.json``.
    study : Study
        Whose documents they are, and who may be shown.
    models : iterable of path-like
        Files of fitted models; each is named with its SHA-256.
    audit : iterable of path-like
        Tables of the checks of the leakage audit.
    protocol : str
        Whose scores they are, the folder that they lie in.
    judged_by : str, optional
        The protocol to judge by, where it is another one.
    changed : mapping, optional
        The configuration keys that the protocol changes.

    Returns
    -------
    dict
        What the templates read: ``text``, ``limits``, ``against`` and ``n_features`` always, the
        others as far as their files are given.

    Raises
    ------
    ConfigError
        An unknown kind of file, or a system without texts.
    """
    unknown = sorted(set(files) - set(FILES))
    if unknown:
        raise ConfigError(f"no facts come from {', '.join(unknown)}", remedy=f"give {FILES}")
    facts: dict[str, Any] = {
        "system": system,
        "synthetic": study.synthetic,
        "smallest": study.smallest,
        "protocol": protocol,
        "judged_by": judged_by or protocol,
        "folder": f"{system}/{protocol}" if judged_by not in (None, protocol) else system,
        "paths": {name: _name(path) for name, path in files.items()},
        "n_features": len(pd.read_csv(reference("static_features.csv"))),
        "given": sorted(files),
        "not_promised": NOT_PROMISED,
    }
    if "attrition" in files:
        steps = None if system == "admission" else _steps(files["attrition"])
        if boxes := stages(files["attrition"], study, steps):
            facts["stages"] = boxes
    if "spine" in files:
        facts["parts"] = parts(files["spine"], study)
    if "scores" in files:
        facts["scores"] = _scores(pd.read_csv(files["scores"], keep_default_na=True))
    for name, keys in _KEYS.items():
        if name in files:
            facts[name] = _by(pd.read_csv(files[name]), keys)
    if "table_one" in files:  # its cells are texts
        facts["table_one"] = _records(pd.read_csv(files["table_one"], dtype=str))
    for name in ("comparisons", "decision", "importance", "ablation", "sample_size"):
        if name in files:
            facts[name] = _records(pd.read_csv(files[name]))
    for name in ("manifest", "run"):
        if name in files:
            facts[name] = json.loads(Path(files[name]).read_text(encoding="utf-8"))
    if "manifest" in facts:
        facts["rejected"] = _hide_few_rows(facts["manifest"]["tables"].values(), study)
    facts["config"] = merged(facts["run"]["config"], changed or {}) if "run" in facts else {}
    options = {**facts["config"], "study": {"data": study.data}}
    facts["text"] = _texts(system, options, protocol)
    facts["limits"] = _holding(reference("limits.csv"), system, options, protocol)
    facts["against"] = _against(facts["limits"])
    verdicts = {Path(path).stem: _verdict(path) for path in audit}
    if verdicts:
        facts["audit"] = verdicts
    weights = [(_name(path), sha256(path)) for path in models]
    if weights:
        facts["weights"] = sorted(weights)
    return facts


def environment() -> jinja2.Environment:
    """Return the templates' environment: Markdown, and an unknown fact is an error."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown for readers, not HTML
    )
    made.filters.update(count=count, size=size, score=score, estimate=estimate, cell=cell)
    return made


def count(n: float | None) -> str:
    """Return for instance ``30,421``; nothing where there is no number."""
    return "" if n is None else f"{int(n):,}"


def size(n: float | None) -> str:
    """Return as `count`; a size that a table leaves out is hidden."""
    return HIDDEN if n is None else count(n)


def score(value: float | None) -> str:
    """Return for instance ``0.911``; nothing where there is no number."""
    return "" if value is None else f"{round(value, 3) + 0.0:.3f}"  # no -0.000


def estimate(row: Mapping[str, Any] | None) -> str:
    """Return for instance ``0.911 (0.905–0.917)``, or ``0.911 (no interval)`` of few patients.

    An error of calibration reads ``0.021 (≤ 0.018)``: up to where calibrated models reach.
    """
    if not row or row["value"] is None:
        return ""
    if row.get("calibrated_up_to") is not None:
        return f"{score(row['value'])} (≤ {score(row['calibrated_up_to'])})"
    if row.get("score") == "threshold":  # chosen, not estimated
        return score(row["value"])
    if row.get("low") is None or row.get("high") is None:
        return f"{score(row['value'])} ({NO_INTERVAL})"
    between = " to " if row["low"] < 0 else "–"  # a dash beside a minus is hard to read
    return f"{score(row['value'])} ({score(row['low'])}{between}{score(row['high'])})"


def cell(value: Any) -> str:
    """Return a text that does not break the table it stands in."""
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")


def _hide_few_rows(tables: Iterable[dict[str, Any]], study: Study) -> str:
    """Empty the counts of raw tables that lack a few rows; return how many rows are rejected."""
    few = [0 < table["rows_rejected"] < study.smallest_cell for table in tables]
    total = sum(table["rows_rejected"] for table in tables)
    for table, hidden in zip(tables, few, strict=True):
        if hidden:
            table["rows_kept"] = table["rows_rejected"] = None
    return HIDDEN if any(few) else count(total)


# Long tables with one row per score: what stands before the score in the nested mapping.
_KEYS = {
    "calibration": ("model", "recalibration"),
    "subgroups": ("model", "group", "level"),
    "price_of_defects": ("row", "model"),
}


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as mappings, empty cells as None."""
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def _by(frame: pd.DataFrame, keys: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return one mapping per distinct ``keys``, with its first row and its ``scores`` by name."""
    found: dict[tuple, dict[str, Any]] = {}
    for row in _records(frame):
        entry = found.setdefault(tuple(row[key] for key in keys), {**row, "scores": {}})
        entry["scores"][row["score"]] = row
    return list(found.values())


def _scores(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return one mapping per model: its scores, and those at each threshold rule."""
    # DeLong's interval of the AUROC stands beside the jackknife's.
    frame = frame[frame["interval"] != "delong"]
    fixed = frame["threshold_rule"].isna()
    models = _by(frame[fixed], ("stays", "model"))
    for entry in models:
        of_model = frame[~fixed & (frame["model"] == entry["model"])]
        entry["thresholds"] = _by(of_model, ("threshold_rule",))
    return models


def _texts(system: str, config: Mapping[str, Any], protocol: str) -> dict[str, str]:
    """Return what a system is, by name; under some keys it is something else."""
    table = pd.read_csv(reference("system_texts.csv"), keep_default_na=False)
    table = table[table["system"] == system]
    if table.empty:
        raise ConfigError(
            f"nothing is written down about the system {system}",
            remedy="add its rows to reference/system_texts.csv",
        )
    changed = _holding(reference("changed_texts.csv"), system, config, protocol)
    return dict(zip(table["key"], table["text"], strict=True)) | {
        row["name"]: row["text"] for row in changed
    }


def _holding(
    path: Path, system: str, config: Mapping[str, Any], protocol: str
) -> list[dict[str, Any]]:
    """Return the rows of a reference table that hold under a configuration."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table["key"] = table["key"].str.replace("{protocol}", protocol)
    rows = table[table["system"] == system].to_dict("records")
    return [row for row in rows if not row["key"] or _lookup(config, row["key"]) == row["value"]]


def _against(limits: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the limits by the item of PROBAST+AI whose answer they make no."""
    found: dict[str, list[str]] = {}
    for row in limits:
        for item in row["answers_no"].split():
            found.setdefault(item, []).append(row["limit"])
    return found


def _steps(attrition: str | Path) -> pd.DataFrame:
    """Return the steps on the way to a cohort: all but what is counted beside it.

    Steps of which there are more patients than stays do not count stays yet.
    """
    table = pd.read_csv(attrition)
    on_the_way = ~table["step"].str.match("of_which|lost") & ~(table["patients"] > table["stays"])
    steps = table[on_the_way].reset_index(drop=True)
    texts = steps["description"]
    return pd.DataFrame({"step": steps["step"], "box": texts, "left_out": texts})


def _verdict(path: str | Path) -> str:
    """Return what a check of the audit found, in a few words."""
    passed = pd.read_csv(path)["passed"].dropna().astype(bool)
    if passed.empty:
        return "for reading only"
    if passed.all():
        return f"passed, findings: {count(len(passed))}"
    return f"FAILED, findings: {count((~passed).sum())} of {count(len(passed))}"


def _name(path: str | Path) -> str:
    below = below_results(path)
    return Path(path).name if below is None else below.as_posix()


def _lookup(config: Mapping[str, Any], key: str) -> str | None:
    value: Any = config
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return str(value).lower() if isinstance(value, bool) else str(value)
