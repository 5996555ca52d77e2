"""Sort the files that the report reads, by system and by their place under the results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from mimicflow.errors import InputError
from mimicflow.running.place import RESULTS

# The report's own texts.
TEXTS = {
    "systems": Path(__file__).parent / "systems.csv",
    "protocols": Path(__file__).parent / "protocols.csv",
    "sections": Path(__file__).parent / "sections.csv",
    "labels": Path(__file__).parent / "labels.csv",
}
# Fields that are no table of the folder.
_PLACED_OTHERWISE = {"protocols", "models", "flow", "times", "ecgs", "audit"}


# A file that only these systems have.
_MORTALITY = {"systems": ("mortality",)}
_ARREST = {"systems": ("arrest",)}
_BOTH = {"systems": ("mortality", "arrest")}


@dataclass(frozen=True)
class ModelFiles:
    """Tables of one model under one protocol; what is None was not run."""

    history: Path | None = field(default=None, metadata=_MORTALITY)
    confusion: Path | None = field(default=None, metadata=_MORTALITY)
    classification_report: Path | None = field(default=None, metadata=_MORTALITY)


@dataclass(frozen=True)
class OnlyModelFiles:
    """Tables of one model of a system that has no protocols; what is None was not run."""

    metrics: Path | None = field(default=None, metadata=_ARREST)
    calibration: Path | None = field(default=None, metadata=_ARREST)
    populations: Path | None = field(default=None, metadata=_ARREST)
    alarms: Path | None = field(default=None, metadata=_ARREST)
    shap: Path | None = field(default=None, metadata=_ARREST)
    selected_features: Path | None = field(default=None, metadata=_ARREST)


@dataclass(frozen=True)
class ProtocolFiles:
    """Tables of one protocol of evaluation; what is None was not run."""

    scores: Path | None = None
    folds: Path | None = None
    comparisons: Path | None = None
    curves: Path | None = None
    calibration: Path | None = None
    reliability: Path | None = None
    decision: Path | None = None
    subgroups: Path | None = None
    attrition: Path | None = field(default=None, metadata=_MORTALITY)
    table_one: Path | None = field(default=None, metadata=_MORTALITY)
    visits: Path | None = field(default=None, metadata=_MORTALITY)
    visits_summary: Path | None = field(default=None, metadata=_MORTALITY)
    neighbours: Path | None = field(default=None, metadata=_MORTALITY)
    models: dict[str, ModelFiles] = field(default_factory=dict)


@dataclass(frozen=True)
class SystemFiles:
    """Files of one prediction system; what is None or empty was not run."""

    protocols: dict[str, ProtocolFiles] = field(default_factory=dict)
    flow: Path | None = None
    attrition: Path | None = None
    competing_events: Path | None = None
    table_one: Path | None = None
    sample_size: Path | None = None
    missing: Path | None = None
    price_of_defects: Path | None = None
    importance: Path | None = None
    ablation: Path | None = None
    attributions: Path | None = None
    comparison: Path | None = field(default=None, metadata=_BOTH)
    leak: Path | None = field(default=None, metadata=_MORTALITY)
    times: Path | None = field(default=None, metadata=_MORTALITY)
    manifest: Path | None = field(default=None, metadata=_BOTH)
    exclusions: Path | None = field(default=None, metadata=_ARREST)
    epochs: Path | None = field(default=None, metadata=_ARREST)
    hrv_over_time: Path | None = field(default=None, metadata=_ARREST)
    doubtful_controls: Path | None = field(default=None, metadata=_ARREST)
    sensitivity: Path | None = field(default=None, metadata=_ARREST)
    gaps: Path | None = field(default=None, metadata=_ARREST)
    matched_alarms: Path | None = field(default=None, metadata=_ARREST)
    models: dict[str, OnlyModelFiles] = field(default_factory=dict)
    ecgs: tuple[Path, ...] = ()
    audit: dict[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class SharedFiles:
    """Files that belong to the whole run."""

    manifest: Path | None = None
    excluded: Path | None = None
    run: Path | None = None


def sort_files(
    paths: Iterable[str | Path], root: str | Path = RESULTS
) -> tuple[dict[str, SystemFiles], SharedFiles]:
    """Sort files by what they are, which their place under ``root`` says.

    Parameters
    ----------
    paths : iterable of path-like
        Any files of the run, in any order: ``{system}/{protocol}/scores.csv`` and its neighbours,
        ``{system}/{protocol}/{model}/history.csv`` and its own, ``{system}/{model}/alarms.csv``
        and its own, ``{system}/table_one.csv``, ``{system}/sample_size.csv``,
        ``{system}/missing.csv``, ``{system}/explanations/*``,
        ``{system}/audit/{check}.csv``, ``{system}/manifest.json``,
        ``benchmarks/{system}/times.csv``, ``cohort/flow.csv`` or ``flow_single.csv``,
        ``cohort/attrition.csv``, ``cohort/competing_events.csv``,
        ``manifest.json``, ``ecg/excluded.csv``, ``run.json`` or ``run_full.json``.
    root : path-like
        The folder of all results.

    Returns
    -------
    systems : dict of str to SystemFiles
        In the order of ``systems.csv``.
    shared : SharedFiles

    Raises
    ------
    InputError
        A file that has no place in the report.
    """
    root = Path(root)
    systems: dict[str, SystemFiles] = {}
    shared = SharedFiles()
    for path in sorted(map(Path, paths)):
        parts = path.relative_to(root).parts if path.is_relative_to(root) else ()
        match parts:
            case ("manifest.json",):
                shared = replace(shared, manifest=path)
            case ("run.json" | "run_full.json",):
                shared = replace(shared, run=path)
            case ("ecg", "excluded.csv"):
                shared = replace(shared, excluded=path)
            case ("benchmarks", system, "times.csv") if system in texts_of("systems").index:
                systems[system] = replace(systems.get(system, SystemFiles()), times=path)
            case (cohort, "flow.csv" | "flow_single.csv"):
                system = _system_of_cohort(cohort, path)
                systems[system] = replace(systems.get(system, SystemFiles()), flow=path)
            case (cohort, "attrition.csv" | "competing_events.csv"):
                system = _system_of_cohort(cohort, path)
                known = systems.get(system, SystemFiles())
                systems[system] = replace(known, **_item(path))
            case (system, *middle, _) if system in texts_of("systems").index:
                known = systems.get(system, SystemFiles())
                systems[system] = _with_file(system, known, tuple(middle), path)
            case _:
                raise _misplaced(path)
    return {name: systems[name] for name in texts_of("systems").index if name in systems}, shared


def _with_file(system: str, known: SystemFiles, middle: tuple[str, ...], path: Path) -> SystemFiles:
    protocols = texts_of("protocols").index
    match middle:
        case ("audit",) if path.suffix == ".csv":
            return replace(known, audit={**known.audit, path.stem: path})
        case ("explanations",) if path.name in _ecg_names():
            return replace(known, ecgs=(*known.ecgs, path))
        case () | ("explanations",) if path.name in _names(SystemFiles, system):
            return replace(known, **_item(path))
        case (protocol,) if protocol in protocols and path.name in _names(ProtocolFiles, system):
            files = known.protocols.get(protocol, ProtocolFiles())
            return _with_protocol(known, protocol, replace(files, **_item(path)))
        case (protocol, model) if protocol in protocols and path.name in _names(ModelFiles, system):
            files = known.protocols.get(protocol, ProtocolFiles())
            of_model = replace(files.models.get(model, ModelFiles()), **_item(path))
            files = replace(files, models={**files.models, model: of_model})
            return _with_protocol(known, protocol, files)
        case (model,) if _is_model(model) and path.name in _names(OnlyModelFiles, system):
            only = replace(known.models.get(model, OnlyModelFiles()), **_item(path))
            return replace(known, models={**known.models, model: only})
    raise _misplaced(path)


def _is_model(name: str) -> bool:
    return name not in ("explanations", "audit") and name not in texts_of("protocols").index


def _with_protocol(known: SystemFiles, protocol: str, files: ProtocolFiles) -> SystemFiles:
    return replace(known, protocols={**known.protocols, protocol: files})


def _names(
    kind: type[SystemFiles | ProtocolFiles | ModelFiles | OnlyModelFiles], system: str
) -> set[str]:
    """Return the names of the files that a system may have at the level of this class."""
    known = {item.name: item.metadata.get("systems", (system,)) for item in fields(kind)}
    names = {name for name, systems in known.items() if system in systems} - _PLACED_OTHERWISE
    return {f"{name}.json" if name == "manifest" else f"{name}.csv" for name in names}


def _item(path: Path) -> dict[str, Any]:
    return {path.stem: path}


def _ecg_names() -> set[str]:
    return {f"ecg_{kind}.png" for kind in texts_of("labels").loc["ecg", "key"]}


def _system_of_cohort(cohort: str, path: Path) -> str:
    systems = texts_of("systems")
    found = systems.index[systems["cohort"] == cohort]
    if len(found) != 1:
        raise _misplaced(path)
    return str(found[0])


def _misplaced(path: Path) -> InputError:
    return InputError(
        "the report does not know what this file is",
        file=path,
        remedy="give only the files that mimicflow.report.sort_files names, under the results",
    )


@cache
def texts_of(name: str) -> pd.DataFrame:
    """Return one of the report's own tables of texts, indexed by its first column, as text."""
    return pd.read_csv(TEXTS[name], index_col=0, dtype=str, keep_default_na=False)


def words(name: str, key: str, system: str = "") -> pd.Series:
    """Return a row of a table of texts with a column ``system``: its own, or else that of all."""
    rows = texts_of(name).loc[[key]]
    own = rows["system"] == system
    return rows[own if own.any() else rows["system"] == ""].iloc[0]


@cache
def label(kind: str, key: object) -> str:
    """Return the words for a key of a table; an unlisted key keeps its own, without underscores."""
    labels = texts_of("labels")
    found = labels.loc[(labels.index == kind) & (labels["key"] == str(key)), "label"]
    return str(found.iloc[0]) if len(found) else str(key).replace("_", " ")


def read_table(path: Path, *needed: str, text: bool = False) -> pd.DataFrame:
    """Read a result table, with ``text`` every column as it stands in the file.

    Raises
    ------
    InputError
        A file that is missing or empty, or that lacks a needed column.
    """
    try:
        # Only an empty cell is missing: "None" may be the name of a level.
        frame = pd.read_csv(
            path, keep_default_na=False, na_values=[""], dtype=str if text else None
        )
    except (FileNotFoundError, ValueError) as error:
        raise InputError(
            f"the table cannot be read: {error}", file=path, remedy="run its rule again"
        ) from error
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise InputError(
            f"the table lacks the columns {', '.join(missing)}",
            file=path,
            remedy="run its rule again with this version of mimicflow",
        )
    return frame
