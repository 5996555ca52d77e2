"""The waveform store: every readable ECG decoded and cleaned once, then read by row.

A shard is a plain ``.npy`` of (records, 12, samples) in mV that opens memory-mapped, and a Parquet
index that says which row is which study. How the signal was made (rate, cleaning, ...) is written
into the index, so that a model can refuse a store that was made otherwise.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.lib import format as npy

from mimicflow.ecg.clean import fit_length
from mimicflow.ecg.preparation import made_as, signal_of
from mimicflow.ecg.records import LEADS, MIN_VALID, read_record
from mimicflow.errors import CheckpointError, InputError, RecordError
from mimicflow.raw.awaited import write_awaited
from mimicflow.raw.wfdb_headers import MAX_WRONG
from mimicflow.running.progress import shown
from mimicflow.running.writing import atomic_output, write_csv, write_parquet

log = logging.getLogger(__name__)

INDEX = pa.schema(
    [
        ("study_id", pa.int64()),
        ("subject_id", pa.int64()),
        ("row", pa.int64()),
        ("ecg_time", pa.timestamp("us")),
        ("path", pa.string()),
        ("lead_mask", pa.int16()),  # bit i: lead i is present and not flat
        ("n_samples", pa.int64()),  # of the stored rate, before padding
        ("wrong_leads", pa.int16()),  # left out: not as their header says
    ]
)
EXCLUDED = pa.schema(
    [
        ("study_id", pa.int64()),
        ("subject_id", pa.int64()),
        ("path", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)
_SIGNAL_KEY = b"mimicflow.signal"
_LOG_EVERY = 5000  # records


def build_ecg_store(
    ecg_folder: str | Path,
    record_list: str | Path,
    output_store: str | Path,
    output_index: str | Path,
    output_excluded: str | Path,
    *,
    sampling_rate: int = 500,
    seconds: float = 10,
    cleaning: str = "neurokit",
    powerline: float = 60,
    dtype: str = "float16",
    max_wrong_checksums: float | Literal["none"] = MAX_WRONG,
    min_valid_share: float = MIN_VALID,
    awaited: str | Path | None = None,
    arrivals: int = 0,
) -> None:
    """Decode, clean and store the records of one shard, one at a time.

    Parameters
    ----------
    ecg_folder : path-like
        Folder to which the paths of ``record_list`` are relative.
    record_list : path-like
        Parquet with subject_id, study_id, ecg_time, path.
    output_store, output_index, output_excluded : path-like
        The ``.npy``, its index and the records left out with their reasons.
    sampling_rate : int
        Hz of the store.
    seconds : float
        Kept from the start of each record; shorter ones end in zeros.
    cleaning, powerline
        See `mimicflow.ecg.clean.clean_ecg`; done at the rate of the file.
    dtype : {"float16", "float32"}
        Of the stored mV.
    max_wrong_checksums, min_valid_share
        See `read_record`.
    awaited : path-like, optional
        Where to list the files that are missing or damaged, for `count_arrivals`.
    arrivals : int
        What that gave for this job.

    Raises
    ------
    InputError
        When the ECG folder does not exist. A damaged record is left out, never fatal.
    StorageError
        When the disk is full or read-only, or refuses otherwise.
    """
    if not Path(ecg_folder).is_dir():
        raise InputError("no such folder", file=ecg_folder, remedy="set data.ecg in the config")
    made = signal_of(
        sampling_rate=sampling_rate, seconds=seconds, cleaning=cleaning, powerline=powerline
    )
    columns = ["subject_id", "study_id", "ecg_time", "path"]
    listed = pd.read_parquet(record_list, columns=columns).sort_values("study_id")
    n_samples = round(sampling_rate * seconds)

    def prepare(path: str | None) -> tuple[np.ndarray, dict[str, int]]:
        record = read_record(ecg_folder, path, max_wrong_checksums, min_valid_share)
        signals = record.signals * record.lead_mask[:, None]
        signals = made_as(signals, record.sampling_rate, made)
        # A damaged gain can give anything; float16 ends at 65504 mV.
        if not np.abs(signals).max() <= np.finfo(dtype).max:
            file = Path(ecg_folder, f"{path}.hea")
            raise RecordError("beyond any ECG", reason="amplitude_invalid", file=file)
        bits = int(np.packbits(record.lead_mask, bitorder="little").view("<u2")[0])
        facts = {"lead_mask": bits, "n_samples": signals.shape[-1], "wrong_leads": record.n_wrong}
        return fit_length(signals, n_samples).astype(dtype), facts

    metadata = {_SIGNAL_KEY: json.dumps(made, sort_keys=True).encode()}
    # All of them appear once all are written: waveforms must never meet another run's index.
    with (
        atomic_output(output_excluded) as excluded_file,
        atomic_output(output_index) as index_file,
        atomic_output(output_store) as store_file,
    ):
        index, excluded = _write_records(store_file, listed, prepare, (12, n_samples), dtype)
        if awaited is not None:
            write_awaited(_files(excluded, Path(ecg_folder)), ecg_folder, arrivals, awaited)
        for rows, schema, path in (
            (index, INDEX.with_metadata(metadata), index_file),
            (excluded, EXCLUDED, excluded_file),
        ):
            pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)


def _files(excluded: list[dict[str, Any]], ecg_folder: Path) -> Iterator[Path]:
    """Yield the files of the records that were left out, there or not."""
    for record in excluded:
        if record["reason"] != "path_missing":
            yield Path(record["file"])
            yield from (ecg_folder / f"{record['path']}{suffix}" for suffix in (".hea", ".dat"))


def _write_records(
    store: Path,
    listed: pd.DataFrame,
    prepare: Callable[[str | None], tuple[np.ndarray, dict[str, int]]],
    shape: tuple[int, int],
    dtype: str,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Append the readable records to an ``.npy`` whose header is completed at the end."""
    index: list[dict[str, Any]] = []
    excluded: list[dict[str, Any]] = []
    description = {"descr": npy.dtype_to_descr(np.dtype(dtype)), "fortran_order": False}
    with open(store, "wb") as stream:
        # NumPy leaves room in the header for the number of rows to grow.
        npy.write_array_header_1_0(stream, {**description, "shape": (0, *shape)})
        for done, row in enumerate(shown(listed.itertuples(), len(listed), "ECGs"), start=1):
            study = {"study_id": row.study_id, "subject_id": row.subject_id}
            path = row.path if isinstance(row.path, str) else None
            try:
                values, facts = prepare(path)
            except RecordError as error:
                fault = {"reason": error.reason, "detail": error.message, "file": error.file}
                excluded.append({**study, "path": path, **fault})
            else:
                stream.write(values.tobytes())
                time = None if pd.isna(row.ecg_time) else row.ecg_time.to_pydatetime()
                place = {"row": len(index), "ecg_time": time, "path": path}
                index.append({**study, **place, **facts})
            if done % _LOG_EVERY == 0 or done == len(listed):
                log.info("%d of %d records, %d left out", done, len(listed), len(excluded))
        stream.seek(0)
        npy.write_array_header_1_0(stream, {**description, "shape": (len(index), *shape)})
    return index, excluded


