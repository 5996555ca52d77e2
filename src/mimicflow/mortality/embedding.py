"""Fit Word2Vec vectors of clinical codes, write and read them, and list nearest neighbours.

gensim's own files are pickles. The vectors are kept in word2vec's binary format instead, whose
words end at the first blank: codes are written as in an address (``%20`` for a blank).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from gensim.models import KeyedVectors, Word2Vec

from mimicflow.concepts import Paths, as_list
from mimicflow.errors import CheckpointError, CohortError
from mimicflow.evaluation.study import Study
from mimicflow.raw.code_texts import icd_text, procedure_text
from mimicflow.running.writing import atomic_output, write_csv

_LOG = logging.getLogger(__name__)

_VISITS_AT_ONCE = 10_000


def read_visits(paths: Paths, stay_ids: np.ndarray | None = None) -> pa.Table:
    """Return the visits of all shards, by stay and position, whatever the number of shards.

    Parameters
    ----------
    paths : path or paths
        Parquet of the concept ``visit_codes``: stay_id, position, n_visits, hadm_id, admittime,
        codes (list of text).
    stay_ids : ndarray, optional
        Only the visits of these stays.
    """
    visits = pa.concat_tables([pq.read_table(path) for path in as_list(paths)])
    if stay_ids is not None:
        visits = visits.filter(pc.is_in(visits["stay_id"], pa.array(stay_ids)))
    return visits.sort_by([("stay_id", "ascending"), ("position", "ascending")])


class Sentences:
    """The code lists of visits as gensim reads them, once per pass, a few at a time.

    Parameters
    ----------
    codes : pyarrow.ChunkedArray
        Column ``codes``; visits without a code are left out.
    """

    def __init__(self, codes: pa.ChunkedArray) -> None:
        self.codes = codes.filter(pc.greater(pc.list_value_length(codes), 0))

    def __iter__(self) -> Iterator[list[str]]:
        for start in range(0, len(self.codes), _VISITS_AT_ONCE):
            yield from self.codes.slice(start, _VISITS_AT_ONCE).to_pylist()

    def __len__(self) -> int:
        return len(self.codes)


def fit_embedding(
    visits: Paths,
    spine: str | Path,
    options: Mapping[str, Any],
    output: str | Path,
    *,
    patients: str = "training",
    seed: int = 0,
) -> None:
    """Fit skip-gram vectors of codes, one sentence per visit, and write them.

    Parameters
    ----------
    visits : path or paths
        Shards of the concept ``visit_codes``, or of all admissions of the hospital.
    spine : path-like
        Parquet with stay_id and split.
    options : mapping
        ``dimensions``, ``window`` (codes on either side), ``min_count`` (visits), ``epochs``,
        ``negative`` (samples per code).
    output : path-like
        word2vec's binary format, codes as in an address; see `load_embedding`.
    patients : {"training", "all", "hospital"}
        Whose visits. ``all`` patients of the cohort, or of the ``hospital``, are optimistic:
        vectors of test patients' codes know those patients.
    seed : int
        The same seed and visits give the same bytes: one thread only.

    Raises
    ------
    CohortError
        When no code occurs ``min_count`` times.
    """
    stays = pd.read_parquet(spine, columns=["stay_id", "split"])
    fitted = stays[stays["split"] == "train"] if patients == "training" else stays
    stay_ids = None if patients == "hospital" else fitted["stay_id"].to_numpy()
    read = read_visits(visits, stay_ids)
    sentences = Sentences(read["codes"])
    model = Word2Vec(
        vector_size=options["dimensions"],
        window=options["window"],
        min_count=options["min_count"],
        negative=options["negative"],
        sg=1,
        seed=seed,
        workers=1,
    )
    if len(sentences):
        model.build_vocab(sentences)
    if not len(model.wv):
        raise CohortError(
            f"no code occurs {options['min_count']} times in the {len(sentences)} visits with "
            f"codes of {pc.count_distinct(read['stay_id'])} patients: there is nothing to embed",
            file=spine,
            remedy="lower mortality.embedding.min_count, or use more patients",
        )
    model.train(sentences, total_examples=len(sentences), epochs=options["epochs"])
    n_patients = pc.count_distinct(read["stay_id"]).as_py()
    _LOG.info("%d codes of %d visits, %d patients", len(model.wv), len(sentences), n_patients)
    save_embedding(model.wv, output)


def save_embedding(vectors: KeyedVectors, path: str | Path) -> None:
    """Write vectors in their order; the same vectors give the same bytes."""
    written = _renamed(vectors, [quote(code, safe=":/") for code in vectors.index_to_key])
    with atomic_output(path) as temporary:
        written.save_word2vec_format(str(temporary), binary=True)


def load_embedding(path: str | Path) -> KeyedVectors:
    """Read vectors of `save_embedding`; keys are the codes themselves.

    Raises
    ------
    CheckpointError
        A file that is missing, damaged, or of another format.
    """
    try:
        _check_size(Path(path))
        vectors = KeyedVectors.load_word2vec_format(str(path), binary=True)
    except FileNotFoundError as error:
        raise CheckpointError("no such file", file=path, remedy="run its rule first") from error
    except (OSError, EOFError, ValueError, AssertionError) as error:
        raise CheckpointError(
            f"not a readable embedding ({type(error).__name__}: {error})",
            file=path,
            remedy="delete it and run its rule again",
        ) from error
    return _renamed(vectors, [unquote(code) for code in vectors.index_to_key])


def _renamed(vectors: KeyedVectors, names: list[str]) -> KeyedVectors:
    renamed = KeyedVectors(vectors.vector_size)
    renamed.add_vectors(names, np.ascontiguousarray(vectors.vectors, dtype=np.float32))
    if "count" in vectors.expandos:  # by which gensim orders what it writes
        renamed.expandos["count"] = vectors.expandos["count"]
    return renamed


def _check_size(path: Path) -> None:
    """Refuse a header that claims other numbers than the file can hold, before memory is taken."""
    with open(path, "rb") as stream:
        words, dimensions = (int(number) for number in stream.readline(64).split())
    least = words * (4 * dimensions + 2)
    if words < 1 or dimensions < 1 or least > path.stat().st_size:
        raise ValueError(f"{words} vectors of {dimensions} numbers do not fit the file")


def vocabulary_hash(vectors: KeyedVectors) -> str:
    """Return the SHA-256 of the codes in order with their vectors: what a model was fitted on."""
    digest = hashlib.sha256("\n".join(vectors.index_to_key).encode())
    digest.update(np.ascontiguousarray(vectors.vectors, dtype="<f4").tobytes())
    return digest.hexdigest()


def describe_neighbours(
    embedding: str | Path,
    visits: Paths,
    titles: Mapping[str, Paths],
    output: str | Path,
    study: Study,
    *,
    codes: int = 50,
    neighbours: int = 5,
) -> None:
    """Write the nearest neighbours of the most frequent codes, so that a person can judge them.

    Parameters
    ----------
    embedding : path-like
        File of `fit_embedding`.
    visits : path or paths
        Shards of the concept ``visit_codes``: frequencies are counted over them.
    titles : mapping of str to path or paths
        Parquet of d_icd_diagnoses (``ICD``) and d_icd_procedures (``PROC``), where there are any;
        codes without a title keep an empty one.
    output : path-like
        CSV to write: code, title, visits (that have the code), rank (1 = nearest), neighbour,
        neighbour_title, similarity (cosine).
    study : Study
        Who may be shown: codes of fewer patients than its smallest cell stand nowhere.
    codes, neighbours : int
        How many codes, and how many neighbours of each.
    """
    vectors = load_embedding(embedding)
    known_visits = read_visits(visits)
    counted = _visits_of_codes(known_visits["codes"])
    # Each patient of the cohort has one stay, to which all visits before it belong.
    by_code = known_visits.select(["stay_id", "codes"]).to_pandas().explode("codes")
    patients = by_code.groupby("codes")["stay_id"].nunique()
    shown = set(patients.index[patients >= study.smallest_cell])
    frequent = counted[counted.index.isin(shown.intersection(vectors.index_to_key))].head(codes)
    found = []
    for code, n_visits in frequent.items():
        nearest = vectors.most_similar(code, topn=len(vectors))
        near = [(other, similarity) for other, similarity in nearest if other in shown][:neighbours]
        found += [(code, n_visits, rank, *other) for rank, other in enumerate(near, start=1)]
    table = pd.DataFrame(found, columns=["code", "visits", "rank", "neighbour", "similarity"])
    known = _titles(titles)
    for column, place in (("neighbour", 4), ("code", 1)):
        name = "title" if column == "code" else f"{column}_title"
        table.insert(place, name, table[column].map(known).fillna(""))
    write_csv(table, output)


def _visits_of_codes(lists: pa.ChunkedArray) -> pd.Series:
    """Count the visits that have each code, the most frequent first, ties by name."""
    whole = lists.combine_chunks()
    pairs = pa.table(
        {"visit": pc.list_parent_indices(whole), "code": pc.list_flatten(whole)}
    ).to_pandas()
    counts = pairs.drop_duplicates()["code"].value_counts().rename_axis("code").reset_index()
    return counts.sort_values(["count", "code"], ascending=[False, True]).set_index("code")["count"]


def _titles(tables: Mapping[str, Paths]) -> dict[str, str]:
    """Return the long title of each prefixed code."""
    known: dict[str, str] = {}
    for prefix, paths in tables.items():
        spelled = procedure_text if prefix == "PROC" else icd_text
        for path in as_list(paths):
            rows = pd.read_parquet(path)
            codes = rows["icd_code"].map(spelled)
            codes = prefix + rows["icd_version"].astype(str) + ":" + codes
            known |= dict(zip(codes, rows["long_title"].fillna(""), strict=True))
    return known
