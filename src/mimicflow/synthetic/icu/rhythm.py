"""Draw the RR intervals of a heart; they reveal the hidden state, among much else.

As the hidden state rises, the slow and the total variability fall, so that HTI and TINN fall, while
the alternation from beat to beat stays and outweighs the rest, so that IALS rises. How strongly
each patient shows it, heart rate, breathing, ectopic beats and rhythm are the patient's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from mimicflow.synthetic.icu.course import slow_noise

SINUS, VENTRICULAR, ATRIAL, PACED = 0, 1, 2, 3
"""Origins of a beat."""

_VARIABILITY_MS = 21.0
_FALL = 0.78  # of its logarithm for each unit of the hidden state
_ALTERNATION_MS = 3.2
_RISE = 0.2
_OWN_VARIABILITY, _OWN_ALTERNATION = 0.22, 0.3  # spread between patients, of the logarithm
_PASSING, _PASSING_H = 0.22, 1.5  # spread within a stay, and how long it lasts
_FASTER_BPM = 2.5  # for each unit of the hidden state
_VLF, _LF, _HF = 0.8, 0.45, 0.4  # shares of the variability
_FIBRILLATION = 0.17  # coefficient of variation
_SHORTEST_S = 0.26


@dataclass(frozen=True)
class Heart:
    """What is lasting about the rhythm in one stay.

    Parameters
    ----------
    rhythm : str
        sinus, fibrillation or paced.
    bpm : float
        Usual heart rate, 1/min.
    breaths : float
        Usual breaths per minute.
    variability, alternation : float
        Logarithms of how much more than usual the patient shows.
    ectopy : float
        Ectopic beats per minute.
    ventricular : float
        Share of them that is ventricular.
    passing : ndarray, shape (2, steps)
        Courses of the passing changes of variability and alternation over the stay.
    """

    rhythm: str
    bpm: float
    breaths: float
    variability: float
    alternation: float
    ectopy: float
    ventricular: float
    passing: np.ndarray


@dataclass(frozen=True)
class State:
    """What holds during one stretch of a few minutes: hidden state and passing changes."""

    u: float
    variability: float
    alternation: float


def draw_heart(rng: np.random.Generator, rhythm: str, steps: int) -> Heart:
    """Draw the lasting traits of one stay of so many steps of the hidden course."""
    kind = rng.random()
    frequent, some = 10 ** rng.uniform([-0.5, -1.7], [0.5, -0.5])
    return Heart(
        rhythm=rhythm,
        bpm=float(np.clip(rng.normal(86, 15), 42, 140)),
        breaths=float(np.clip(rng.normal(18, 3.5), 10, 32)),
        variability=float(rng.normal(0, _OWN_VARIABILITY)),
        alternation=float(rng.normal(0, _OWN_ALTERNATION)),
        ectopy=float(frequent if kind < 0.06 else some if kind < 0.32 else 0.0),
        ventricular=float(rng.beta(2, 1)),
        passing=_PASSING * np.stack([slow_noise(rng, steps, _PASSING_H) for _ in range(2)]),
    )


def draw_beats(
    rng: np.random.Generator, heart: Heart, state: State, seconds: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the beats of a stretch of time over which the state hardly changes.

    Parameters
    ----------
    rng : Generator
        Random stream of the stretch.
    heart : Heart
        Traits of the patient.
    state : State
        What holds now.
    seconds : float
        Length of the stretch.

    Returns
    -------
    times : ndarray, shape (n,)
        R peaks in s, from before 0 until after ``seconds``.
    origin : ndarray of int, shape (n,)
        SINUS, VENTRICULAR, ATRIAL or PACED.
    """
    usual = 60 / np.clip(heart.bpm + _FASTER_BPM * state.u, 38, 165)
    n = int(seconds / usual * 1.3) + 12
    if heart.rhythm == "paced":
        rr = np.full(n, round(usual, 2))
        # The pacemaker waits while the patient's own beats come in time, which is seldom.
        origin = np.full(n, PACED)
    elif heart.rhythm == "fibrillation":
        rr = usual * _fibrillation(rng, heart, state, n)
        origin = np.full(n, SINUS)
    else:
        rr = _sinus(rng, heart, state, usual, n)
        origin = np.full(n, SINUS)
    rr, origin = _with_ectopy(rng, heart, rr, origin)
    rr = np.maximum(rr, _SHORTEST_S)
    times = np.cumsum(rr) - rr[0] - 2 * usual + rng.uniform(0, usual)
    inside = times < seconds + 2 * usual
    return times[inside], origin[inside]