def collect_ecg_records(
    indices: Sequence[str | Path],
    excluded: Sequence[str | Path],
    output_records: str | Path,
    output_excluded: str | Path,
    *,
    max_damaged_share: float,
) -> None:
    """Unite the shards' lists, and stop when too many records are damaged.

    Parameters
    ----------
    indices, excluded : sequence of path-like
        Of all shards, as written by `build_ecg_store`.
    output_records : path-like
        Parquet of the readable records: study_id, subject_id, ecg_time, path, lead_mask,
        n_samples, wrong_leads; by study_id.
    output_excluded : path-like
        CSV of the others, with their reasons.
    max_damaged_share : float
        Of all listed records; more is an error.

    Raises
    ------
    InputError
        When more are damaged, or there is no readable record at all.
    """
    readable = pd.concat([pd.read_parquet(path) for path in indices])
    damaged = pd.concat([pd.read_parquet(path) for path in excluded])
    total = len(readable) + len(damaged)
    reasons = ", ".join(
        f"{reason} {count}"
        for reason, count in damaged["reason"].value_counts().sort_index().items()
    )
    log.info("%d records, %d left out: %s", total, len(damaged), reasons or "none")
    wrong = readable["wrong_leads"]
    log.info(
        "%d leads of %d records left out: not as their headers say", wrong.sum(), (wrong > 0).sum()
    )
    if len(damaged) > max_damaged_share * total or readable.empty:
        raise InputError(
            f"{len(damaged)} of {total} ECG records cannot be used ({reasons or 'none listed'}); "
            f"the limit is {max_damaged_share:.2%}",
            remedy=_remedy(damaged, Path(excluded[0]).parent),
        )
    write_csv(damaged.sort_values("study_id"), output_excluded)
    write_parquet(readable.drop(columns="row").sort_values("study_id"), output_records)


