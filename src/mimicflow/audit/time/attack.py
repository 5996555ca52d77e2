"""Change the future of some stays, and make their features again: not a bit may differ."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mimicflow.audit.findings import write_findings
from mimicflow.audit.time.attack_cohort import attack_cohort, of_admission, of_mortality, rows_of
from mimicflow.audit.time.attack_monitored import attack_epochs
from mimicflow.audit.time.comparison import Features, attacked, differ_from_run, differences
from mimicflow.audit.time.future import KINDS, Future, Tables
from mimicflow.concepts.catalogue import CONCEPTS
from mimicflow.concepts.extract import extract_concept
from mimicflow.evaluation.smallest_cell import about
from mimicflow.evaluation.study import Study

Row = dict[str, Any]


def audit_attack(
    output: str | Path,
    study: Study,
    *,
    system: str,
    stays: int,
    concepts: Mapping[str, Mapping[str, Any]] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    made: Mapping[str, Sequence[str | Path]] | None = None,
    cohorts: Mapping[str, Mapping[str, Any]] | None = None,
    cohort_options: Mapping[str, Mapping[str, Any]] | None = None,
    epochs: Mapping[str, Any] | None = None,
    recordings: Mapping[str, Any] | None = None,
    memory_mb: int = 2000,
) -> None:
    """Write how many features change when what comes after the prediction does.

    Parameters
    ----------
    output : path-like
        CSV to write, a row per table and kind of attack.
    study : Study
        Whose patients they are; its seed draws them.
    system : {"admission", "mortality", "arrest"}
        Whose rules of time hold.
    stays : int
        How many stays (patients, epochs) are attacked, at most one of a patient.
    concepts, options : mapping
        As `mimicflow.audit.time.provenance.audit_provenance` takes them.
    made : mapping, optional
        Concept, or empty for all of one row per stay -> Parquet in which the run has its features.
    cohorts : mapping, optional
        What a cohort is called -> its ``spine``, the ``tables`` that it is built of (shards by
        name) and, of admission, the ``records`` that can be read.
    cohort_options : mapping, optional
        The same names -> the keys of the configuration by which it is built.
    epochs, recordings : mapping, optional
        Of bedside recordings: files and keys of `attack_epochs`.
    memory_mb : int
        Limit of the database, in MB.
    """
    rows: list[Row] = []
    for words, asked in _by_spine(concepts or {}).items():
        of_spine = {name: files for name, files in (made or {}).items()
                    if name.rpartition(" ")[0] == words}  # fmt: skip
        rows += _attack_tables(
            words, asked, of_spine, options or {}, system, stays, study, memory_mb
        )
    for name, files in (cohorts or {}).items():
        rows += _attack_cohort(name, files, (cohort_options or {})[name], system, stays, study)
    if epochs:
        rows += attack_epochs(**epochs, **(recordings or {}), n_epochs=stays, seed=study.seed)
    for row in rows:
        row["rows_touched"] = about(row["rows_touched"], study.smallest_cell, row["rows_touched"])
    write_findings(rows, output, study, counts=("predictions", "predictions_changed"))


def _by_spine(concepts: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the concepts that are asked about the same stays, by what these are called."""
    found: dict[str, dict[str, Any]] = {}
    for name, files in concepts.items():
        found.setdefault(name.rpartition(" ")[0], {})[name] = files
    return found


