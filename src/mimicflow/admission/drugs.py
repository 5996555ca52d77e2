"""Map drug codes (GSN) to drug classes (ETC) by a dictionary that is frozen with the split.

MIMIC lists classes in the medication reconciliation of its patients only. A dictionary made of all
of them would change with every patient who comes later, and the features of earlier stays with it.
Hence it is made of training patients, named by its hash, and stored with the models.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mimicflow.concepts import Paths, opened, sql, used_by
from mimicflow.errors import InputError
from mimicflow.learning.splits import patients_tested
from mimicflow.running.writing import write_parquet

_LOG = logging.getLogger(__name__)

DRUG_DICTIONARY = "drug_dictionary"
"""Attribute of a table: the hash of the dictionary; it stays with the Parquet file."""


def build_gsn_etc(
    medrecon: Paths,
    spine: str | Path,
    options: Mapping[str, Any],
    output: str | Path,
    memory_mb: int = 1000,
) -> None:
    """Write the dictionary gsn (6 digits) -> etccode (8 digits), etcdescription.

    Parameters
    ----------
    medrecon : path or paths
        All Parquet shards of ``ed/medrecon``.
    spine : path-like
        Parquet with ``subject_id``, ``split`` and perhaps ``split_multi`` of every stay.
    options : mapping
        ``drug_dictionary``: rows of ``training`` patients, whom no model is tested on, or of
        ``all``.
    output : path-like
        Parquet, one row per gsn, by gsn; its attribute ``drug_dictionary`` is its hash.
    memory_mb : int
        Limit of the database, in MB.
    """
    with opened({"medrecon": medrecon, "spine": spine}, options, memory_mb) as connection:
        connection.register("tested", pd.DataFrame({"subject_id": patients_tested(spine)}))
        dictionary = connection.sql(sql("gsn_etc")).df()
    dictionary.attrs[DRUG_DICTIONARY] = hash_of(dictionary)
    _LOG.info(
        "%d drug codes with a class, hash %s", len(dictionary), dictionary.attrs[DRUG_DICTIONARY]
    )
    write_parquet(dictionary, output)


def hash_of(dictionary: pd.DataFrame) -> str:
    """Return the SHA-256 of a dictionary's content: the name by which models know it."""
    return hashlib.sha256(dictionary.to_csv(index=False).encode()).hexdigest()


def read_dictionary(path: str | Path) -> pd.DataFrame:
    """Read a dictionary.

    Raises
    ------
    InputError
        Its content is not what its hash says.
    """
    dictionary = pd.read_parquet(path)
    if dictionary.attrs.get(DRUG_DICTIONARY) != hash_of(dictionary):
        raise InputError(
            "the drug dictionary is not the one that its hash names",
            file=path,
            remedy="delete the file and run again",
        )
    return dictionary


def as_columns(dictionary: pd.DataFrame) -> dict[str, list[str | None]]:
    """Return a dictionary as plain lists, which a model file can hold."""
    return dictionary.astype(object).where(dictionary.notna(), None).to_dict("list")


def from_columns(columns: Mapping[str, list[str | None]]) -> pd.DataFrame:
    """Undo `as_columns`."""
    dictionary = pd.DataFrame(columns)
    dictionary.attrs[DRUG_DICTIONARY] = hash_of(dictionary)
    return dictionary


def require_dictionary(features: pd.DataFrame, wanted: str, file: str | Path | None = None) -> None:
    """Refuse features whose drug classes are of another dictionary; warn where none is named.

    Parameters
    ----------
    features : pandas.DataFrame
        Static features, with the attributes of their file as ``pandas.read_parquet`` gives them.
    wanted : str
        Hash of the dictionary.

    Raises
    ------
    InputError
        The features name another dictionary.
    """
    found = features.attrs.get(DRUG_DICTIONARY)
    if found is None:
        _LOG.warning("the static features do not say by which dictionary drugs were classed")
    elif found != wanted:
        raise InputError(
            f"drug classes are of dictionary {found[:12]}, the model knows {wanted[:12]}",
            file=file,
            remedy="class the drugs by the dictionary that is stored with the model",
        )


def classed_drugs(
    concept: str,
    drugs: Paths,
    stays: str | Path,
    dictionary: str | Path,
    memory_mb: int = 1000,
) -> pd.DataFrame:
    """Return the features of a concept extracted by drug code, one row per stay by ``stay_id``.

    Parameters
    ----------
    concept : {"ed_medications", "medication_history"}
        Its classes are in ``<concept>_classes.sql``.
    drugs : path or paths
        Its shards: ``stay_id`` and ``gsn`` of each drug that was known at the prediction.
    stays, dictionary : path-like
        Parquet with the ``stay_id`` of every stay; written by `build_gsn_etc`.
    memory_mb : int
        Limit of the database, in MB.
    """
    tables = {"spine": stays, "known_drugs": drugs, "gsn_etc": dictionary}
    with opened(tables, {}, memory_mb, uses=used_by("drug_classes")) as connection:
        connection.execute(f"CREATE TEMP TABLE drugs AS {sql('drug_classes')}")
        for what, n in connection.execute(sql("drug_classes_counts")).fetchall():
            _LOG.info("%s: %d %s", concept, n, what)
        return connection.sql(sql(f"{concept}_classes")).order("stay_id").df()
