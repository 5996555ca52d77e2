"""Score a recording, an ECG or a stream of it: the probability of an arrest, epoch by epoch."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from tqdm import tqdm

from mimicflow.arrest.features import BOTH, HRV, feature_names
from mimicflow.arrest.hrv_features import UNREAD, measure_part
from mimicflow.arrest.model_folder import ArrestModel
from mimicflow.arrest.scoring.history import History
from mimicflow.bedside.recording import BeatRecording, EcgRecording
from mimicflow.errors import CheckpointError, ConfigError, InputError, RecordError
from mimicflow.hrv.beats import Beats
from mimicflow.hrv.clean import check_rate
from mimicflow.hrv.epochs import EpochMeasures, measure_epoch
from mimicflow.hrv.measures import MEASURES
from mimicflow.hrv.preprocessing import Preprocessing

log = logging.getLogger(__name__)

DTYPES = {
    "time_s": "float64",
    "time": "datetime64[us]",
    "probability": "float64",
    "alarm": "boolean",  # missing where the model has no threshold
    "reason": "str",
    "n_beats": "int64",
    "good_share": "float64",
}
_NONE = pd.DataFrame(columns=list(DTYPES)).astype(DTYPES)
STRIP_S = 10
_ANY_TIME = datetime(2000, 1, 1)  # of a recording that does not know its own
_TINY = 1e-6  # samples: what floating point adds to the end of an epoch


class EpochScorer:
    """Scores a stream of ECG: samples in as they come, rows out as epochs end.

    Parameters
    ----------
    model : ArrestModel
        Of heart-rate variability, or of both.
    sampling_rate : float
        Hz of the samples, at least 100.
    start_time : pandas.Timestamp, optional
        Time of the first sample.
    numerics : pandas.DataFrame, optional
        Vital signs for a model of both, as `mimicflow.arrest.scoring.history.numerics_of` returns
        them. What is later than an epoch is not looked at. Without them, or without ``start_time``,
        vital features are missing.

    Raises
    ------
    ConfigError
        When the model sees vital signs alone, or the rate is too low.
    CheckpointError
        When the model asks for a feature that does not exist.
    """

    def __init__(
        self,
        model: ArrestModel,
        sampling_rate: float,
        start_time: pd.Timestamp | None = None,
        numerics: pd.DataFrame | None = None,
    ) -> None:
        _check_model(model)
        check_rate(sampling_rate)
        self._model, self._rate = model, sampling_rate
        self._start = None if start_time is None or pd.isna(start_time) else start_time
        self._history = History(None if self._start is None else numerics)
        self._epochs = 0  # finished
        self._taken = 0
        self._waiting = np.empty(self._end_sample(1) + 1)  # epochs differ by at most one sample

    def push(self, samples: np.ndarray) -> pd.DataFrame:
        """Take the next samples; however they are cut into pieces, the numbers are the same.

        Parameters
        ----------
        samples : numpy.ndarray
            (n,) mV, NaN where missing; n may be anything, 0 included.

        Returns
        -------
        pandas.DataFrame
            One row per epoch that these samples finish, columns as of :func:`score_ecg`.

        Raises
        ------
        InputError
            When the samples are not one row of numbers.
        """
        samples = np.asarray(samples)
        if samples.ndim != 1 or samples.dtype.kind not in "fiu":
            raise InputError(
                f"samples must be one row of numbers, not {samples.dtype} of shape {samples.shape}",
                remedy="give one lead in mV",
            )
        rows = []
        place = 0
        while True:
            room = self._length() - self._taken
            part = samples[place : place + room]
            self._waiting[self._taken : self._taken + len(part)] = part
            self._taken += len(part)
            place += len(part)
            if self._taken < self._length():
                break
            ecg = self._waiting[: self._taken].copy()
            rows.append(self._row(measure_epoch(ecg, self._rate, self._model.preprocessing)))
        return _table(rows)

    def add(self, measured: EpochMeasures) -> pd.DataFrame:
        """Finish the epoch that has begun, if any, or the next one, by what is known of it.

        Parameters
        ----------
        measured : EpochMeasures
            Measured elsewhere, or not to be had.
        """
        return _table([self._row(measured)])

    def next_epoch(self) -> tuple[int, int]:
        """Return first sample and number of samples of the epoch that comes next."""
        return self._end_sample(self._epochs), self._length()

    def _end_sample(self, epochs: int) -> int:
        """Return the first sample at or after the end of an epoch, as the plan of epochs does."""
        return math.ceil(epochs * self._model.epoch_minutes * 60 * self._rate - _TINY)

    def _length(self) -> int:
        return self._end_sample(self._epochs + 1) - self._end_sample(self._epochs)

    def _features(self, measures: np.ndarray) -> pd.DataFrame:
        """Return the features of the epoch that ends, one row; a model of both remembers it."""
        if self._model.kind == HRV:
            return pd.DataFrame([measures], columns=list(MEASURES))
        start, end = (self._time(self._epochs + number) for number in (0, 1))
        return self._history.add(start, end, measures)

    def _time(self, epochs: int) -> datetime:
        """Return when so many epochs have ended."""
        # Through datetime, since pandas' own sum would leave the years that MIMIC uses.
        start = _ANY_TIME if self._start is None else self._start.to_pydatetime()
        return start + timedelta(seconds=epochs * self._model.epoch_minutes * 60)

    def _row(self, one: EpochMeasures) -> dict[str, object]:
        features, probability = self._features(one.measures), math.nan
        if not one.reason:
            probability = float(self._model.probability(features)[0])
        self._epochs += 1
        self._taken = 0
        return {
            "time_s": self._epochs * self._model.epoch_minutes * 60,
            "time": pd.NaT if self._start is None else self._time(self._epochs),
            "probability": probability,
            "alarm": self._model.alarm(probability),
            "reason": one.reason,
            "n_beats": one.n_beats,
            "good_share": one.good_share,
        }


def score_ecg(
    ecg: np.ndarray,
    sampling_rate: float,
    model: ArrestModel,
    start_time: pd.Timestamp | None = None,
    numerics: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Score an ECG that lies in memory.

    Parameters
    ----------
    ecg : numpy.ndarray
        (n,) one lead in mV, NaN where missing. What is left after the last whole epoch is not
        scored.
    sampling_rate : float
        Hz of ``ecg``, at least 100.
    model, start_time, numerics
        As of :class:`EpochScorer`.

    Returns
    -------
    pandas.DataFrame
        One row per epoch: ``time_s`` (end of the epoch, s from the first sample), ``time``
        (the same as a time, NaT without ``start_time``), ``probability`` (of an arrest within the
        model's horizon; NaN when the epoch is dropped), ``alarm`` (an exceedance: whether it
        reaches the model's threshold, without silence; missing where the model has none),
        ``reason`` (why the epoch is dropped, "" when it is kept), ``n_beats``, ``good_share``.

    Raises
    ------
    ConfigError, CheckpointError, InputError
        As of :class:`EpochScorer`.
    """
    return EpochScorer(model, sampling_rate, start_time, numerics).push(ecg)


