"""Join the static features of all stays into one table, under the published names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.admission.drugs import DRUG_DICTIONARY, classed_drugs, read_dictionary
from mimicflow.concepts import Paths, as_list, static_features
from mimicflow.errors import InputError
from mimicflow.running.writing import write_parquet

N_EARLIER_ECGS = 5
"""Columns path_1 .. path_5 of the ECGs before the prediction ECG."""


def assemble_static_features(
    features: Mapping[str, Paths],
    stays: str | Path,
    ecgs: str | Path,
    options: Mapping[str, Any],
    output: str | Path,
    *,
    drugs: Mapping[str, Paths],
    dictionary: str | Path,
    memory_mb: int = 1000,
) -> None:
    """Write ``final_ecgs.parquet``: ids, times, ECG paths, outcome, then the static features.

    Parameters
    ----------
    features : mapping of str to path or paths
        Concept -> its shards, written by `mimicflow.concepts.extract.extract_concept`; one row per
        stay.
    stays, ecgs : path-like
        The cohort, written by `mimicflow.admission.cohort.build_cohort`.
    options : mapping
        Section ``features`` of the configuration (acuity_median, fill, etc_descriptions).
    output : path-like
        Parquet, one row per stay by stay_id. Numeric features are float64 (NaN = missing acuity
        or laboratory value), boolean ones int8, in the order of ``static_features.csv``; extra
        columns follow. Its attribute ``drug_dictionary`` is the hash of the dictionary.
    drugs : mapping of str to path or paths
        The same of the concepts that need the dictionary.
    dictionary : path-like
        Drug classes by code, written by `mimicflow.admission.drugs.build_gsn_etc`.
    memory_mb : int
        Limit of the database, in MB.

    Raises
    ------
    InputError
        When the shards of a concept do not hold every stay exactly once.
    """
    cohort = pd.read_parquet(stays).sort_values("stay_id", ignore_index=True)
    table = _identity(cohort, pd.read_parquet(ecgs))
    for concept, paths in features.items():
        columns = pd.concat([pd.read_parquet(path) for path in as_list(paths)])
        columns = columns.sort_values("stay_id", ignore_index=True)
        if not columns["stay_id"].equals(table["stay_id"]):
            raise InputError(
                f"the feature shards of {concept} do not hold every stay of the cohort once",
                file=as_list(paths)[0],
                remedy="delete the folder of this concept under results/features and run again",
            )
        table = table.join(columns.drop(columns="stay_id"))
    classes = read_dictionary(dictionary)
    for concept, paths in drugs.items():
        columns = classed_drugs(concept, paths, stays, dictionary, memory_mb)
        table = table.join(columns.drop(columns="stay_id"))
    if "etcdesc" in table:
        descriptions = table.pop("etcdesc")
        if options["etc_descriptions"]:
            table = table.join(_drug_classes(descriptions, classes["etcdescription"]))
    table = _in_published_order(_filled(table, options), len(_IDENTITY))
    table.attrs = {DRUG_DICTIONARY: classes.attrs[DRUG_DICTIONARY]}
    write_parquet(table, output)


_IDENTITY = (
    *("subject_id", "hadm_id", "stay_id", "intime", "outtime", "ecg_time", "final_ecg_path"),
    *(f"path_{k}" for k in range(1, N_EARLIER_ECGS + 1)),
    *("los", "disposition_HOME", "disposition_ADMITTED"),
)


def _identity(cohort: pd.DataFrame, ecgs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per stay with the columns that are no features.

    The prediction ECG is ``final_ecg_path``; earlier ones fill path_1, path_2, ... in time order.
    """
    last = ecgs["position"] == ecgs.groupby("stay_id")["position"].transform("max")
    final = ecgs[last].set_index("stay_id")
    earlier = ecgs[~last].pivot(index="stay_id", columns="position", values="path")
    earlier = earlier.reindex(columns=range(1, N_EARLIER_ECGS + 1)).add_prefix("path_")
    table = cohort.join(earlier, on="stay_id").assign(
        ecg_time=cohort["stay_id"].map(final["ecg_time"]),
        final_ecg_path=cohort["stay_id"].map(final["path"]),
        los=(cohort["outtime"] - cohort["intime"]) / pd.Timedelta(hours=1),
        disposition_HOME=(cohort["disposition"] == "HOME").astype(np.int8),
        disposition_ADMITTED=(cohort["disposition"] == "ADMITTED").astype(np.int8),
    )
    return table[list(_IDENTITY)]


def _drug_classes(descriptions: pd.Series, known: pd.Series) -> pd.DataFrame:
    """Return one 0/1 column ``etcdesc_<class>`` per known class name, from lists of names.

    The columns are those of the dictionary, whoever had the drugs.
    """
    exploded = descriptions.explode().dropna()
    flags = pd.crosstab(exploded.index, exploded.to_numpy()).clip(upper=1)
    flags = flags.reindex(descriptions.index, fill_value=0)
    flags = flags.reindex(columns=sorted(known.dropna().unique()), fill_value=0)
    return flags.add_prefix("etcdesc_").astype(np.int8)


def _filled(table: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """Apply the published fills, when asked for; by default what is missing stays missing."""
    if options["fill"] == "whole_table":
        # The published feature steps filled everything before acuity was looked at.
        paths = [column for column in table if "path" in column]
        table = table.fillna(dict.fromkeys(paths, "0")).fillna(0)
        return table.assign(missing_acuity=0)
    if options["acuity_median"] == "all":
        return table.fillna({"acuity": table["acuity"].median()})
    return table


def _in_published_order(table: pd.DataFrame, n_identity: int) -> pd.DataFrame:
    """Return identity, static features in order and with their types, then all other columns."""
    listed = static_features()
    dtypes = listed["kind"].map({"numeric": np.float64, "boolean": np.int8})
    identity, features = list(table.columns[:n_identity]), list(listed["name"])
    extra = sorted(set(table.columns) - set(identity) - set(features))
    return table[identity + features + extra].astype(dict(zip(features, dtypes, strict=True)))
