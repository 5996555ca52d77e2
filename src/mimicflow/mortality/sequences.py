"""Turn visits into vectors, and the visits of each stay into a sequence without padding."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from gensim.models import KeyedVectors
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from mimicflow.concepts import Paths
from mimicflow.errors import InputError
from mimicflow.mortality.embedding import load_embedding, read_visits, vocabulary_hash
from mimicflow.running.writing import read_npz, write_npz

_VISITS_AT_ONCE = 50_000


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How the visits of a model were read, of ``mortality`` and its protocol; kept in its file."""

    max_visits: int
    """The latest ones, of each patient."""
    repeated_codes: Literal["once", "counted"]
    """A code of a visit that was written several times."""
    code_names: Literal["prefixed", "bare"]
    """Whether codes say what kind they are."""


def visit_vectors(codes: pa.ChunkedArray | pa.Array, embedding: KeyedVectors) -> np.ndarray:
    """Return the mean vector of each visit's codes, (visits, dimensions) float32.

    Parameters
    ----------
    codes : pyarrow list array of text
        The codes of each visit. Those that the embedding lacks are left out of the mean; a visit
        of which it knows none is all zeros.
    embedding : gensim.models.KeyedVectors
        Of codes.
    """
    table = torch.from_numpy(np.ascontiguousarray(embedding.vectors, dtype=np.float32))
    vocabulary = pa.array(embedding.index_to_key, pa.string())
    lists = codes.combine_chunks() if isinstance(codes, pa.ChunkedArray) else codes
    means = np.zeros((len(lists), table.shape[1]), np.float32)
    for start in range(0, len(lists), _VISITS_AT_ONCE):
        part = lists.slice(start, _VISITS_AT_ONCE)
        known = pc.index_in(pc.list_flatten(part), value_set=vocabulary)
        owner = pc.list_parent_indices(part).filter(pc.is_valid(known))
        sizes = np.bincount(owner.to_numpy(), minlength=len(part))
        offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        bags = functional.embedding_bag(
            torch.from_numpy(known.drop_null().to_numpy().astype(np.int64)),
            table,
            torch.from_numpy(offsets.astype(np.int64)),
            mode="mean",
        )
        means[start : start + len(part)] = bags.numpy()
    return means


def build_sequences(visits: Paths, embedding: str | Path, output: str | Path) -> None:
    """Write the visit vectors of all stays.

    Parameters
    ----------
    visits : path or paths
        Shards of the concept ``visit_codes``.
    embedding : path-like
        File of `mimicflow.mortality.embedding.fit_embedding`.
    output : path-like
        ``.npz`` without pickles, read by `VisitSequences.read`.
    """
    vectors = load_embedding(embedding)
    table = read_visits(visits)
    stay_ids, starts = np.unique(table["stay_id"].to_numpy(), return_index=True)
    arrays = {
        "stay_id": stay_ids.astype(np.int64),
        "start": starts.astype(np.int64),
        "n_visits": table["n_visits"].to_numpy()[starts].astype(np.int64),
        "vectors": visit_vectors(table["codes"], vectors),
        "vocabulary_hash": np.array(vocabulary_hash(vectors)),
    }
    write_npz(arrays, output)


@dataclass(frozen=True)
class VisitSequences:
    """The visits of some stays, oldest first, one after the other.

    Attributes
    ----------
    stay_id : ndarray of int64, shape (stays,)
        Ascending.
    start : ndarray of int64, shape (stays,)
        First row of each stay in ``vectors``; its visits end where the next stay begins.
    n_visits : ndarray of int64, shape (stays,)
        Visits of each stay before only the latest were kept.
    vectors : ndarray of float32, shape (visits, dimensions)
        Mean embedding of each visit.
    vocabulary_hash : str
        Of the embedding.
    """

    stay_id: np.ndarray
    start: np.ndarray
    n_visits: np.ndarray
    vectors: np.ndarray
    vocabulary_hash: str

    @classmethod
    def read(cls, path: str | Path) -> VisitSequences:
        """Read a file of `build_sequences`.

        Raises
        ------
        InputError
            A file that is missing or is none.
        """
        try:
            content: dict[str, Any] = read_npz(path)
            sequences = cls(**{**content, "vocabulary_hash": str(content["vocabulary_hash"])})
            sequences._check()
        except Exception as error:  # damaged files raise nearly anything inside zipfile and numpy
            raise InputError(
                f"not a readable file of visit sequences ({type(error).__name__})",
                file=path,
                remedy="delete it and run its rule again",
            ) from error
        return sequences

    def _check(self) -> None:
        """Raise when the arrays do not fit each other: numpy reads damaged ones as bytes."""
        whole = (self.stay_id, self.start, self.n_visits)
        shape = (len(self.stay_id),)
        sound = all(array.dtype.kind == "i" and array.shape == shape for array in whole)
        sound = sound and self.vectors.ndim == 2 and self.vectors.dtype == np.float32
        if not sound or (np.diff(self.stay_id) <= 0).any() or (self.lengths < 1).any():
            raise ValueError("arrays that do not fit each other")
        if len(self.start) and self.start[0] != 0:
            raise ValueError("visits of no stay")

    @property
    def lengths(self) -> np.ndarray:
        """Visits of each stay, (stays,), at least 1."""
        return np.diff(np.append(self.start, len(self.vectors)))

    def rows_of(self, stay_ids: np.ndarray, file: str | Path) -> np.ndarray:
        """Return the row of each stay.

        Raises
        ------
        InputError
            A stay without visits.
        """
        rows = np.searchsorted(self.stay_id, stay_ids).clip(max=len(self.stay_id) - 1)
        absent = self.stay_id[rows] != stay_ids
        if absent.any():
            raise InputError(
                f"{int(absent.sum())} of {len(absent)} stays of the cohort have no visits",
                file=file,
                remedy="delete the visits of this protocol and run their rule again",
            )
        return rows

    def pack(self, rows: np.ndarray, vectors: Tensor | None = None) -> PackedSequence:
        """Return the sequences of some stays, packed: padding costs nothing and is never seen.

        Parameters
        ----------
        rows : ndarray of int
            Rows of stays.
        vectors : Tensor, optional
            ``vectors`` on the device where they are wanted; else they are on the CPU.
        """
        visits = torch.from_numpy(self.vectors) if vectors is None else vectors
        starts, ends = self.start[rows], (self.start + self.lengths)[rows]
        return pack_sequence(
            [visits[start:end] for start, end in zip(starts, ends, strict=True)],
            enforce_sorted=False,
        )

    def means(self) -> np.ndarray:
        """Return the mean of each stay's visit vectors, (stays, dimensions): the bag of codes."""
        return functional.embedding_bag(
            torch.arange(len(self.vectors)),
            torch.from_numpy(self.vectors),
            torch.from_numpy(self.start),
            mode="mean",
        ).numpy()
