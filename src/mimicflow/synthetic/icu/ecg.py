"""Make the voltage of one monitor lead, beat by beat: P, QRS and T waves, wander, noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mimicflow.synthetic.icu.rhythm import ATRIAL, PACED, VENTRICULAR

MAINS_HZ = 60.0
_PHASES = 8  # a beat lies on a sample to an eighth of its length
_REACH = 4.0  # standard deviations of a wave that are drawn

_MOTIONS = 1.2  # per five minutes
_BURSTS = 0.12
_LEAD_OFF = 0.012
_SHORT_GAPS = 0.05


@dataclass(frozen=True)
class Lead:
    """What is lasting about the voltages of one lead in one stay; mV and s.

    Parameters
    ----------
    waves : dict
        Origin of a beat -> rows of (amplitude, centre after the R peak, standard deviation) of its
        P wave and QRS complex.
    t_wave : tuple
        Amplitude, centre and standard deviation of the T wave at an RR interval of 1 s.
    noise, wander, mains : float
        Standard deviation of the noise, sizes of the wander and of the mains.
    breaths : float
        Breaths per minute, which move the baseline and the amplitude.
    fibrillation : float
        Size of the waves of a fibrillating atrium; 0 where it does not.
    flat_when_off : bool
        A lead that is off is drawn as a line, or is missing.
    """

    waves: dict[int, np.ndarray]
    t_wave: tuple[float, float, float]
    noise: float
    wander: float
    mains: float
    breaths: float
    fibrillation: float
    flat_when_off: bool


def draw_lead(rng: np.random.Generator, rhythm: str, breaths: float) -> Lead:
    """Draw the lasting traits of a lead."""
    r = float(rng.uniform(0.6, 1.6))
    width = float(rng.uniform(0.009, 0.013))
    q, s = rng.uniform(0, 0.15) * r, rng.uniform(0.1, 0.35) * r
    qrs = [(-q, -2.4 * width, 0.8 * width), (r, 0.0, width), (-s, 2.5 * width, 1.0 * width)]
    p = (float(rng.uniform(0.06, 0.16)), -float(rng.uniform(0.13, 0.19)), 0.021)
    atrial = (0.8 * p[0], 0.85 * p[1], 0.018)
    wide = float(rng.uniform(0.024, 0.032))
    big = r * float(rng.uniform(1.1, 1.5)) + 0.2
    ventricular = [(big, 0.0, wide), (-0.45 * big, 0.11, 0.035), (-0.35 * big, 0.30, 0.06)]
    spike = [(0.4, -0.07, 0.003)]
    fibrillates = rhythm == "fibrillation"
    waves = {
        0: qrs if fibrillates else [p, *qrs],
        VENTRICULAR: ventricular,
        ATRIAL: qrs if fibrillates else [atrial, *qrs],
        PACED: [*spike, (0.9 * big, 0.0, 0.9 * wide), (-0.3 * big, 0.10, 0.035)],
    }
    t = (float(rng.uniform(0.12, 0.35)) * r * rng.choice([1, 1, 1, 1, -0.6]), 0.31, 0.055)
    return Lead(
        waves={origin: np.array(rows) for origin, rows in waves.items()},
        t_wave=t,
        noise=float(np.exp(rng.normal(np.log(0.009), 0.35))),
        wander=float(np.exp(rng.normal(np.log(0.08), 0.5))),
        mains=float(rng.uniform(0.001, 0.012)),
        breaths=breaths,
        fibrillation=float(rng.uniform(0.02, 0.05)) if fibrillates else 0.0,
        flat_when_off=bool(rng.random() < 0.5),
    )


def draw_voltage(
    rng: np.random.Generator,
    lead: Lead,
    times: np.ndarray,
    origin: np.ndarray,
    seconds: int,
    rate: float,
) -> np.ndarray:
    """Draw the samples of one stretch.

    Parameters
    ----------
    rng : Generator
        Random stream of the stretch.
    lead : Lead
        Traits of the lead.
    times, origin : ndarray, shape (beats,)
        As ``draw_beats`` gives them.
    seconds : int
        Length of the stretch.
    rate : float
        Samples per second.

    Returns
    -------
    ndarray of float32, shape (seconds * rate,)
        mV; NaN where the lead is missing.
    """
    n = int(seconds * rate)
    beats = _beats(rng, lead, times, origin, n, rate)
    clock = np.arange(n, dtype=np.float32) / np.float32(rate)
    signal = beats + lead.noise * rng.standard_normal(n, dtype=np.float32)
    signal += _wander(rng, lead, n, rate)
    signal += np.float32(lead.mains) * np.sin(np.float32(2 * np.pi * MAINS_HZ) * clock)
    if lead.fibrillation:
        turn = 2 * np.pi * np.float32(rng.uniform(5, 7)) * clock
        signal += np.float32(lead.fibrillation) * np.sin(turn + 0.9 * np.sin(4.4 * clock))
    _disturb(rng, signal, seconds, rate)
    _interrupt(rng, lead, signal, seconds, rate)
    return signal


def _beats(
    rng: np.random.Generator,
    lead: Lead,
    times: np.ndarray,
    origin: np.ndarray,
    n: int,
    rate: float,
) -> np.ndarray:
    """Add up the waves of all beats, shape (n,), float32."""
    breath = np.sin(2 * np.pi * lead.breaths / 60 * times)
    size = 1 + 0.03 * breath + 0.012 * rng.standard_normal(len(times))
    margin = int(1.5 * rate)
    signal = np.zeros(n + 2 * margin)
    for kind in np.unique(origin):
        chosen = origin == kind
        _add(signal, lead.waves[int(kind)], times[chosen], size[chosen], rate, margin)
    rr = np.diff(times, append=2 * times[-1] - times[-2])
    before = np.concatenate([rr[:1], rr[:-1]])
    amplitude, centre, width = lead.t_wave
    stretched = np.sqrt(np.clip(before, 0.3, 1.5))
    has_t = origin != VENTRICULAR
    late = centre * stretched
    # The T wave of a fast heart is narrower; a few widths are enough.
    level = np.clip(np.rint(stretched * 8), 4, 10).astype(int)
    for step in np.unique(level[has_t]):
        chosen = has_t & (level == step)
        wave = np.array([[amplitude, 0.0, width * step / 8]])
        _add(signal, wave, times[chosen] + late[chosen], size[chosen], rate, margin)
    return signal[margin : margin + n].astype(np.float32)


def _add(
    signal: np.ndarray,
    waves: np.ndarray,
    times: np.ndarray,
    size: np.ndarray,
    rate: float,
    margin: int,
) -> None:
    """Add a sum of Gaussian waves at each time, between samples too."""
    first = int(np.floor((waves[:, 1] - _REACH * waves[:, 2]).min() * rate)) - 1
    last = int(np.ceil((waves[:, 1] + _REACH * waves[:, 2]).max() * rate)) + 1
    place = np.rint(times * rate * _PHASES).astype(np.int64)
    sample, phase = np.divmod(place, _PHASES)
    inside = (sample + first + margin >= 0) & (sample + last + margin < len(signal))
    sample, phase, size = sample[inside], phase[inside], size[inside]
    grid = (np.arange(first, last + 1) - np.arange(_PHASES)[:, None] / _PHASES) / rate
    shapes = sum(
        amplitude * np.exp(-0.5 * ((grid - centre) / width) ** 2)
        for amplitude, centre, width in waves
    )
    index = (sample + margin)[:, None] + np.arange(first, last + 1)
    signal += np.bincount(
        index.ravel(), (np.asarray(shapes)[phase] * size[:, None]).ravel(), len(signal)
    )


def _wander(rng: np.random.Generator, lead: Lead, n: int, rate: float) -> np.ndarray:
    """Slow movement of the baseline: breathing and drift of the electrode, shape (n,), float32."""
    coarse = np.arange(int(n / rate * 2) + 4) / 2
    drift = np.cumsum(rng.standard_normal(len(coarse)))
    window = np.ones(9) / 9
    drift -= np.convolve(np.pad(drift, 4 * 9, mode="edge"), np.ones(73) / 73, "valid")
    drift = np.convolve(drift, window, "same")
    fine = np.arange(n) / rate
    breath = np.sin(2 * np.pi * lead.breaths / 60 * fine)
    size = lead.wander * np.interp(fine, coarse, 0.6 * drift) + 0.4 * lead.wander * breath
    return size.astype(np.float32)


def _disturb(rng: np.random.Generator, signal: np.ndarray, seconds: int, rate: float) -> None:
    """Add movements of the patient, slow and large, and bursts of muscle noise, in place."""
    for _ in range(rng.poisson(_MOTIONS * seconds / 300)):
        centre, width = rng.uniform(0, seconds), rng.uniform(0.12, 0.3)
        size = np.exp(rng.normal(np.log(1.6), 0.5)) * rng.choice([-1, 1])
        part = _part(signal, centre - 4 * width, centre + 4 * width, rate)
        offset = np.arange(part.start, part.stop) / rate - centre
        signal[part] += (size * np.exp(-0.5 * (offset / width) ** 2)).astype(np.float32)
    for _ in range(rng.poisson(_BURSTS * seconds / 300)):
        centre, length = rng.uniform(0, seconds), rng.uniform(1, 6)
        part = _part(signal, centre - length / 2, centre + length / 2, rate)
        shape = np.hanning(part.stop - part.start) * rng.uniform(0.04, 0.25)
        signal[part] += (shape * rng.standard_normal(len(shape))).astype(np.float32)


def _interrupt(
    rng: np.random.Generator, lead: Lead, signal: np.ndarray, seconds: int, rate: float
) -> None:
    """Let the lead be off now and then, and lose a few samples, in place."""
    for _ in range(rng.poisson(_LEAD_OFF * seconds / 300)):
        start, length = rng.uniform(0, seconds), rng.uniform(8, 90)
        signal[_part(signal, start, start + length, rate)] = 0.0 if lead.flat_when_off else np.nan
    for _ in range(rng.poisson(_SHORT_GAPS * seconds / 300)):
        start, length = rng.uniform(0, seconds), rng.uniform(0.01, 0.15)
        signal[_part(signal, start, start + length, rate)] = np.nan


def _part(signal: np.ndarray, start: float, end: float, rate: float) -> slice:
    first = int(np.clip(start * rate, 0, len(signal)))
    return slice(first, int(np.clip(end * rate, first, len(signal))))
