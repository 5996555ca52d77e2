"""Exchange the futures of patients in the tables themselves, and fit mortality anew."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from mimicflow.concepts import Paths, opened
from mimicflow.concepts.extract import extract_concept, extract_hospital_visits
from mimicflow.evaluation.study import Study
from mimicflow.learning.devices import Machine
from mimicflow.learning.splits import split_patients
from mimicflow.mortality.baselines import fit_bag_of_codes
from mimicflow.mortality.cohort import build_icu_cohort, label_deaths
from mimicflow.mortality.embedding import fit_embedding
from mimicflow.mortality.sequences import build_sequences
from mimicflow.mortality.training import FitFiles, train_visit_network
from mimicflow.running.writing import atomic_output, partial_folder, write_parquet

TIMES = {
    "TIMESTAMP": "to_microseconds(coalesce(moves.microseconds, 0))",
    "DATE": "CAST(coalesce(moves.days, 0) AS INTEGER)",
}
"""Kind of time -> by how much it is moved."""
ONE_THREAD = Machine()
Tables = dict[str, Path]


def refit_permuted_deaths(
    tables: Mapping[str, Paths],
    stays: str | Path,
    options: Mapping[str, Any],
    protocols: Mapping[str, Mapping[str, Any]],
    outputs: Mapping[tuple[str, str], str | Path],
    *,
    permutation: int,
    seed: int,
    memory_mb: int = 1000,
    machine: Machine = ONE_THREAD,
) -> None:
    """Write the predictions of models that learn and are tested on exchanged futures.

    After the discharge from the index admission every patient gets the future of another: the
    date of death with all later admissions, their codes and ICU stays, moved by the days between
    the two discharges. The past says nothing of such a future, so that a model which knows nothing
    else is worth an AUROC of .5; the future still says of itself who dies, so that one which sees
    later visits shows what they alone are worth. All steps follow as they are: cohort, split,
    labels, visits, embedding, models.

    Parameters
    ----------
    tables : mapping of str to path or paths
        Parquet shards of patients, admissions, icustays, diagnoses_icd, procedures_icd and
        prescriptions.
    stays : path-like
        Parquet of `mimicflow.mortality.cohort.build_icu_cohort`. Who may have died in the index
        admission, or whose times are out of order, has no future: he is in no permuted cohort.
    options : mapping
        ``min_age``, ``horizon``, ``split``, ``embedding``, ``pos_weight`` and ``baselines`` (by
        model) of the section ``mortality``.
    protocols : mapping of str to mapping
        By protocol: ``labels`` (of `label_deaths`), ``visits`` (of the concept ``visit_codes``),
        ``embedding`` (whose), ``reading`` (of the models) and ``networks`` (by network, ``network``
        and ``training`` of `mimicflow.mortality.training.train_visit_network`).
    outputs : mapping of (str, str) to path-like
        Protocol and model -> Parquet to write: predictions.
    permutation, seed : int
        Number of the permutation; and the seed of it and of the models.
    memory_mb : int
        Limit of the database, in MB.
    machine : Machine
        What the models are computed on.
    """
    first = Path(next(iter(outputs.values())))
    generator = np.random.default_rng([seed, permutation])
    with partial_folder(first.with_suffix("")) as folder:
        moved = exchange_futures(tables, stays, generator, folder, memory_mb)
        spine, steps = folder / "spine.parquet", folder / "steps.parquet"
        cohort = {name: moved[name] for name in ("patients", "admissions", "icustays")}
        build_icu_cohort(cohort, options, folder / "stays.parquet", steps, memory_mb)
        split_patients(
            folder / "stays.parquet",
            options["split"],
            options["split"]["seed"],
            spine,
            patients=[moved["patients"]],
        )
        for protocol, of in protocols.items():
            within = folder / protocol
            within.mkdir()
            labels = {"horizon": options["horizon"], **of["labels"]}
            labelled = within / "spine.parquet"
            label_deaths(spine, steps, labels, labelled, within / "attrition.csv", Study())
            sequences = _sequences(moved, labelled, options, of, within, seed, memory_mb)
            for model in (model for name, model in outputs if name == protocol):
                found = _fit(model, labelled, sequences, options, of, seed, machine)
                write_parquet(pd.read_parquet(found), outputs[protocol, model])


def _fit(
    model: str,
    spine: Path,
    sequences: Path,
    options: Mapping[str, Any],
    protocol: Mapping[str, Any],
    seed: int,
    machine: Machine,
) -> Path:
    """Fit a bag of codes or a network; return where its predictions are."""
    names = ("model", "predictions", "repeats", "timing")
    files = {name: spine.with_name(f"{model}.{name}") for name in names}
    shared: dict[str, Any] = {
        "spine": spine,
        "sequences": sequences,
        "reading": protocol["reading"],
        "outputs": FitFiles(**files),
        "seeds": 1,
        "seed": seed,
    }
    if model in options["baselines"]:
        fit_bag_of_codes(
            model,
            options=options["baselines"][model],
            pos_weight=options["pos_weight"],
            threads=machine.threads,
            **shared,
        )
    else:
        train_visit_network(model, **protocol["networks"][model], machine=machine, **shared)
    return files["predictions"]


def _sequences(
    tables: Tables,
    spine: Path,
    options: Mapping[str, Any],
    protocol: Mapping[str, Any],
    folder: Path,
    seed: int,
    memory_mb: int,
) -> Path:
    """Make the visit vectors of a protocol; return their file."""
    coded = {name: path for name, path in tables.items() if name not in ("patients", "icustays")}
    visits, embedding = folder / "visits.parquet", folder / "med2vec.kv"
    read = {"spine": spine, **coded}
    extract_concept("visit_codes", read, protocol["visits"], visits, memory_mb=memory_mb)
    learned = visits
    if protocol["embedding"] == "hospital":
        learned = folder / "hospital.parquet"
        spelled = {key: protocol["visits"][key] for key in ("repeated_codes", "code_names")}
        extract_hospital_visits(coded, spelled, learned, memory_mb)
    fit_embedding(
        learned,
        spine,
        options["embedding"],
        embedding,
        patients=protocol["embedding"],
        seed=seed,
    )
    build_sequences(visits, embedding, folder / "sequences.npz")
    return folder / "sequences.npz"


def exchange_futures(
    tables: Mapping[str, Paths],
    stays: str | Path,
    generator: np.random.Generator,
    folder: Path,
    memory_mb: int = 1000,
) -> Tables:
    """Write the tables with exchanged futures; return where.

    Parameters
    ----------
    tables, stays, memory_mb
        As `refit_permuted_deaths` takes them.
    generator : numpy.random.Generator
        Of who gets whose future.
    folder : Path
        Where they are written, each as one file.
    """
    written = {name: folder / f"{name}.parquet" for name in tables}
    with opened({**tables, "stays": str(stays)}, {}, memory_mb) as connection:
        connection.register("futures", _futures(connection, generator))
        connection.execute(_MOVES)
        for name, path in written.items():
            with atomic_output(path) as output:
                connection.sql(_moved(connection, name)).write_parquet(str(output))
    return written


def _futures(connection: duckdb.DuckDBPyConnection, generator: np.random.Generator) -> pd.DataFrame:
    """Return who gives his future to whom, from when on, and by how much it is moved."""
    index = connection.sql(
        """
        SELECT subject_id AS giver, hadm_id, dischtime, dod
        FROM stays
        WHERE times_in_order AND dischtime IS NOT NULL
            AND NOT (died_in_admission OR expire_flag OR died_location OR dod_by_discharge)
        ORDER BY subject_id
        """
    ).df()
    taker = index.iloc[generator.permutation(len(index))].reset_index(drop=True)
    days = taker["dischtime"].dt.normalize() - index["dischtime"].dt.normalize()
    return index.assign(
        taker=taker["giver"],
        # As numbers: DuckDB would make calendar months of a duration, and move weeks too far.
        days=days.dt.days,
        microseconds=(taker["dischtime"] - index["dischtime"]) // pd.Timedelta(microseconds=1),
        dod=pd.to_datetime(index["dod"]) + days,
    )


# An admission moves that begins after the discharge; what bears its hadm_id moves along.
_MOVES = """
CREATE TEMP TABLE moves AS
SELECT admissions.hadm_id, futures.taker, futures.days, futures.microseconds
FROM admissions
JOIN futures
    ON admissions.subject_id = futures.giver
    AND admissions.admittime >= futures.dischtime
    AND admissions.hadm_id <> futures.hadm_id
"""


def _moved(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """Return the query of a table with exchanged futures."""
    if table == "patients":
        return """
            SELECT patients.* REPLACE (
                CASE WHEN taker IS NULL THEN patients.dod ELSE CAST(futures.dod AS DATE) END AS dod
            )
            FROM patients LEFT JOIN futures ON patients.subject_id = futures.taker
        """
    columns = zip(connection.table(table).columns, connection.table(table).types, strict=True)
    later = [
        f"{name} + {TIMES[str(kind)]} AS {name}" for name, kind in columns if str(kind) in TIMES
    ]
    taken = ", ".join([f"coalesce(moves.taker, {table}.subject_id) AS subject_id", *later])
    # Without a future there is no patient to follow: no ICU stay, hence no cohort.
    followed = "WHERE subject_id IN (SELECT taker FROM futures)" if table == "icustays" else ""
    return f"""
        FROM (
            SELECT {table}.* REPLACE ({taken}) FROM {table} LEFT JOIN moves USING (hadm_id)
        )
        {followed}
    """
