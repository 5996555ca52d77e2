"""Predict death from a saved model, its embedding and the codes of visits."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from gensim.models import KeyedVectors

from mimicflow.errors import CheckpointError, ConfigError, InputError
from mimicflow.evaluation.statistics.recalibration import calibrated
from mimicflow.learning.checkpoints import load_checkpoint, load_weights
from mimicflow.learning.configs import parse
from mimicflow.mortality import baselines
from mimicflow.mortality import training as train
from mimicflow.mortality.embedding import load_embedding, vocabulary_hash
from mimicflow.mortality.inputs import PATIENT_FEATURES
from mimicflow.mortality.model import NetworkConfig, VisitNetwork
from mimicflow.mortality.sequences import Reading, VisitSequences, visit_vectors
from mimicflow.raw.code_texts import is_visit_code, visit_code

Visits = Sequence[Sequence[str]]
"""The code lists of a patient's visits, oldest first, for example ``[["ICD10:I10"], []]``."""


@dataclass(frozen=True)
class Predictor:
    """A fitted model with its embedding.

    Attributes
    ----------
    content : dict
        The model file.
    embedding : gensim.models.KeyedVectors
        Of codes, the one that the model was fitted on.
    network : VisitNetwork or None
        In eval mode; None for a bag of codes.
    reading : Reading
        How the visits were read that it was fitted on: those it is asked about are read so too.
    """

    content: dict[str, Any]
    embedding: KeyedVectors
    network: VisitNetwork | None
    reading: Reading

    def predict(self, visits: Sequence[Visits], patients: pd.DataFrame | None = None) -> np.ndarray:
        """Return the probability of death within the horizon of each patient, (patients,).

        Parameters
        ----------
        visits : sequence of sequences of code lists
            Of each patient, oldest visit first; the latest are read, and a code that a visit has
            twice counts, as in training (`Reading`). Codes read ``ICD9:4280``, ``ICD10:I509``,
            ``PROC10:5A1D70Z`` or ``DRUG:furosemide``; those of a model with bare names have no such
            beginning. Codes that the embedding lacks are left out, with a warning that gives their
            share.
        patients : pandas.DataFrame, optional
            ``age`` (years), ``male`` (0 or 1) and ``n_visits``, for LightGBM only.

        Raises
        ------
        InputError
            A patient without a visit, codes of another form, a patient none of whose codes the
            embedding knows, or a model that needs ``patients``.
        """
        spelled = [self._read(of_patient) for of_patient in visits]
        lengths = np.array([len(of_patient) for of_patient in spelled], dtype=np.int64)
        if not len(lengths) or (lengths == 0).any():
            raise InputError(
                "a patient without a visit", remedy="give at least one visit, empty if need be"
            )
        self._check_known(spelled)
        codes = [visit for of_patient in spelled for visit in of_patient]
        sequences = VisitSequences(
            stay_id=np.arange(len(lengths)),
            start=np.concatenate([[0], np.cumsum(lengths)[:-1]]),
            n_visits=lengths,
            vectors=visit_vectors(pa.array(codes, pa.list_(pa.string())), self.embedding),
            vocabulary_hash=self.content["vocabulary_hash"],
        )
        if self.network is None:
            return self._bag(sequences, patients)
        with torch.no_grad():
            logits = self.network(sequences.pack(np.arange(len(lengths))))
        return calibrated(logits.numpy(), 1.0)

    def _read(self, visits: Visits) -> list[list[str]]:
        """Return the visits of a patient that the model reads, their form checked.

        Codes are spelled as the embedding spells them, and as often there as in training.
        """
        spelled = [[self._as_known(code) for code in _listed(visit)] for visit in _listed(visits)]
        if self.reading.repeated_codes == "once":
            spelled = [list(dict.fromkeys(visit)) for visit in spelled]
        return spelled[-self.reading.max_visits :]

    def _check_known(self, visits: list[list[list[str]]]) -> None:
        """Warn of codes that the embedding lacks; refuse a patient of whom it knows none."""
        known = [
            [code in self.embedding.key_to_index for visit in of_patient for code in visit]
            for of_patient in visits
        ]
        for place, of_patient in enumerate(known):
            if of_patient and not any(of_patient):
                raise InputError(
                    f"the embedding knows none of the {len(of_patient)} codes of patient {place} "
                    "(counted from 0)",
                    remedy="see whether the codes are spelled as the model's: "
                    f"{', '.join(self.embedding.index_to_key[:3])}; a visit without codes is []",
                )
        n_codes, n_known = sum(map(len, known)), sum(map(sum, known))
        if n_known < n_codes:
            warnings.warn(
                f"{n_codes - n_known} of {n_codes} codes ({1 - n_known / n_codes:.1%}) are not in "
                "the embedding and are left out",
                stacklevel=3,
            )

    def _as_known(self, code: str) -> str:
        """Return a code in the embedding's spelling."""
        prefixed = self.reading.code_names == "prefixed"
        found = visit_code(code) if isinstance(code, str) else None
        if found is None or is_visit_code(found) != prefixed:
            form = "ICD9:4280, ICD10:I509, PROC10:5A1D70Z or DRUG:furosemide"
            bare = "4280, I509, 5A1D70Z or furosemide, as its names are bare"
            raise InputError(
                f"the code {code!r} is not of the form that the model was fitted on",
                remedy=f"write the text {form if prefixed else bare}",
            )
        return found

    def _bag(self, sequences: VisitSequences, patients: pd.DataFrame | None) -> np.ndarray:
        name = self.content["name"]
        if patients is None and set(PATIENT_FEATURES) & set(self.content["features"]):
            raise InputError(
                f"{name} needs {', '.join(PATIENT_FEATURES)}", remedy="give them as `patients`"
            )
        known = pd.DataFrame() if patients is None else patients
        values = baselines.bag_features(name, sequences.means(), known)
        return baselines.predict(name, self.content["fitted"], values[self.content["features"]])


