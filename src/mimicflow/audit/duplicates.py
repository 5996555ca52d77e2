"""Look for the same thing on both sides of a split: an ECG, a patient, a history, five minutes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.audit.findings import none_of, write_findings
from mimicflow.audit.twin_ecgs import twin_ecgs
from mimicflow.evaluation.smallest_cell import about
from mimicflow.evaluation.study import Study
from mimicflow.hrv.measures import MEASURES
from mimicflow.learning.splits import patients_tested

LEAST_CODES = 10
"""Codes that a history has at least: of shorter ones many are the same by chance."""
_DIGITS = 6
"""Significant digits in which measures are compared: another gain changes the rest."""
Row = dict[str, Any]


def audit_duplicates(
    output: str | Path,
    study: Study,
    *,
    spine: str | Path,
    same_ecg: float,
    ecgs: Mapping[str, Sequence[str | Path]] | None = None,
    patients: Mapping[str, Sequence[str | Path]] | None = None,
    visits: Mapping[str, Sequence[str | Path]] | None = None,
    epochs: Mapping[str, Any] | None = None,
) -> None:
    """Write how many tested patients, or what is theirs, are on the other side too.

    Parameters
    ----------
    output : path-like
        CSV to write.
    study : Study
        Whose patients they are.
    spine : path-like
        Parquet with ``subject_id`` and ``split``.
    same_ecg : float
        Correlation over all leads from which on two ECGs are nearly the same.
    ecgs : mapping, optional
        ``stores`` and ``indices`` of the waveform store, and ``records``: Parquet with the
        ``study_id`` and ``subject_id`` of all of them, of patients in the cohort or not.
    patients : mapping, optional
        Parquet shards of ``patients``, ``admissions``, ``diagnoses_icd`` and perhaps ``edstays``.
    visits : mapping, optional
        Protocol -> its spine, and the Parquet shards of its visits.
    epochs : mapping, optional
        ``plan`` and the shards of ``measured`` epochs.
    """
    tested = set(patients_tested(spine).tolist())
    rows: list[Row] = []
    if ecgs:
        rows += twin_ecgs(**ecgs, tested=tested, same=same_ecg, smallest=study.smallest_cell)
    if patients:
        everybody = pd.read_parquet(spine, columns=["subject_id"])["subject_id"]
        rows += _patients(patients, set(everybody.tolist()), tested, study)
    for name, (of_protocol, *shards) in (visits or {}).items():
        rows.append(_visits(name, of_protocol, shards, study))
    if epochs:
        rows.append(_epochs(epochs["plan"], epochs["measured"], tested, study))
    write_findings(rows, output, study, counts=("number",))


def _row(what: str, prints: pd.Series, tested: Iterable[Any], study: Study) -> Row:
    """Return how many prints of tested patients are on the other side too, and both sizes.

    Parameters
    ----------
    prints : pandas.Series
        What is compared, by ``subject_id``.
    tested : iterable
        The tested patients.
    """
    prints = prints.dropna()
    of_tested = prints.index.isin(list(tested))
    mine, others = prints[of_tested], prints[~of_tested]
    sizes = {
        name: about(len(part), study.smallest_cell, part.index.nunique())
        for name, part in (("tested", mine), ("others", others))
    }
    return none_of(what, int(mine.isin(set(others)).sum()), **sizes)


def _patients(
    tables: Mapping[str, Sequence[str | Path]],
    everybody: set[Any],
    tested: set[Any],
    study: Study,
) -> Iterator[Row]:
    """Yield who seems to be there under two ids: the same history, or the same times of a stay."""
    chosen = [("subject_id", "in", everybody)]
    read = {
        name: pd.concat(
            [pd.read_parquet(path, filters=chosen) for path in paths], ignore_index=True
        )
        for name, paths in tables.items()
    }
    sex = read["patients"].set_index("subject_id")["gender"].astype(str)
    yield _row(
        "tested patients whose sex and history of admissions and codes another patient has",
        _histories(read["admissions"], read["diagnoses_icd"], sex),
        tested,
        study,
    )
    for name, begin, end, words in (
        ("admissions", "admittime", "dischtime", "admissions"),
        ("edstays", "intime", "outtime", "stays in the emergency department"),
    ):
        if name in read:
            stays = read[name].dropna(subset=[begin, end]).set_index("subject_id")
            times = stays[begin].astype(str) + stays[end].astype(str)
            yield _row(
                f"{words} of tested patients that begin and end in the same second as one of "
                "another patient of that sex",
                sex.reindex(times.index).fillna("") + times,
                tested,
                study,
            )


def _histories(admissions: pd.DataFrame, codes: pd.DataFrame, sex: pd.Series) -> pd.Series:
    """Return the history of each patient as a text, which no shift of dates changes."""
    texts = codes["icd_version"].astype(str) + ":" + codes["icd_code"].astype(str)
    of_visit = texts.groupby(codes["hadm_id"].to_numpy()).agg(lambda part: ",".join(sorted(part)))
    length = (admissions["dischtime"] - admissions["admittime"]).astype("int64").astype(str)
    visit = length + "|" + admissions["hadm_id"].map(of_visit).fillna("")
    ordered = visit.iloc[admissions["admittime"].argsort(kind="stable").to_numpy()]
    patients = admissions["subject_id"].loc[ordered.index].to_numpy()
    history = ordered.groupby(patients).agg(";".join)
    n_codes = codes.groupby("subject_id").size().reindex(history.index).fillna(0)
    history = history[n_codes >= LEAST_CODES]
    return sex.reindex(history.index).fillna("") + history


def _visits(name: str, spine: str | Path, shards: Sequence[str | Path], study: Study) -> Row:
    """Return how many tested patients have the sequence of visits of a training patient."""
    visits = pd.concat([pd.read_parquet(path) for path in shards], ignore_index=True)
    visits = visits.sort_values(["stay_id", "position"])
    sizes = visits["codes"].map(len).groupby(visits["stay_id"]).sum()
    texts = visits["codes"].map(lambda codes: ",".join(codes))
    sequences = texts.groupby(visits["stay_id"]).agg(";".join)[sizes >= LEAST_CODES]
    stays = pd.read_parquet(spine).set_index("stay_id")
    sequences = sequences[sequences.index.isin(stays.index)]
    patients = stays["subject_id"].reindex(sequences.index)
    what = f"{name}: tested patients whose sequence of visits another patient has"
    return _row(what, sequences.set_axis(patients), patients_tested(spine), study)


def _epochs(
    plan: str | Path, measured: Sequence[str | Path], tested: set[Any], study: Study
) -> Row:
    """Return how many epochs of tested patients have all measures of one of another patient.

    Epochs of paced rhythm have no spread, hence not all measures: those of one rate are alike.
    """
    epochs = pd.concat([pd.read_parquet(path) for path in measured], ignore_index=True)
    known = np.isfinite(epochs[list(MEASURES)]).all(axis=1)
    epochs = epochs[(epochs["reason"] == "") & known]
    whose = pd.read_parquet(plan, columns=["epoch_id", "subject_id"]).set_index("epoch_id")
    values = epochs[list(MEASURES)].to_numpy(np.float64)
    rounded = np.char.mod(f"%.{_DIGITS}g", values)
    prints = [hashlib.blake2b("".join(row).encode()).hexdigest() for row in rounded]
    index = whose["subject_id"].reindex(epochs["epoch_id"])
    return _row(
        f"epochs of tested patients with all measures of another patient's, to {_DIGITS} digits",
        pd.Series(prints, index=index),
        tested,
        study,
    )
