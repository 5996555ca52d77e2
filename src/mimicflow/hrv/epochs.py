"""Measure one epoch, of one ECG lead or of beats: its quality and the 43 measures.

Nothing outside the epoch is seen, and nothing is kept from one epoch to the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mimicflow.ecg.clean import fill_missing, resample
from mimicflow.errors import InputError
from mimicflow.hrv.artifacts import correct_artifacts
from mimicflow.hrv.beats import Beats
from mimicflow.hrv.clean import check_rate, clean_lead
from mimicflow.hrv.intervals import Intervals
from mimicflow.hrv.judging import JUDGES
from mimicflow.hrv.lost_signal import LostSignal, beside_lost, spans_lost
from mimicflow.hrv.measures import MEASURES, hrv_measures
from mimicflow.hrv.peaks import find_r_peaks
from mimicflow.hrv.preprocessing import Preprocessing, Quality
from mimicflow.hrv.quality import FEWEST_BEATS
from mimicflow.hrv.without_beats import fibrillates, is_fast, is_still, moving_pauses, pauses

SHORTEST_S = 4.0  # below, NeuroKit2 cuts no beats either
REASONS = {
    "": "kept",
    "too_short": "shorter than 4 s",
    "no_signal": "no finite sample, or no beat",
    "gaps": "samples or beats are missing, for too long",
    "flat": "a line for seconds: lead off",
    "railed": "at the rail of the amplifier for seconds",
    "asystole": "no beat for four seconds, in a signal that is good: asystole",
    "fibrillation": "no beats but an oscillation: fibrillation of the ventricles",
    "few_beats": "too few beats found",
    "low_quality": "too small a share of good beats: noise",
    "few_normal": "too small a share of normal beats, as they were annotated",
    "implausible": "too small a share of plausible RR intervals",
}
"""Why an epoch is dropped, and the text of each reason; "" is kept."""
CLINICAL_REASONS = frozenset({"asystole", "fibrillation"})
"""Those that the patient has, not the recording."""


@dataclass(frozen=True)
class EpochMeasures:
    """What is known of one epoch.

    Parameters
    ----------
    measures : numpy.ndarray
        (43,) in the order of ``MEASURES``; all NaN when the epoch is dropped.
    r_peaks : numpy.ndarray
        (n_beats,) samples at the rate of the preprocessing, aligned ones between samples.
    quality : numpy.ndarray
        Index of each beat that was found, also of those that were then taken for none; empty when
        it was not reached.
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
    ecg: np.ndarray, sampling_rate: float, preprocessing: Preprocessing | None = None
) -> EpochMeasures:
    """Resample, clean, find beats, rate them and compute the measures of one epoch.

    Parameters
    ----------
    ecg : numpy.ndarray
        (n,) one lead in mV; missing samples are NaN. No RR interval spans lost signal.
    sampling_rate : float
        Hz of ``ecg``, at least 100.
    preprocessing : Preprocessing, optional
        How beats are found and judged.

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
    steps = preprocessing or Preprocessing()
    rate = steps.sampling_rate
    check_rate(sampling_rate)
    check_rate(rate)
    ecg = np.asarray(ecg)
    if ecg.ndim != 1 or ecg.dtype.kind not in "fiu":
        raise InputError(
            f"an epoch must be one row of numbers, not {ecg.dtype} of shape {ecg.shape}"
        )
    if len(ecg) < SHORTEST_S * sampling_rate:
        return _dropped("too_short")
    if not np.isfinite(ecg).any():
        return _dropped("no_signal")
    lost = LostSignal.of(ecg, sampling_rate)
    if reason := _too_much_lost(lost, len(ecg), sampling_rate, steps.quality):
        return _dropped(reason)
    cleaned = clean_lead(
        resample(fill_missing(np.asarray(ecg, dtype=float)), sampling_rate, rate),
        rate,
        steps.powerline,
    )
    stretches = lost.stretches() * rate / sampling_rate
    r_peaks = beside_lost(find_r_peaks(cleaned, rate, steps.detector), stretches, rate)
    return _measure_beats(cleaned, r_peaks, lost, sampling_rate, steps)


def measure_beats(beats: Beats, preprocessing: Preprocessing | None = None) -> EpochMeasures:
    """Judge the beats of an epoch that has no samples, and compute the measures.

    RR intervals between two normal beats count. The same beats have the same measures as of ECG.

    Parameters
    ----------
    beats : Beats
        Of the epoch. A stretch without beats is lost signal, not a pause: no RR interval spans it.
    preprocessing : Preprocessing, optional
        Which beats are normal, which intervals are plausible, whether beats are put right.

    Returns
    -------
    EpochMeasures
        With a reason and NaN measures when the epoch is dropped. ``quality`` is 1 for a normal
        beat, else 0; ``good_share`` is the share of normal beats or of plausible intervals,
        whichever is smaller.
    """
    steps = preprocessing or Preprocessing()
    rule, rate, places = steps.beats, beats.sampling_rate, beats.places
    r_peaks = places * (steps.sampling_rate / rate)
    if beats.n_samples < SHORTEST_S * rate:
        return _dropped("too_short")
    if len(beats.fibrillation):
        return _dropped("fibrillation", r_peaks)
    if not len(places):
        return _dropped("no_signal")
    if len(places) < max(FEWEST_BEATS, steps.quality.min_rate * beats.n_samples / rate / 60):
        return _dropped("few_beats", r_peaks)
    gaps = beats.gaps(rule.max_rr_ms)
    if np.diff(gaps).sum() > rule.max_lost * beats.n_samples:
        return _dropped("gaps", r_peaks)
    normal = rule.is_normal(beats)
    share = float(min(normal.mean(), rule.plausible(beats.intervals_ms).mean()))
    if not share > rule.good_share:
        reason = "implausible" if normal.mean() > rule.good_share else "few_normal"
        return _dropped(reason, r_peaks, normal.astype(float), share)
    if steps.correct_artifacts:
        places = correct_artifacts(places, rate)
        broken = spans_lost(places, gaps) | ~rule.plausible(np.diff(places) / rate * 1000)
    else:
        broken = ~rule.counts(beats)
    measures = hrv_measures(Intervals.between(places, rate, broken), steps.equal_below_ms)
    r_peaks = places * (steps.sampling_rate / rate)
    return EpochMeasures(measures, r_peaks, normal.astype(float), share, "")


def _measure_beats(
    cleaned: np.ndarray,
    r_peaks: np.ndarray,
    lost: LostSignal,
    sampling_rate: float,
    steps: Preprocessing,
) -> EpochMeasures:
    """Judge the beats of an epoch whose signal is there, and compute the measures.

    ``lost`` is in samples of ``sampling_rate``, the others at the rate of the preprocessing.
    """
    rate, rule = steps.sampling_rate, steps.quality
    stretches = lost.stretches() * rate / sampling_rate
    if _is_asystole(cleaned, r_peaks, stretches, rate):
        return _dropped("asystole", r_peaks)
    if len(r_peaks) < max(FEWEST_BEATS, rule.min_rate * len(cleaned) / rate / 60):
        return _dropped("fibrillation" if fibrillates(cleaned, rate) else "few_beats", r_peaks)
    beats = JUDGES[rule.method](cleaned, r_peaks, steps)
    # Of an oscillation all, some or none of the waves may be taken for beats.
    suspected = None if is_fast(beats.r_peaks, rate) else beats.spans(beats.overdue)
    if fibrillates(cleaned, rate, suspected):
        return _dropped("fibrillation", r_peaks)
    share = float(np.mean(beats.good)) if len(beats.good) else 0.0
    if not share > rule.good_share:
        reason = "fibrillation" if fibrillates(cleaned, rate) else "low_quality"
        return _dropped(reason, r_peaks, beats.quality, share)
    if steps.correct_artifacts:
        beats = beats.corrected(rate)
    hiding = lost.may_hide_beats(beats.r_peaks * sampling_rate / rate)
    hiding |= moving_pauses(cleaned, beats.r_peaks, rate)
    broken = beats.doubtful | spans_lost(beats.r_peaks, stretches) | (beats.overdue & hiding)
    intervals = Intervals.between(beats.r_peaks, rate, broken)
    measures = hrv_measures(intervals, steps.equal_below_ms)
    return EpochMeasures(measures, beats.r_peaks, beats.quality, share, "")


def _too_much_lost(lost: LostSignal, n: int, sampling_rate: float, rule: Quality) -> str:
    """Return the reason why there is too little signal to look at; empty when there is none."""
    limits = {
        "gaps": ("missing", rule.max_missing_s),
        "flat": ("flat", rule.max_flat_s),
        "railed": ("railed", rule.max_railed_s),
    }
    for reason, (kind, longest_s) in limits.items():
        if lost.longest_s(kind, sampling_rate) > longest_s or lost.share(kind, n) > rule.max_lost:
            return reason
    return ""


def _is_asystole(cleaned: np.ndarray, r_peaks: np.ndarray, lost: np.ndarray, rate: float) -> bool:
    """Whether the heart pauses for four seconds in a signal that is there, and shows it."""
    height = float(np.median(np.abs(cleaned[r_peaks]))) if len(r_peaks) else np.inf
    known = np.sort(np.concatenate([r_peaks, lost.ravel()]))
    return any(
        is_still(cleaned[first:end], rate, height)
        for first, end in pauses(known, len(cleaned), rate)
    )


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