def score_recording(
    recording: EcgRecording | BeatRecording,
    model: ArrestModel,
    numerics: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Score a recording; one epoch is in memory at a time.

    An epoch that cannot be read (a segment is missing or damaged) gets the reason ``unreadable``.

    Parameters
    ----------
    recording : EcgRecording or BeatRecording
        As :func:`mimicflow.bedside.open_recording.open_recording` gives it.
    model, numerics
        As of :class:`EpochScorer`.

    Returns
    -------
    pandas.DataFrame
        As of :func:`score_ecg`.

    Raises
    ------
    ConfigError, CheckpointError
        As of :class:`EpochScorer`.
    InputError
        For a recording that is shorter than one epoch.
    """
    scorer = EpochScorer(model, recording.sampling_rate, recording.start_time, numerics)
    seconds = model.epoch_minutes * 60
    if recording.n_samples < scorer.next_epoch()[1]:
        raise InputError(
            f"the recording has {recording.n_samples / recording.sampling_rate:.6g} s, one epoch "
            f"{seconds:g} s",
            remedy="give a longer recording",
        )
    total = int((recording.n_samples + _TINY) / (seconds * recording.sampling_rate))
    parts = list(
        tqdm(
            _score_parts(recording, scorer, model.preprocessing),
            total=total,
            unit="epoch",
            disable=None,
            leave=False,
        )
    )
    return pd.concat(parts, ignore_index=True) if parts else _table([])


@dataclass(frozen=True)
class Strip:
    """Seconds of ECG.

    Parameters
    ----------
    ecg : numpy.ndarray
        (n,) mV, NaN where missing.
    sampling_rate : float
        Hz.
    start_s : float
        Of the first sample, in s from that of the recording.
    r_peaks : numpy.ndarray
        (n_beats,) s from the first sample of the recording.
    """

    ecg: np.ndarray
    sampling_rate: float
    start_s: float
    r_peaks: np.ndarray


@dataclass(frozen=True)
class Tachogram:
    """RR intervals of an epoch.

    Parameters
    ----------
    ends_s : numpy.ndarray
        (n,) when each ends, in s from the beginning of the recording.
    rr : numpy.ndarray
        (n,) ms.
    counted : numpy.ndarray of bool
        (n,) whether the measures are of it.
    """

    ends_s: np.ndarray
    rr: np.ndarray
    counted: np.ndarray


def strip_of_highest(
    recording: EcgRecording | BeatRecording, scores: pd.DataFrame, model: ArrestModel
) -> Strip | Tachogram | None:
    """Return what the epoch of the highest probability looks like; None without any.

    Of an ECG its last ten seconds, of beats its RR intervals.
    """
    known = scores["probability"].dropna()
    if known.empty:
        return None
    number, rate = int(known.idxmax()), recording.sampling_rate
    seconds = model.epoch_minutes * 60
    first, end = (math.ceil(n * seconds * rate - _TINY) for n in (number, number + 1))
    if isinstance(recording, BeatRecording):
        return _tachogram(recording.beats.part(first, end - first), first / rate, model)
    ecg = recording.read(first, end - first)
    measured = measure_epoch(ecg, rate, model.preprocessing)
    length = int(STRIP_S * rate)
    start_s = (end - length) / rate
    r_peaks = first / rate + measured.r_peaks / model.preprocessing.sampling_rate
    return Strip(ecg[-length:], rate, start_s, r_peaks[r_peaks >= start_s])


def _tachogram(beats: Beats, start_s: float, model: ArrestModel) -> Tachogram:
    return Tachogram(
        ends_s=start_s + beats.places[1:] / beats.sampling_rate,
        rr=beats.intervals_ms,
        counted=model.preprocessing.beats.counts(beats),
    )


def _score_parts(
    recording: EcgRecording | BeatRecording, scorer: EpochScorer, steps: Preprocessing
) -> Iterator[pd.DataFrame]:
    """Yield the rows of one epoch after the other, as long as they are whole."""
    faults: set[str] = set()
    first, n = scorer.next_epoch()
    while first + n <= recording.n_samples:
        try:
            measured = measure_part(recording, first, n, steps)
        except RecordError as error:
            if str(error) not in faults:
                faults.add(str(error))
                log.warning("cannot be read (%s): %s", error.reason, error)
            measured = UNREAD
        yield scorer.add(measured)
        first, n = scorer.next_epoch()


def _table(rows: list[dict[str, object]]) -> pd.DataFrame:
    if not rows:  # most of the time in a stream of short pieces
        return _NONE.copy()
    return pd.DataFrame(rows, columns=list(DTYPES)).astype(DTYPES)


def _check_model(model: ArrestModel) -> None:
    if model.kind not in (HRV, BOTH):
        raise ConfigError(
            f"the model is of kind {model.kind}: it needs vital signs, not an ECG",
            remedy="give the folder of a model that sees the ECG: results/arrest/hrv or both",
        )
    unknown = sorted(set(model.features) - set(feature_names(model.kind)))
    if unknown:
        raise CheckpointError(
            f"the model needs features that do not exist: {', '.join(unknown)}",
            remedy="use the version of mimicflow that fitted it, or fit it again",
        )
