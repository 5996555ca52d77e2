"""From a saved model, its embedding and the codes of visits to the probability of death."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from gensim.models import KeyedVectors

from mimicflow.errors import CheckpointError, InputError
from mimicflow.evaluation.recalibration import calibrated
from mimicflow.learning.checkpoints import load_checkpoint, load_weights
from mimicflow.learning.configs import parse
from mimicflow.mortality import baselines, train
from mimicflow.mortality.embedding import load_embedding, vocabulary_hash
from mimicflow.mortality.inputs import PATIENT_FEATURES
from mimicflow.mortality.model import NetworkConfig, VisitNetwork
from mimicflow.mortality.sequences import VisitSequences, visit_vectors

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
    """

    content: dict[str, Any]
    embedding: KeyedVectors
    network: VisitNetwork | None

    def predict(self, visits: Sequence[Visits], patients: pd.DataFrame | None = None) -> np.ndarray:
        """Return the probability of death within the horizon of each patient, (patients,).

        Parameters
        ----------
        visits : sequence of sequences of code lists
            Of each patient, oldest visit first; at most the latest 20 as in training. Codes that
            the embedding lacks are ignored.
        patients : pandas.DataFrame, optional
            ``age`` (years), ``male`` (0 or 1) and ``n_visits``, for LightGBM only.

        Raises
        ------
        InputError
            A patient without a visit, or a model that needs ``patients``.
        """
        lengths = np.array([len(of_patient) for of_patient in visits], dtype=np.int64)
        if not len(lengths) or (lengths == 0).any():
            raise InputError(
                "a patient without a visit", remedy="give at least one visit, empty if need be"
            )
        codes = [list(visit) for of_patient in visits for visit in of_patient]
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

    def _bag(self, sequences: VisitSequences, patients: pd.DataFrame | None) -> np.ndarray:
        name = self.content["name"]
        if patients is None and set(PATIENT_FEATURES) & set(self.content["features"]):
            raise InputError(
                f"{name} needs {', '.join(PATIENT_FEATURES)}", remedy="give them as `patients`"
            )
        known = pd.DataFrame() if patients is None else patients
        values = baselines.bag_features(name, sequences.means(), known)
        return baselines.predict(name, self.content["fitted"], values[self.content["features"]])


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
        Unreadable, of another kind, weights that do not fit, or another embedding's model.
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
    if kind == baselines.KIND:
        return Predictor(content, vectors, None)
    config = parse(NetworkConfig, content["network"], "network")
    network = VisitNetwork(config, vectors.vector_size)
    load_weights(network, content["weights"], model)
    return Predictor(content, vectors, network.eval())
