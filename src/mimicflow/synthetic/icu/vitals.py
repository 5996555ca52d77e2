"""Make the numbers that the monitor shows every 2 s; all but the heart rate say little."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mimicflow.synthetic.icu.course import slow_noise, state_at

PERIOD_S = 2
VITALS = ("hr", "sbp", "dbp", "mbp", "spo2", "rr")

_MEAN = {"sbp": 121.0, "dbp": 63.0, "spo2": 96.6, "rr": 18.0}
_OWN = {"sbp": 16.0, "dbp": 9.0, "spo2": 1.5, "rr": 3.5}  # spread between patients
_PASSING = {"sbp": 9.0, "dbp": 5.0, "spo2": 0.9, "rr": 2.0}  # spread within a stay
_EFFECT = {"sbp": -5.5, "dbp": -2.5, "spo2": -0.42, "rr": 1.2}  # of one unit of the hidden state
_NOISE = {"sbp": 2.5, "dbp": 1.5, "spo2": 0.4, "rr": 1.0}  # from one value to the next
_PASSING_H = 4.0
_ARTERIAL_LINE_SHARE = 0.65
_CUFF_S = 900
_BEATS_AVERAGED = 8
_HIGHEST_SPO2 = 100.0


@dataclass(frozen=True)
class Vitals:
    """What is lasting about the vital signs of one stay.

    Parameters
    ----------
    own : dict
        Vital -> usual value.
    passing : dict
        Vital -> course of its passing changes over the stay.
    arterial_line : bool
        Pressures are there all the time, or every 15 min from a cuff.
    """

    own: dict[str, float]
    passing: dict[str, np.ndarray]
    arterial_line: bool


def draw_vitals(rng: np.random.Generator, breaths: float, steps: int) -> Vitals:
    """Draw the lasting traits; ``breaths`` per minute are the ones that the heart follows."""
    own = {name: float(rng.normal(_MEAN[name], _OWN[name])) for name in _MEAN}
    own["rr"] = breaths
    passing = {name: _PASSING[name] * slow_noise(rng, steps, _PASSING_H) for name in _MEAN}
    return Vitals(own, passing, bool(rng.random() < _ARTERIAL_LINE_SHARE))


def draw_numerics(
    rng: np.random.Generator, vitals: Vitals, u: float, hour: float, beats: np.ndarray, seconds: int
) -> pd.DataFrame:
    """Draw what the monitor showed during one stretch.

    Parameters
    ----------
    rng : Generator
        Random stream of the stretch.
    vitals : Vitals
        Traits of the stay.
    u : float
        Hidden state.
    hour : float
        Hours since the stay began.
    beats : ndarray
        R peaks, s since the stretch began.
    seconds : int
        Length of the stretch.

    Returns
    -------
    DataFrame
        ``second`` since the stretch began, then ``VITALS``, float32; NaN where nothing was shown.
    """
    second = np.arange(0, seconds, PERIOD_S)
    n = len(second)
    shown = {"second": second, "hr": _heart_rate(beats, second)}
    for name in _MEAN:
        level = (
            vitals.own[name]
            + _EFFECT[name] * u
            + float(state_at(vitals.passing[name], np.array(hour)))
        )
        shown[name] = level + _NOISE[name] * rng.standard_normal(n)
    shown["sbp"] = np.maximum(shown["sbp"], 45.0)
    shown["dbp"] = np.clip(shown["dbp"], 20.0, shown["sbp"] - 12)
    shown["mbp"] = shown["dbp"] + (shown["sbp"] - shown["dbp"]) / 3 + rng.normal(0, 1, n)
    shown["spo2"] = np.clip(shown["spo2"], 60, _HIGHEST_SPO2)
    shown["rr"] = np.maximum(shown["rr"], 4.0)
    frame = pd.DataFrame(shown)[["second", *VITALS]]
    frame[list(VITALS)] = frame[list(VITALS)].round().astype("float32")
    _lose(rng, frame, vitals.arterial_line)
    return frame


def _heart_rate(beats: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Mean over the last beats, as a monitor shows it, in 1/min."""
    last = np.clip(np.searchsorted(beats, second), _BEATS_AVERAGED, len(beats) - 1)
    first = np.maximum(last - _BEATS_AVERAGED, 0)
    return np.asarray(60 * (last - first) / (beats[last] - beats[first]))


def _lose(rng: np.random.Generator, frame: pd.DataFrame, arterial_line: bool) -> None:
    """Take away what was not measured, in place."""
    n = len(frame)
    for name in VITALS:
        if rng.random() < 0.04:  # the sensor is off for a while
            start, length = rng.integers(0, n), rng.integers(10, 300)
            frame.loc[start : start + length, name] = np.nan
    if not arterial_line:
        second = frame["second"].to_numpy()
        measured = (second + rng.integers(0, _CUFF_S)) % _CUFF_S < PERIOD_S
        frame.loc[~measured, ["sbp", "dbp", "mbp"]] = np.nan
