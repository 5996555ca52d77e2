"""Unclean rows, as real tables have them, at a known share; the list of them is kept."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mimicflow.synthetic.population import HOUR, Chunk

_UNREADABLE_SHARE = 0.0003
"""Rows whose type is broken: well below the share at which ingestion stops."""

_REPEATED = ("ed/vitalsign", "ed/pyxis", "ed/medrecon")


def soil(chunk: Chunk, columns: dict, dirt: float) -> tuple[dict, pd.DataFrame]:
    """Make some rows unclean.

    Parameters
    ----------
    chunk : Chunk
        Owner of the random stream.
    columns : dict
        ``module/table`` -> columns.
    dirt : float
        Share of rows touched in each kind of table.

    Returns
    -------
    columns : dict
        The same, unclean.
    broken : DataFrame
        Columns table, id (stay; pharmacy_id of a prescription), kind of each unclean row.
    """
    rng = chunk.stream("dirt")
    columns = dict(columns)
    broken: list[pd.DataFrame] = []

    def note(table: str, rows: np.ndarray, kind: str) -> None:
        ids = np.asarray(columns[table]["stay_id"])[rows]
        broken.append(pd.DataFrame({"table": table, "id": ids, "kind": kind}))

    for table in ("ed/triage", "ed/vitalsign"):
        values = columns[table] = dict(columns[table])
        kind = _kinds(rng, len(values["stay_id"]), dirt, 3)
        celsius = np.round((values["temperature"] - 32) / 1.8, 1)
        values["temperature"] = np.where(kind == 1, celsius, values["temperature"])
        values["o2sat"] = np.where(kind == 2, 0.0, values["o2sat"])
        values["heartrate"] = np.where(kind == 3, values["heartrate"] * 10, values["heartrate"])
        for number, name in enumerate(("celsius", "o2sat_zero", "heartrate_tenfold"), 1):
            note(table, np.flatnonzero(kind == number), name)

    vitals = columns["ed/vitalsign"]
    late = np.flatnonzero(rng.random(len(vitals["charttime"])) < dirt / 4)
    vitals["charttime"] = vitals["charttime"].copy()
    vitals["charttime"][late] += 3 * 24 * HOUR
    note("ed/vitalsign", late, "time_after_departure")

    for table in _REPEATED:
        n = len(columns[table]["stay_id"])
        twice = rng.random(n) < dirt
        note(table, np.flatnonzero(twice), "duplicate")
        rows = np.repeat(np.arange(n), np.where(twice, 2, 1))
        columns[table] = {name: np.asarray(v)[rows] for name, v in columns[table].items()}

    values = columns["ed/vitalsign"]
    n = len(values["stay_id"])
    unreadable = rng.permutation(n)[: int(n * _UNREADABLE_SHARE) if dirt else 0]
    marked = np.zeros(n, bool)
    marked[unreadable] = True
    text = pa.array(values["resprate"], from_pandas=True).cast(pa.string())
    values["resprate"] = pc.if_else(pa.array(marked), "twenty", text)
    note("ed/vitalsign", np.flatnonzero(marked), "unreadable_number")

    prescriptions = columns["hosp/prescriptions"]
    columns["hosp/prescriptions"], drugs = _soil_drugs(chunk, prescriptions, dirt)
    broken.append(drugs)
    return columns, pd.concat(broken, ignore_index=True)


def _soil_drugs(chunk: Chunk, prescriptions: dict, dirt: float) -> tuple[dict, pd.DataFrame]:
    """Type blanks around some names of drugs, or nothing but blanks."""
    ids = np.asarray(prescriptions["pharmacy_id"])
    kind = _kinds(chunk.stream("dirty drugs"), len(ids), dirt, 2)
    clean = prescriptions["drug"]
    around = pc.binary_join_element_wise(" ", clean.dictionary.cast(pa.string()), "  ", "")
    # Each name a second time with blanks, and one more entry that is blank.
    names = pa.concat_arrays([clean.dictionary.cast(pa.string()), around, pa.array(["   "])])
    entry = clean.indices.to_numpy()
    entry = np.select([kind == 1, kind == 2], [entry + len(around), 2 * len(around)], entry)
    soiled = pa.DictionaryArray.from_arrays(pa.array(entry), names)
    listed = pd.DataFrame({"table": "hosp/prescriptions", "id": ids, "kind": kind})[kind > 0]
    listed["kind"] = listed["kind"].map({1: "blanks_around_drug", 2: "blank_drug"}).astype(object)
    return prescriptions | {"drug": soiled}, listed


def _kinds(rng: np.random.Generator, n: int, share: float, kinds: int) -> np.ndarray:
    """Zero for clean rows, else a kind from 1 to ``kinds``."""
    return np.where(rng.random(n) < share, rng.integers(1, kinds + 1, n), 0)