def _sinus(
    rng: np.random.Generator, heart: Heart, state: State, usual: float, n: int
) -> np.ndarray:
    """RR intervals in s: 1/f noise, Mayer waves, breathing, alternation."""
    log_size = heart.variability + state.variability - _FALL * state.u
    size = _VARIABILITY_MS * np.exp(log_size) * (usual / 0.7)
    log_alternation = heart.alternation + state.alternation + _RISE * state.u
    alternation = _ALTERNATION_MS * np.exp(log_alternation)
    time = usual * np.arange(n)
    mayer = _wave(rng, time, rng.uniform(0.08, 0.12), 0.02)
    breathing = _wave(rng, time, heart.breaths / 60 * rng.uniform(0.93, 1.07), 0.01)
    slow = size * (_VLF * _one_over_f(rng, n) + _LF * mayer + _HF * breathing)
    sign = np.where(np.arange(n) % 2, 1.0, -1.0)
    waxing = np.abs(lfilter([1], [1, -0.95], rng.standard_normal(n))) * np.sqrt(1 - 0.95**2)
    fast = alternation * (sign * waxing + 0.6 * rng.standard_normal(n))
    return usual + (slow + fast) / 1000


def _wave(rng: np.random.Generator, time: np.ndarray, hertz: float, wander: float) -> np.ndarray:
    """Draw a wave of variance 1 whose frequency wanders a little."""
    step = time[1] - time[0]
    phase = np.cumsum(rng.standard_normal(len(time))) * wander * 2 * np.pi * np.sqrt(step)
    turn = 2 * np.pi * (hertz * time + rng.random()) + phase
    return np.asarray(np.sqrt(2) * np.sin(turn))


def _one_over_f(rng: np.random.Generator, n: int) -> np.ndarray:
    """Noise of variance about 1 over five minutes whose power falls as 1/f."""
    spectrum = rng.standard_normal(n // 2 + 1) + 1j * rng.standard_normal(n // 2 + 1)
    order = np.arange(len(spectrum))
    spectrum[1:] /= np.sqrt(np.maximum(order[1:], n / 600))
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, n)
    return np.asarray(noise / noise.std())


def _fibrillation(rng: np.random.Generator, heart: Heart, state: State, n: int) -> np.ndarray:
    """Draw intervals without order, in usual ones; their spread says little about the state."""
    spread = _FIBRILLATION * np.exp(
        0.5 * (heart.variability + state.variability) - 0.3 * _FALL * state.u
    )
    return np.asarray(np.exp(np.clip(spread * rng.standard_normal(n), -0.6, 0.6)))


def _with_ectopy(
    rng: np.random.Generator, heart: Heart, rr: np.ndarray, origin: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Let some beats come early, never two in a row; a ventricular one is followed by a pause."""
    early = np.flatnonzero(rng.random(len(rr)) < heart.ectopy * rr.mean() / 60)
    early = early[(early > 0) & (early < len(rr) - 1)]
    early = early[np.diff(early, prepend=-9) > 1]
    ventricular = rng.random(len(early)) < heart.ventricular
    rr, origin = rr.copy(), origin.copy()
    usual = rr[early]
    rr[early] = usual * rng.uniform(0.6, 0.8, len(early))
    missed = 2 * usual - rr[early]
    rr[early + 1] = np.where(ventricular, missed, rr[early + 1] * 1.08)
    origin[early] = np.where(ventricular, VENTRICULAR, ATRIAL)
    return rr, origin
