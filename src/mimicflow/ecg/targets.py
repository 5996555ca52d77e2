"""Build the targets of pretraining: 7 measurements and the labels of the machine's report."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mimicflow.ecg.reports import (
    DROP_RECORD,
    IGNORE_STATEMENT,
    label_statement,
    normalise,
    vocabulary,
)
from mimicflow.learning.splits import patients_tested
from mimicflow.running.writing import write_json, write_parquet

log = logging.getLogger(__name__)

INTERVALS = ("rr_interval", "qrs_onset", "qrs_end", "t_end")
"""ms, each greater than 0."""

AXES = ("qrs_axis", "t_axis")
"""deg."""

MEASUREMENTS = (*INTERVALS, *AXES, "qrs_duration")
"""The numeric targets, in the order of their outputs."""

REPORTS = tuple(f"report_{slot}" for slot in range(18))

_LARGEST = 10_000  # beyond it is an error of the machine; 29999 says "not measured"
_LOGGED_STATEMENTS = 50


def clean_measurements(raw: pd.DataFrame) -> pd.DataFrame:
    """Take what the machine did not measure, or cannot have measured, as missing.

    Parameters
    ----------
    raw : pandas.DataFrame
        Columns `INTERVALS` (ms) and `AXES` (deg) as in ``machine_measurements.csv``.

    Returns
    -------
    pandas.DataFrame
        `MEASUREMENTS` as float64, NaN where missing; qrs_duration = qrs_end - qrs_onset of what
        is left.
    """
    values = raw[[*INTERVALS, *AXES]].astype(float)
    values = values.where(values.abs() <= _LARGEST)
    intervals = list(INTERVALS)
    values[intervals] = values[intervals].where(values[intervals] > 0)
    duration = values["qrs_end"] - values["qrs_onset"]
    values["qrs_duration"] = duration.where(duration > 0)
    return values[list(MEASUREMENTS)]


def build_pretraining_targets(
    machine_measurements: Sequence[str | Path],
    records: str | Path,
    output: str | Path,
    output_vocabulary: str | Path,
    *,
    spine: str | Path,
    patients: str,
) -> None:
    """Write the pretraining targets of the readable records.

    Recordings with a statement on their quality are left out; a label that no recording has is a
    column without a true value, so that the outputs are the same for any data.

    Parameters
    ----------
    machine_measurements : sequence of path-like
        Parquet shards: study_id, report_0..report_17 and the measurements.
    records : path-like
        ``records.parquet``: study_id, subject_id and path of the readable records.
    output : path-like
        Parquet by study_id: study_id, subject_id, path, `MEASUREMENTS` (NaN: not measured), then
        one boolean column per label.
    output_vocabulary : path-like
        JSON list of the labels in column order.
    spine, patients
        As in `patients_left_out`: their statements are labelled, but are no reason to label
        those of others.
    """
    columns = ["study_id", "subject_id", *INTERVALS, *AXES]
    raw = pd.concat(
        [pd.read_parquet(path, columns=columns) for path in machine_measurements],
        ignore_index=True,
    )
    codes, statements = _encode_statements(machine_measurements)
    counted = ~raw["subject_id"].isin(patients_left_out(spine, patients)).to_numpy()
    labels, dropped = _label_recordings(codes, statements, counted)

    readable = pd.read_parquet(records, columns=["study_id", "subject_id", "path"])
    kept = raw.loc[~dropped, ["study_id"]].reset_index(names="position")
    targets = readable.merge(kept, on="study_id", validate="one_to_one").sort_values("study_id")
    position = targets.pop("position").to_numpy()
    parts = [
        targets.reset_index(drop=True),
        clean_measurements(raw.iloc[position]).reset_index(drop=True),
        pd.DataFrame(labels[position], columns=list(vocabulary())),
    ]
    log.info(
        "%d recordings measured, %d left out for their quality; targets for %d of %d readable",
        len(raw),
        dropped.sum(),
        len(position),
        len(readable),
    )
    write_json(list(vocabulary()), output_vocabulary)
    write_parquet(pd.concat(parts, axis=1), output)


def patients_left_out(spine: str | Path, patients: str) -> np.ndarray:
    """Return whom the encoder does not learn from.

    Parameters
    ----------
    spine : path-like
        As for `mimicflow.learning.splits.patients_tested`.
    patients : {"without_test", "all"}
        ``pretraining.patients`` of the configuration.
    """
    tested = patients_tested(spine)
    return tested if patients == "without_test" else tested[:0]


def _encode_statements(shards: Sequence[str | Path]) -> tuple[np.ndarray, list[str]]:
    """Give each statement a number: (recordings, 18) int32, -1 for none; and their texts.

    Each text is normalised once however often it occurs: a million reports hold a few thousand.
    """
    code_of: dict[str, int] = {}
    codes = []
    for path in shards:
        table = pq.read_table(path, columns=list(REPORTS))
        slots = np.full((table.num_rows, len(REPORTS)), -1, dtype=np.int32)
        for slot, name in enumerate(REPORTS):
            encoded = table[name].cast(pa.string()).combine_chunks().dictionary_encode()
            texts = [normalise(text) for text in encoded.dictionary.to_pylist()]
            lookup = [code_of.setdefault(text, len(code_of)) if text else -1 for text in texts]
            index = encoded.indices.fill_null(len(texts)).to_numpy()
            slots[:, slot] = np.array([*lookup, -1], dtype=np.int32)[index]
        codes.append(slots)
    return np.concatenate(codes), list(code_of)


def _label_recordings(
    codes: np.ndarray, statements: list[str], counted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Label recordings: (recordings, labels) bool, and (recordings,) bool of those to leave out.

    How often a statement is seen is counted in the recordings of ``counted`` only.
    """
    labels_of = [label_statement(statement) for statement in statements]
    drops = np.array([DROP_RECORD in labels for labels in labels_of] + [False])  # last: code -1
    dropped = drops[codes].any(axis=1)
    seen = codes[~dropped & counted]
    counts = np.bincount(seen[seen >= 0], minlength=len(statements))

    column = {label: number for number, label in enumerate(vocabulary())}
    table = np.zeros((len(statements) + 1, len(column)), dtype=bool)
    for code, labels in enumerate(labels_of):
        if counts[code] > 1:  # a statement seen once teaches nothing
            table[code, [column[label] for label in labels if label in column]] = True
    labelled = np.zeros((len(codes), len(column)), dtype=bool)
    for slot in codes.T:
        labelled |= table[slot]

    unmatched = [code for code, labels in enumerate(labels_of) if not labels and counts[code] > 1]
    unmatched.sort(key=lambda code: (-counts[code], statements[code]))
    ignored = sum(counts[code] for code, la in enumerate(labels_of) if IGNORE_STATEMENT in la)
    log.info(
        "%d statements, %d ignored; %d texts, %d of them seen once, %d without a label",
        counts.sum(),
        ignored,
        len(statements),
        (counts == 1).sum(),
        len(unmatched),
    )
    for code in unmatched[:_LOGGED_STATEMENTS]:
        log.info("no label: %d x %r", counts[code], statements[code])
    return labelled, dropped