def _listed(values: object) -> Iterable[Any]:
    """Return the visits of a patient or the codes of a visit, unless they are no list."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InputError(
            f"{values!r} is no list",
            remedy="give of each patient a list of visits, of each visit a list of codes",
        )
    return values


def load_predictor(model: str | Path, embedding: str | Path) -> Predictor:
    """Read a model file and the embedding it was fitted on.

    Parameters
    ----------
    model : path-like
        ``results/mortality/{protocol}/{model}.pth``.
    embedding : path-like
        ``med2vec.kv`` beside it.

    Raises
    ------
    CheckpointError
        Unreadable, of another kind, weights that do not fit, another embedding's model, or one
        that does not say how its visits were read.
    """
    kind = train.KIND
    try:
        content = load_checkpoint(kind, model)
    except CheckpointError as error:
        if baselines.KIND not in error.message:
            raise
        kind = baselines.KIND
        content = load_checkpoint(kind, model)
    vectors = load_embedding(embedding)
    found = vocabulary_hash(vectors)
    if found != content["vocabulary_hash"]:
        raise CheckpointError(
            f"was fitted on another embedding than {embedding} "
            f"(vocabulary {content['vocabulary_hash'][:12]}, not {found[:12]})",
            file=model,
            remedy="use the med2vec.kv of the same protocol and run, or fit the model again",
        )
    try:
        reading = parse(Reading, content.get("reading", {}), "reading")
    except ConfigError as error:
        raise CheckpointError(
            f"does not say how its visits were read: {error.message}",
            file=model,
            remedy="delete it and run its rule again with this version",
        ) from error
    if kind == baselines.KIND:
        return Predictor(content, vectors, None, reading)
    config = parse(NetworkConfig, content["network"], "network")
    network = VisitNetwork(config, vectors.vector_size)
    load_weights(network, content["weights"], model)
    return Predictor(content, vectors, network.eval(), reading)
