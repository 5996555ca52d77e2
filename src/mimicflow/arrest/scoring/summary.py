"""Say in words what the scores of a recording are, and whose probabilities."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mimicflow.arrest.hrv_features import EPOCH_REASONS
from mimicflow.arrest.model_folder import ArrestModel
from mimicflow.arrest.ward.weights import moved
from mimicflow.bedside.recording import BeatRecording, EcgRecording
from mimicflow.evaluation.statistics.metrics import NOT_PROMISED


def summary_of(
    scores: pd.DataFrame, model: ArrestModel, recording: EcgRecording | BeatRecording
) -> list[str]:
    """Return what is printed of the scores of a recording."""
    hours = recording.n_samples / recording.sampling_rate / 3600
    if isinstance(recording, BeatRecording):
        what, advice = f"{len(recording.beats.places)} beats, no samples", "Look at the beats."
    else:
        what = f"lead {recording.lead}, {recording.sampling_rate:g} Hz"
        advice = "Look at the ECG; another lead (--lead) may be better."
    lines = [
        f"Recording: {hours:.2f} h, {what}",
        f"Epochs of {model.epoch_minutes:g} min: {len(scores)}",
    ]
    counts = scores["reason"].value_counts()
    for reason, text in EPOCH_REASONS.items():
        if reason == "" or counts.get(reason, 0):
            label = "kept" if reason == "" else f"dropped, {reason}: {text}"
            lines.append(f"  {counts.get(reason, 0):5d}  {label}")
    known = scores["probability"].dropna()
    if known.empty:
        most = EPOCH_REASONS[counts.idxmax()]
        lines.append(f"No epoch gives a probability. Most were dropped for this: {most}. {advice}")
    else:
        highest = scores.loc[known.idxmax()]
        lines += [
            f"Highest probability: {highest['probability']:.4f}, "
            f"for the epoch that ends {highest['time_s'] / 3600:.2f} h after the first sample",
            _exceedances(model, scores),
            _whose_probability(model, highest["probability"]),
        ]
    if model.synthetic:
        lines.append("The model was fitted on SYNTHETIC DATA, not on patients: not for any care.")
    return lines


def vital_signs_of(
    numerics: pd.DataFrame | None,
    model: ArrestModel,
    needing: list[str],
    recording: EcgRecording | BeatRecording,
) -> str:
    """Return what is printed of the vital signs, which these features of a model need."""
    if numerics is not None and recording.start_time is not None:
        first, last = numerics["time"].min(), numerics["time"].max()
        return f"Vital signs: {len(numerics)} rows, {first:%Y-%m-%d %H:%M} to {last:%H:%M}"
    why = "none that can be read beside the record"
    if numerics is not None:
        why = "not used, since the record does not say when it begins"
    n = len(needing)
    return f"Vital signs: {why}; {n} of {len(model.features)} features of the model are missing."


def _exceedances(model: ArrestModel, scores: pd.DataFrame) -> str:
    if not model.has_threshold:
        return (
            f"The model has no threshold: {model.threshold_name} {NOT_PROMISED}, "
            "those that it was fitted on."
        )
    return (
        f"Epochs at or above the threshold of {model.threshold:.4f} "
        f"({model.threshold_name}): {int(scores['alarm'].sum())}"
    )


def _whose_probability(model: ArrestModel, highest: float) -> str:
    """Return how frequent arrests are where the probabilities hold, and what they are elsewhere."""
    if not model.prevalence:
        return "How frequent arrests were where the model was fitted is not known: fit it again."
    sample, monitored = (model.prevalence[name] for name in ("sample", "monitored"))
    (there,) = moved(np.array([highest]), sample, monitored)
    return (
        "Probabilities are those of the model's sample (the day before each arrest, a random day "
        f"of other stays), in which an arrest follows {sample:.2%} of the epochs. Of all time that "
        f"was monitored it follows {monitored:.2%}: there the highest probability is {there:.4f}."
    )
