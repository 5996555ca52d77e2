"""Make the synthetic hospital: all its tables, chunk by chunk, and the truth behind them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mimicflow.errors import ConfigError
from mimicflow.raw.tables import TABLES
from mimicflow.running.origin import MARK, MODULES
from mimicflow.running.workers import worker_pool
from mimicflow.running.writing import atomic_output
from mimicflow.synthetic import cardiology, emergency, inpatient
from mimicflow.synthetic.courses import draw_moments
from mimicflow.synthetic.dirt import soil
from mimicflow.synthetic.draws import PATIENTS_PER_CHUNK
from mimicflow.synthetic.laboratory import labevents
from mimicflow.synthetic.population import Chunk, draw_chunk
from mimicflow.synthetic.visits import Visits, draw_visits
from mimicflow.synthetic.waveforms import draw_defects
from mimicflow.synthetic.writing import Columns, csv_rows, hospital_files

MAX_PATIENTS = 1_000_000
"""More would leave MIMIC's ranges of ids."""

_PER_CHUNK: dict[str, Callable[[Chunk, Visits], Columns]] = {
    "hosp/patients": inpatient.patients,
    "hosp/admissions": inpatient.admissions,
    "hosp/diagnoses_icd": inpatient.diagnoses_icd,
    "hosp/procedures_icd": inpatient.procedures_icd,
    "hosp/prescriptions": inpatient.prescriptions,
    "hosp/transfers": inpatient.transfers,
    "icu/icustays": inpatient.icustays,
    "icu/procedureevents": inpatient.procedureevents,
    "icu/chartevents": inpatient.chartevents,
    "ed/edstays": emergency.edstays,
    "ed/pyxis": emergency.pyxis,
    "ed/medrecon": emergency.medrecon,
    "ed/diagnosis": emergency.diagnosis,
}


def make_hospital(
    folder: str | Path,
    n_patients: int,
    seed: int,
    dirt: float = 0.01,
    permute_labels: bool = False,
    processes: int = 1,
) -> None:
    """Write the raw tables of a made-up hospital, and the truth beside them.

    Same arguments, same bytes, whatever ``processes``; memory does not grow with the patients.

    Parameters
    ----------
    folder : path-like
        Receives ``hosp/ icu/ ed/ ecg/``, ``truth.parquet`` (one row per emergency stay that ended
        in HOME or ADMITTED), ``truth_mortality.parquet`` (one row per patient who left the
        admission of the first intensive care alive), ``dirt.parquet`` (what was broken on
        purpose). An empty file ``SYNTHETIC`` in each of the four marks it as made up.
    n_patients : int
        1 to a million.
    seed : int
        Seed of every draw.
    dirt : float
        Share of unclean rows and records, 0 to 0.2.
    permute_labels : bool
        Shuffle HOME and ADMITTED over the stays and leave death within a year to chance, so that
        nothing can be predicted.
    processes : int
        Chunks of patients drawn at the same time.

    Raises
    ------
    ConfigError
        A number of patients or a share out of range.
    """
    _check_sizes(n_patients, dirt)
    folder = Path(folder)
    explained = inpatient.dictionaries()
    arguments = [
        (seed, start // PATIENTS_PER_CHUNK, min(PATIENTS_PER_CHUNK, n_patients - start), dirt,
         permute_labels)
        for start in range(0, n_patients, PATIENTS_PER_CHUNK)
    ]  # fmt: skip
    tables = sorted({*_PER_CHUNK, *explained, "hosp/labevents", "ed/triage", "ed/vitalsign",
                     "ecg/record_list", "ecg/machine_measurements"})  # fmt: skip
    with ExitStack() as stack:
        streams = stack.enter_context(hospital_files(folder, tables))
        keep = {
            name: stack.enter_context(_parquet(folder / f"{name}.parquet"))
            for name in ("truth", "truth_mortality", "dirt")
        }
        for path, columns in explained.items():
            streams[path].write(csv_rows(TABLES[path], columns))
        for rows, frames in _chunks(arguments, processes):
            for path, content in rows.items():
                streams[path].write(content)
            for name, frame in frames.items():
                keep[name](frame)
    for module in MODULES:
        (folder / module / MARK).touch()


def _check_sizes(n_patients: int, dirt: float) -> None:
    if not 1 <= n_patients <= MAX_PATIENTS:
        raise ConfigError(
            f"synthetic.n_patients is {n_patients}",
            remedy=f"choose a number from 1 to {MAX_PATIENTS}",
        )
    if not 0 <= dirt <= 0.2:
        raise ConfigError(f"synthetic.dirt is {dirt}", remedy="choose a share from 0 to 0.2")


@contextmanager
def _parquet(path: Path) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Give a function that appends frames of one schema to a Parquet file, atomically."""
    with atomic_output(path) as temporary, ExitStack() as stack:
        writers: list[pq.ParquetWriter] = []

        def append(frame: pd.DataFrame) -> None:
            table = pa.Table.from_pandas(frame, preserve_index=False)
            if not writers:
                writers.append(stack.enter_context(pq.ParquetWriter(temporary, table.schema)))
            writers[0].write_table(table)

        yield append


def _chunks(arguments: list[tuple], processes: int) -> Iterator[tuple[dict, dict]]:
    """Chunks in order; at most two per process wait in memory."""
    if processes == 1:
        yield from (hospital_chunk(*argument) for argument in arguments)
        return
    with worker_pool(processes) as pool:
        waiting: deque = deque()
        for argument in arguments:
            waiting.append(pool.submit(hospital_chunk, *argument))
            if len(waiting) > 2 * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def hospital_chunk(
    seed: int, number: int, n: int, dirt: float, permute_labels: bool
) -> tuple[dict[str, bytes], dict[str, pd.DataFrame]]:
    """Draw one chunk: CSV rows by table, and the frames of the truths and of the dirt."""
    chunk = draw_chunk(seed, number, n, permute_labels)
    visits = draw_visits(chunk)
    moments = draw_moments(chunk)
    columns = {path: make(chunk, visits) for path, make in _PER_CHUNK.items()}
    columns["ed/triage"], columns["ed/vitalsign"] = emergency.triage_and_vitalsign(
        chunk, visits, moments
    )
    columns["hosp/labevents"] = labevents(chunk, visits)
    parameters = cardiology.ecg_parameters(chunk, visits, moments)
    columns["ecg/record_list"] = cardiology.record_list(parameters)
    columns["ecg/machine_measurements"] = cardiology.machine_measurements(chunk, parameters, dirt)
    columns, broken = soil(chunk, columns, dirt)
    defects = draw_defects(parameters["study_id"].to_numpy(), seed, dirt)
    broken = pd.concat(
        [
            broken,
            pd.DataFrame(
                {
                    "table": "ecg/files",
                    "id": parameters["study_id"].to_numpy(np.int64)[defects != ""],
                    "kind": defects[defects != ""].astype(str),
                }
            ),
        ],
        ignore_index=True,
    ).astype({"table": "string", "id": "int64", "kind": "string"})
    rows = {path: csv_rows(TABLES[path], table) for path, table in columns.items()}
    return rows, {
        "truth": _truth(chunk, visits),
        "truth_mortality": visits.mortality,
        "dirt": broken,
    }


def _truth(chunk: Chunk, visits: Visits) -> pd.DataFrame:
    names = ["stay_id", "subject_id", "p_everything", "p_ecg", "p_tables", "admitted"]
    kept = chunk.stays["eligible"].to_numpy() & visits.alive
    return chunk.stays.loc[kept, names].sort_values("stay_id", ignore_index=True)
