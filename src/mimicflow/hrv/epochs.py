"""Measure one epoch of one ECG lead: its quality and the 43 measures.

Nothing outside the epoch is seen, and nothing is kept from one epoch to the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mimicflow.ecg.clean import resample
from mimicflow.errors import InputError
from mimicflow.hrv.clean import check_rate, clean_lead, fill_missing
from mimicflow.hrv.measures import MEASURES, hrv_measures
from mimicflow.hrv.peaks import find_r_peaks
from mimicflow.hrv.quality import FEWEST_BEATS, average_qrs_quality, good_share

TARGET_RATE_HZ = 250.0
SHORTEST_S = 4.0  # below, NeuroKit2 cuts no beats either
REASONS = {
    "": "kept",
    "too_short": "shorter than 4 s",
    "no_signal": "no finite sample",
    "gaps": "a run of missing samples that may hide a beat, or too many of them",
    "flat": "nothing but a line for seconds: lead off",
    "few_beats": "too few beats found",
    "low_quality": "too small a share of beats close to the mean beat",
}


@dataclass(frozen=True)
class EpochRule:
    """When an epoch is kept.

    Parameters
    ----------
    good_index : float
        The least ``averageQRS`` index of a good beat.
    good_share : float
        The share of good beats that must be exceeded.
    max_gap_s : float
        The longest run of missing samples, in s: a longer one may hide a QRS complex.
    max_missing : float
        The largest share of missing samples.
    max_flat_s : float
        The longest run of flat seconds, in s. One artefact when the lead is put back on makes all
        other beats close to the mean one, so that quality would not notice.
    flat_mv : float
        The range of the signal up to which a second is flat, in mV.
    min_rate : float
        The fewest beats per minute of the epoch (and never fewer than four beats).
    """

    good_index: float = 0.9
    good_share: float = 0.8
    max_gap_s: float = 0.2
    max_missing: float = 0.05
    max_flat_s: float = 5.0
    flat_mv: float = 0.01
    min_rate: float = 10.0


@dataclass(frozen=True)
class EpochMeasures:
    """What is known of one epoch.

    Parameters
    ----------
    measures : numpy.ndarray
        (43,) in the order of ``MEASURES``; all NaN when the epoch is dropped.
    r_peaks : numpy.ndarray
        (n_beats,) samples at the target rate.
    quality : numpy.ndarray
        (n_beats,) ``averageQRS`` index; empty when it was not reached.
    good_share : float
        Share of beats with a good index; NaN when it was not reached.
    reason : str
        A key of ``REASONS``, empty when the epoch is kept.
    """

    measures: np.ndarray
    r_peaks: np.ndarray
    quality: np.ndarray
    good_share: float
    reason: str

    @property
    def n_beats(self) -> int:
        """Number of beats found."""
        return len(self.r_peaks)


def measure_epoch(
    ecg: np.ndarray,
    sampling_rate: float,
    *,
    powerline: float = 60,
    target_rate: float = TARGET_RATE_HZ,
    rule: EpochRule | None = None,
) -> EpochMeasures:
    """Resample, clean, find beats, rate them and compute the measures of one epoch.

    Parameters
    ----------
    ecg : numpy.ndarray
        (n,) one lead in mV; missing samples are NaN. Short gaps are filled with the last value.
    sampling_rate : float
        Hz of ``ecg``, at least 100.
    powerline : float
        Hz of the mains.
    target_rate : float
        Hz at which beats are sought.
    rule : EpochRule, optional
        When an epoch is kept.

    Returns
    -------
    EpochMeasures
        With a reason and NaN measures when the epoch is dropped.

    Raises
    ------
    ConfigError
        For a rate below 100 Hz.
    InputError
        When ``ecg`` is not one row of numbers.
    """
    rule = rule or EpochRule()
    check_rate(sampling_rate)
    check_rate(target_rate)
    ecg = np.asarray(ecg)
    if ecg.ndim != 1 or ecg.dtype.kind not in "fiu":
        raise InputError(
            f"an epoch must be one row of numbers, not {ecg.dtype} of shape {ecg.shape}"
        )
    reason = _incomplete(ecg, sampling_rate, rule)
    if reason:
        return _dropped(reason)
    filled = fill_missing(ecg)
    if _flat_seconds(filled, sampling_rate, rule.flat_mv) > rule.max_flat_s:
        return _dropped("flat")
    steady = clean_lead(resample(filled, sampling_rate, target_rate), target_rate, powerline)
    r_peaks = find_r_peaks(steady, target_rate)
    if len(r_peaks) < max(FEWEST_BEATS, rule.min_rate * len(ecg) / sampling_rate / 60):
        return _dropped("few_beats", r_peaks)
    quality = average_qrs_quality(steady, r_peaks, target_rate)
    share = good_share(quality, rule.good_index)
    if not share > rule.good_share:
        return _dropped("low_quality", r_peaks, quality, share)
    return EpochMeasures(hrv_measures(r_peaks, target_rate), r_peaks, quality, share, "")


def _incomplete(ecg: np.ndarray, sampling_rate: float, rule: EpochRule) -> str:
    """Find the reason why there are too few samples to look at; empty when there is none."""
    if len(ecg) < SHORTEST_S * sampling_rate:
        return "too_short"
    missing = ~np.isfinite(ecg)
    if missing.all():
        return "no_signal"
    too_many = missing.mean() > rule.max_missing
    if too_many or _longest_run(missing) > rule.max_gap_s * sampling_rate:
        return "gaps"
    return ""


def _flat_seconds(ecg: np.ndarray, sampling_rate: float, flat_mv: float) -> int:
    """Count the seconds of the longest stretch of which each is flat."""
    second = int(sampling_rate)
    seconds = ecg[: len(ecg) // second * second].reshape(-1, second)
    return _longest_run(seconds.max(axis=1) - seconds.min(axis=1) <= flat_mv)


def _longest_run(mask: np.ndarray) -> int:
    """Length of the longest run of True."""
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    return int(np.max(edges[1::2] - edges[::2], initial=0))


def _dropped(
    reason: str,
    r_peaks: np.ndarray | None = None,
    quality: np.ndarray | None = None,
    share: float = np.nan,
) -> EpochMeasures:
    return EpochMeasures(
        measures=np.full(len(MEASURES), np.nan),
        r_peaks=np.empty(0, dtype=np.int64) if r_peaks is None else r_peaks,
        quality=np.empty(0) if quality is None else quality,
        good_share=share,
        reason=reason,
    )