def _attack_tables(
    words: str,
    asked: Mapping[str, Mapping[str, Any]],
    made: Mapping[str, Sequence[str | Path]],
    options: Mapping[str, Mapping[str, Any]],
    system: str,
    stays: int,
    study: Study,
    memory_mb: int,
) -> Iterator[Row]:
    """Yield a row per raw table and kind of attack, and whether the run has the same features."""
    first = next(iter(asked.values()))
    spine = choose_stays(pd.read_parquet(first["spine"]), stays, study.seed)
    raw = rows_of(_files_of(asked), spine["subject_id"])
    read = {name: set(CONCEPTS[name.rpartition(" ")[2]].table_names) for name in asked}
    future = Future(system, raw, spine, study.seed)

    def features(names: Sequence[str], tables: Tables, asked: pd.DataFrame = spine) -> Features:
        return {
            name: _extract(
                name,
                {table: tables[table] for table in read[name]},
                asked,
                options[name],
                memory_mb,
            )
            for name in names
        }

    before = features(list(asked), future.tables)
    for name, files in made.items():
        yield _as_made(name, before, files, spine)
    otherwise = features(list(asked), future.tables, future.other_outcomes())
    yield attacked(
        f"{words} what became of the stays, changed: features that change".strip(),
        differences(before, otherwise),
        len(spine),
        len(spine),
    )
    for table in sorted(set().union(*read.values()) & set(future.unknown)):
        for kind in KINDS:
            tables, touched = future.attacked(table, kind)
            changed = {name for name in tables if tables[name] is not future.tables[name]}
            names = [name for name in asked if touched and read[name] & changed]
            found = differences({name: before[name] for name in names}, features(names, tables))
            what = f"{words} {table}".strip() + f", {kind}: features that change"
            yield attacked(what, found, len(spine), touched)


def _as_made(name: str, before: Features, files: Sequence[str | Path], spine: pd.DataFrame) -> Row:
    """Return how many features of the run are not those that raw rows give."""
    chosen = [("stay_id", "in", set(spine["stay_id"].tolist()))]
    run = pd.concat([pd.read_parquet(path, filters=chosen) for path in files])
    if name in before:
        changed = differences({name: before[name]}, {name: run[list(before[name])]})
    else:
        changed = differ_from_run(before, run)
    what = f"{name or 'static features'} of the run, made again: features that differ"
    return attacked(what, changed, len(spine), len(run))


def _attack_cohort(
    name: str,
    files: Mapping[str, Any],
    options: Mapping[str, Any],
    system: str,
    stays: int,
    study: Study,
) -> Iterator[Row]:
    """Yield a row per kind of attack on who is predicted, and when."""
    spine = choose_stays(pd.read_parquet(files["spine"]), stays, study.seed)
    tables = rows_of(files["tables"], spine["subject_id"])
    if system == "admission":
        records = pd.read_parquet(files["records"])
        build, over = of_admission(spine, records, options, study), "outtime"
    else:
        build, over = of_mortality(spine, options, study), "prediction_time"
    of_patient = spine.set_index("subject_id")
    predicted, until = of_patient["prediction_time"], of_patient[over]
    if system == "admission":
        # So much later than the stay an ECG may be recorded and still be of it.
        late = options["ecg_tolerance_minutes"] + max(0, -options["ecg_clock_skew_minutes"])
        until = until + pd.Timedelta(minutes=late)
    words = f"{name} " if name != system else ""
    yield from attack_cohort(build, tables, predicted, until, study.seed, words)


def choose_stays(spine: pd.DataFrame, stays: int, seed: int) -> pd.DataFrame:
    """Draw stays, at most one of a patient, so that it is clear what comes after the prediction."""
    shuffled = spine.sort_values("stay_id").sample(frac=1, random_state=seed)
    chosen = shuffled.drop_duplicates("subject_id").head(stays)
    return chosen.sort_values("stay_id", ignore_index=True)


def _files_of(asked: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the shards of all tables that concepts read."""
    files: dict[str, list[str]] = {}
    for of_concept in asked.values():
        for tables in of_concept["shards"]:
            for name, path in tables.items():
                files.setdefault(name, []).append(path)
    return files


def _extract(
    name: str, tables: Tables, spine: pd.DataFrame, options: Mapping[str, Any], memory_mb: int
) -> pd.DataFrame:
    """Return the features of a concept, by the function that the workflow has for it."""
    with tempfile.TemporaryDirectory(prefix="mimicflow-") as folder:
        paths: dict[str, Path] = {}
        for table, rows in {**tables, "spine": spine}.items():
            paths[table] = Path(folder, f"{table}.parquet")
            rows.to_parquet(paths[table], index=False)
        output = Path(folder, "features.parquet")
        concept = name.rpartition(" ")[2]
        extract_concept(concept, paths, options, output, memory_mb=memory_mb)
        return pd.read_parquet(output)
