"""Change the future of some stays, and make their features again: not a bit may differ."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.audit.findings import none_of, write_findings
from mimicflow.audit.time.attack_monitored import attack_epochs
from mimicflow.audit.time.future import KINDS, Future, Tables
from mimicflow.concepts.catalogue import CONCEPTS
from mimicflow.concepts.extract import extract_concept
from mimicflow.evaluation.study import Study

Row = dict[str, Any]
Features = dict[str, pd.DataFrame]


def audit_attack(
    output: str | Path,
    study: Study,
    *,
    system: str,
    stays: int,
    concepts: Mapping[str, Mapping[str, Any]] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
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
    epochs, recordings : mapping, optional
        Of bedside recordings: files and keys of `attack_epochs`.
    memory_mb : int
        Limit of the database, in MB.
    """
    rows: list[Row] = []
    for words, asked in _by_spine(concepts or {}).items():
        rows += _attack_tables(words, asked, options or {}, system, stays, study, memory_mb)
    if epochs:
        rows += attack_epochs(**epochs, **(recordings or {}), n_epochs=stays, seed=study.seed)
    write_findings(rows, output, study)


def _by_spine(concepts: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the concepts that are asked about the same stays, by what these are called."""
    found: dict[str, dict[str, Any]] = {}
    for name, files in concepts.items():
        found.setdefault(name.rpartition(" ")[0], {})[name] = files
    return found


def _attack_tables(
    words: str,
    asked: Mapping[str, Mapping[str, Any]],
    options: Mapping[str, Mapping[str, Any]],
    system: str,
    stays: int,
    study: Study,
    memory_mb: int,
) -> Iterator[Row]:
    """Yield a row per raw table and kind of attack."""
    first = next(iter(asked.values()))
    spine = choose_stays(pd.read_parquet(first["spine"]), stays, study.seed)
    raw = _rows_of(asked, spine["subject_id"])
    read = {name: set(CONCEPTS[name.rpartition(" ")[2]].table_names) for name in asked}
    future = Future(system, raw, spine, study.seed)

    def features(names: Sequence[str], tables: Tables) -> Features:
        return {
            name: _extract(
                name,
                {table: tables[table] for table in read[name]},
                spine,
                options[name],
                memory_mb,
            )
            for name in names
        }

    before = features(list(asked), future.tables)
    for table in sorted(set().union(*read.values()) & set(future.unknown)):
        for kind in KINDS:
            tables, touched = future.attacked(table, kind)
            changed = {name for name in tables if tables[name] is not future.tables[name]}
            names = [name for name in asked if touched and read[name] & changed]
            after = features(names, tables)
            n_features, n_stays = differences({name: before[name] for name in names}, after)
            said = f"{words} {table}".strip()
            yield none_of(
                f"{said}: features that change when what was not known is {kind}",
                n_features,
                predictions=len(spine),
                predictions_changed=n_stays,
                rows_touched=touched,
            )


def choose_stays(spine: pd.DataFrame, stays: int, seed: int) -> pd.DataFrame:
    """Draw stays, at most one of a patient, so that it is clear what comes after the prediction."""
    shuffled = spine.sort_values("stay_id").sample(frac=1, random_state=seed)
    chosen = shuffled.drop_duplicates("subject_id").head(stays)
    return chosen.sort_values("stay_id", ignore_index=True)


def _rows_of(asked: Mapping[str, Mapping[str, Any]], patients: pd.Series) -> Tables:
    """Return the rows of some patients in all tables that concepts read."""
    files: dict[str, list[str]] = {}
    for of_concept in asked.values():
        for tables in of_concept["shards"]:
            for name, path in tables.items():
                files.setdefault(name, []).append(path)
    chosen = [("subject_id", "in", set(patients.tolist()))]
    return {
        name: pd.concat([pd.read_parquet(path, filters=chosen) for path in dict.fromkeys(paths)])
        for name, paths in files.items()
    }


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


def differences(before: Features, after: Features) -> tuple[int, int]:
    """Return how many features of how many stays differ by a bit.

    Parameters
    ----------
    before, after : mapping of str to pandas.DataFrame
        Tables with ``stay_id`` and one or several rows per stay, in order.
    """
    n_features, stays = 0, set()
    for name, one in before.items():
        texts, others = _texts(one), _texts(after[name])
        whole = (
            texts.reindex(texts.index.union(others.index)),
            others.reindex(texts.index.union(others.index)),
        )
        differ = ~(whole[0].eq(whole[1]) | (whole[0].isna() & whole[1].isna()))
        n_features += int(differ.any(axis=0).sum())
        stays |= set(differ.index[differ.any(axis=1)])
    return n_features, len(stays)


def _texts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return all values of a stay in a column as one text, which has every bit of them."""
    texts = frame.drop(columns="stay_id").map(_exact)
    if frame["stay_id"].is_unique:
        return texts.set_index(frame["stay_id"])
    values, rows = texts.to_numpy(), texts.groupby(frame["stay_id"].to_numpy()).indices
    joined = [["|".join(column) for column in values[of_stay].T] for of_stay in rows.values()]
    return pd.DataFrame(joined, index=list(rows), columns=texts.columns)


def _exact(value: Any) -> str:
    if isinstance(value, list | np.ndarray):
        return ",".join(map(str, value))
    return "" if value is None or value is pd.NA else repr(value)
