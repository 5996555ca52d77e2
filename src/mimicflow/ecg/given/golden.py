"""Two ECGs of no patient, and what an encoder makes of them.

They are made by a formula and hence the same everywhere: Gaussian waves, projected on the leads by
their angles, with drift and the hum of both mains. They go through the very steps that the ECGs of
patients go through. An encoder whose numbers for them are known is known to be fed as it was
trained: another rate, filter, unit, length or order of the leads gives other numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from mimicflow.ecg.clean import fit_length
from mimicflow.ecg.preparation import made_as
from mimicflow.ecg.records import LEADS
from mimicflow.reference import reference

SAMPLING_RATE = 500
SECONDS = 10
FIRST = 8
"""Numbers of an embedding that a contract has, besides its norm."""
_DISTURBANCES = ((0.3, 0.15), (50, 0.05), (60, 0.05))  # Hz, mV: drift, and the hum of both mains


def golden_ecgs() -> dict[str, np.ndarray]:
    """Return both by name, each (12, 5000) float64: mV at 500 Hz, leads in the order of `LEADS`."""
    leads = pd.read_csv(reference("golden_leads.csv"), index_col="lead").loc[list(LEADS)]
    waves = pd.read_csv(reference("golden_ecgs.csv"))
    return {str(name): _ecg(of_ecg, leads) for name, of_ecg in waves.groupby("ecg")}


def _ecg(waves: pd.DataFrame, leads: pd.DataFrame) -> np.ndarray:
    time = np.arange(SECONDS * SAMPLING_RATE) / SAMPLING_RATE
    signals = np.zeros((len(leads), len(time)))
    for wave in waves.itertuples():
        period = wave.every_ms / 1000
        # From one beat to the next, so that each sample has the nearest wave of its kind.
        phase = (time - wave.centre_ms / 1000 + period / 2) % period - period / 2
        shape = wave.mv * np.exp(-0.5 * (phase / (wave.width_ms / 1000)) ** 2)
        axes = leads["plane"].map({"frontal": wave.frontal_deg, "horizontal": wave.horizontal_deg})
        signals += np.cos(np.deg2rad(leads["angle_deg"] - axes)).to_numpy()[:, None] * shape
    for frequency, size in _DISTURBANCES:
        # Not the same in any two leads, as electrodes are not.
        delays = np.arange(len(leads))[:, None] / len(leads)
        signals += size * np.sin(2 * np.pi * (frequency * time + delays))
    return signals.round(4)  # as in a CSV


def embeddings(encoder: nn.Module, signal: Mapping[str, Any], dtype: str) -> dict[str, np.ndarray]:
    """Return what an encoder makes of each golden ECG, (E,) float32.

    Parameters
    ----------
    encoder : torch.nn.Module
        Takes waveforms (1, 12, samples); it is put into eval mode.
    signal : mapping
        How waveforms are made; see `mimicflow.ecg.preparation.signal_of`.
    dtype : {"float16", "float32"}
        Of the waveforms between their making and the encoder.
    """
    encoder.eval()
    n_samples = round(signal["sampling_rate"] * signal["seconds"])
    found = {}
    for name, ecg in golden_ecgs().items():
        waveforms = fit_length(made_as(ecg, SAMPLING_RATE, signal), n_samples).astype(dtype)
        with torch.inference_mode():
            embedding = encoder(torch.from_numpy(waveforms[None]).float())
        found[name] = embedding[0].numpy()
    return found


def difference(embedding: np.ndarray, norm: float, first: np.ndarray) -> float:
    """Return by how much an embedding is another one than a contract's, as a share of its size.

    Parameters
    ----------
    embedding : numpy.ndarray
        (E,).
    norm, first : float, numpy.ndarray
        Of the other: its Euclidean norm, and its first numbers.

    Returns
    -------
    float
        The larger of the relative difference of the norms, and of the largest difference of any of
        the first numbers as a share of the root mean square of all. NaN where either has some.
    """
    n_first = min(FIRST, len(embedding))
    if len(first) != n_first:
        return float("inf")
    size = max(norm, np.finfo(float).tiny)
    root_mean_square = size / np.sqrt(len(embedding))
    apart = np.abs(embedding[:n_first] - first).max() / root_mean_square
    return float(np.maximum(abs(np.linalg.norm(embedding) - norm) / size, apart))