def _remedy(damaged: pd.DataFrame, folder: Path) -> str:
    """Return what to do; no record is named, as its path has the number of the patient."""
    if (damaged["reason"] == "path_outside").sum() * 2 > len(damaged):
        return (
            f"set data.ecg to the folder in which the records lie ({folder} lists them): links "
            "more than two levels below it may not lead out of it (docs/arrest.md)"
        )
    return (
        f"check that the ECG folder is complete ({folder} lists the records) and run again: what "
        "has come by then is read; or raise ecg.max_damaged_share"
    )


class WaveformStore:
    """The shards of the store as one: waveforms by study, read from memory-mapped files.

    Parameters
    ----------
    stores, indices : sequence of path-like
        ``.npy`` and Parquet of each shard, in the same order.

    Attributes
    ----------
    signal : dict
        How the waveforms were made: sampling_rate, seconds, cleaning, powerline, leads.
    study_ids : numpy.ndarray
        (n,) int64, ascending: all studies in the store.

    Raises
    ------
    InputError
        When a shard does not fit its index, or the shards were made differently.
    """

    def __init__(self, stores: Sequence[str | Path], indices: Sequence[str | Path]) -> None:
        self._paths = (tuple(stores), tuple(indices))
        self._shards = [np.load(path, mmap_mode="r", allow_pickle=False) for path in stores]
        tables = [pq.read_table(path) for path in indices]
        for shard, table, path in zip(self._shards, tables, stores, strict=True):
            first = self._shards[0]
            alike = (shard.dtype, shard.shape[1:]) == (first.dtype, first.shape[1:])
            if len(shard) != table.num_rows or not alike:
                raise InputError("does not fit its index", file=path, remedy="build it again")
        made = {(table.schema.metadata or {}).get(_SIGNAL_KEY, b"{}") for table in tables}
        if len(made) != 1:
            raise InputError(
                "shards were made differently", file=indices[0], remedy="build all of them again"
            )
        self.signal: dict[str, Any] = json.loads(made.pop())
        index = pd.concat(
            [
                table.select(["study_id", "row", "lead_mask"]).to_pandas().assign(shard=number)
                for number, table in enumerate(tables)
            ]
        ).sort_values("study_id")
        self.study_ids = index["study_id"].to_numpy()
        self._shard = index["shard"].to_numpy()
        self._row = index["row"].to_numpy()
        bits = index["lead_mask"].to_numpy()[:, None] >> np.arange(len(LEADS))
        self._lead_mask = (bits & 1).astype(bool)

    def __reduce__(self) -> tuple[Any, ...]:
        """Send paths, not waveforms, to the workers of a data loader."""
        return type(self), self._paths

    @property
    def n_samples(self) -> int:
        """Samples per lead."""
        return int(self._shards[0].shape[2])

    def require(self, signal: Mapping[str, Any]) -> None:
        """Refuse to serve a model that was fitted on waveforms made differently.

        Parameters
        ----------
        signal : mapping
            The `signal` of the store the model was fitted on.

        Raises
        ------
        CheckpointError
            Naming what differs.
        """
        names = sorted(self.signal.keys() | signal.keys())
        different = [
            f"{name}: {signal.get(name)!r} there, {self.signal.get(name)!r} here"
            for name in names
            if signal.get(name) != self.signal.get(name)
        ]
        if different:
            raise CheckpointError(
                f"the model was fitted on other waveforms ({'; '.join(different)})",
                remedy="set config key ecg as it was for the model, or fit the model again",
            )

    def read(self, study_ids: np.ndarray | Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Read the waveforms of some studies.

        Parameters
        ----------
        study_ids : array of int
            (k,), in any order, repeats allowed.

        Returns
        -------
        waveforms : numpy.ndarray
            (k, 12, n_samples) float32, mV.
        lead_mask : numpy.ndarray
            (k, 12) bool: the lead was recorded and not flat.

        Raises
        ------
        InputError
            For a study that is not in the store.
        """
        wanted = np.asarray(study_ids, dtype=np.int64)
        position = np.searchsorted(self.study_ids, wanted)
        known = position < len(self.study_ids)
        known[known] = self.study_ids[position[known]] == wanted[known]
        if not known.all():
            raise InputError(
                f"{(~known).sum()} of {len(wanted)} studies are not in the waveform store",
                remedy="use studies of records.parquet only",
            )
        import torch  # noqa: PLC0415 (building the store needs none of it)

        shape = (len(wanted), len(LEADS), self.n_samples)
        waveforms = np.empty(shape, dtype=self._shards[0].dtype)
        order = np.lexsort((self._row[position], self._shard[position]))  # as they lie on disk
        for place in order:
            here = position[place]
            waveforms[place] = self._shards[self._shard[here]][self._row[here]]
        # NumPy widens float16 one by one, torch with the vector unit: ten times as fast.
        return torch.from_numpy(waveforms).float().numpy(), self._lead_mask[position]
