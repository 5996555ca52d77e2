"""Make the voltages of one 12-lead ECG: beats from lead amplitudes, wander, mains, noise."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from mimicflow.synthetic.draws import vocabulary

SAMPLING_RATE = 500
N_SAMPLES = 5000
LEADS = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")
# The other four follow from I and II.
_DRAWN_LEADS = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
_LIMB = 2

_VENTRICULAR_QRS = 165.0  # ms
_LIMB_T, _LIMB_P = 0.30, 0.13  # mV, size of the frontal vectors

_BEFORE, _AFTER = 180, 400  # samples around the R peak that a beat fills
_BEAT = _BEFORE + _AFTER
_TIME = np.arange(N_SAMPLES, dtype=np.float32) / SAMPLING_RATE
_BEAT_TIME = (np.arange(-_BEFORE, _AFTER) / SAMPLING_RATE * 1000).astype(np.float32)  # ms


@cache
def _lead_amplitudes() -> dict[str, np.ndarray]:
    """Return each wave's relative amplitude in the drawn leads; of limb leads the angle (rad)."""
    table = vocabulary("leads", ("lead",)).set_index("lead").loc[list(_DRAWN_LEADS)]
    waves = {name: table[name].fillna(0).to_numpy(np.float32) for name in table}
    return waves | {"limb_angle": np.deg2rad(waves["limb_angle"])}


def draw_waveform(ecg: Any, rng: np.random.Generator) -> np.ndarray:
    """Draw the voltages of one ECG.

    Parameters
    ----------
    ecg : named tuple
        A row of ``ecg_parameters``.
    rng : Generator
        Random stream of this ECG.

    Returns
    -------
    ndarray of float32, shape (12, 5000)
        Millivolt, leads in the order of ``LEADS``.
    """
    peaks, wide = _beat_times(ecg, rng)
    signal = np.zeros((8, N_SAMPLES + 2 * _BEAT), np.float32)
    usual = _beat(ecg, ventricular=False)
    ectopic = _beat(ecg, ventricular=True) if ecg.pvc else usual
    for start, is_wide in zip(peaks - _BEFORE + _BEAT, wide, strict=True):
        signal[:, start : start + _BEAT] += ectopic if is_wide else usual
    signal = signal[:, _BEAT : _BEAT + N_SAMPLES]
    if ecg.af:
        signal += _fibrillation(rng)
    noise = rng.standard_normal((8, N_SAMPLES), dtype=np.float32)
    signal += np.float32(0.012 * ecg.noise) * noise
    signal += _disturbances(ecg, rng)
    return _twelve_leads(signal)


def _beat_times(ecg: Any, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw the samples of all R peaks in reach of the record, and which are ventricular."""
    rr = ecg.rr / 1000 * SAMPLING_RATE
    n = int(N_SAMPLES / rr * 1.6) + 4
    spread = 0.20 if ecg.af else 0.08 if ecg.irregular else 0.015
    intervals = np.maximum(rr * (1 + spread * rng.standard_normal(n)), 0.45 * rr)
    wide = np.zeros(n, bool)
    beats = np.arange(3, max(4, int(N_SAMPLES / rr) - 1))
    odd = rng.permutation(beats)[: ecg.pvc + ecg.pac]
    wide[odd[: ecg.pvc]] = True
    intervals[odd] *= 0.62
    intervals[odd + 1] *= np.where(wide[odd], 1.38, 1.1)
    peaks = np.round(np.cumsum(intervals) - rr * (1 + rng.random())).astype(np.int64)
    inside = (peaks > -_AFTER) & (peaks < N_SAMPLES + _BEFORE)
    return peaks[inside], wide[inside]


def _beat(ecg: Any, ventricular: bool) -> np.ndarray:
    """One beat in the drawn leads, shape (8, samples), mV; time 0 is the R peak."""
    leads = _lead_amplitudes()
    qrs = _VENTRICULAR_QRS if ventricular else ecg.qrs
    voltage = ecg.voltage * (1.5 if ventricular else 1.0)
    axis = ecg.axis + (140 if ventricular else 0)
    onset, width = -0.45 * qrs, qrs / 7
    end, t_peak = onset + qrs, onset + 0.76 * ecg.qt
    # Delayed activation shows as a late force, away from the blocked side.
    delay = max(qrs - 100, 0) / 60 * (1 if ecg.left_block else -1) * voltage
    r = _in_leads(leads["r"] * voltage, _limb(voltage, axis))
    late = _in_leads(leads["late"] * delay, delay * np.array([0.35, 0.1]))
    if ventricular:
        st, t = np.zeros(len(r)), -0.4 * r  # discordant to its QRS
    else:
        st = _in_leads(leads["st"] * ecg.st_mv, ecg.st_mv * np.array([0.8, 0.9]))
        t = _in_leads(leads["t"] * ecg.t_mv, _limb(_LIMB_T, ecg.t_axis))
    waves = [
        (leads["q"] * voltage, onset + 0.15 * qrs, 0.6 * width),
        (r, 0, width),
        (leads["s"] * voltage, 0.26 * qrs, width),
        (late, 0.36 * qrs, 0.9 * width),
        (st, (end + t_peak) / 2 - 15, max((t_peak - end) / 3.2, 18)),
        (t, t_peak, 0.085 * ecg.qt + 10),
    ]
    if not (ecg.af or ventricular):
        p = _in_leads(leads["p"] * ecg.p_amplitude, _limb(_LIMB_P * ecg.p_amplitude, ecg.p_axis))
        waves.append((p, onset - 0.68 * ecg.pr, 0.115 * ecg.pr))
    amplitude = np.array([wave[0] for wave in waves], np.float32)
    center, spread = (np.array([wave[i] for wave in waves], np.float32)[:, None] for i in (1, 2))
    shape = np.exp(-0.5 * ((_BEAT_TIME - center) / spread) ** 2)
    return np.einsum("wl,wt->lt", amplitude, shape)


def _limb(size: float, axis: float) -> np.ndarray:
    """Projection of a frontal vector of that size (mV) and axis (deg) on the leads I and II."""
    return size * np.cos(_lead_amplitudes()["limb_angle"][:_LIMB] - np.deg2rad(axis))


def _in_leads(chest: np.ndarray, limb: np.ndarray) -> np.ndarray:
    """Put amplitudes of I and II before those of the chest leads."""
    return np.concatenate([limb, chest[_LIMB:]])


def _fibrillation(rng: np.random.Generator) -> np.ndarray:
    """Fine irregular waves of 5-7 Hz, largest in V1, shape (8, samples)."""
    rate = rng.uniform(5, 7)
    phase = 2 * np.pi * rate * _TIME + 0.9 * np.sin(2 * np.pi * 0.7 * _TIME + rng.uniform(0, 6))
    size = np.array([0.02, 0.05, 0.09, 0.06, 0.03, 0.02, 0.02, 0.02], np.float32)
    return size[:, None] * np.sin(phase, dtype=np.float32)


def _disturbances(ecg: Any, rng: np.random.Generator) -> np.ndarray:
    """Respiration, drift of the electrodes and mains, shape (8, samples)."""
    slow = np.stack(
        [
            np.sin(2 * np.pi * np.float32(rng.uniform(0.15, 0.35)) * _TIME + rng.uniform(0, 6)),
            np.sin(2 * np.pi * np.float32(rng.uniform(0.03, 0.1)) * _TIME + rng.uniform(0, 6)),
            np.sin(2 * np.pi * 60 * _TIME + rng.uniform(0, 6)),
        ]
    ).astype(np.float32)
    size = rng.standard_normal((8, 3), dtype=np.float32)
    size *= np.array([0.04, 0.06, 0.006], np.float32) * np.float32(ecg.noise)
    return np.einsum("lk,kt->lt", size, slow)


def _twelve_leads(independent: np.ndarray) -> np.ndarray:
    """Add the leads that follow from I and II by Einthoven's and Goldberger's rules."""
    i, ii = independent[0], independent[1]
    derived = np.stack([i, ii, ii - i, -(i + ii) / 2, ii - i / 2, i - ii / 2])
    return np.concatenate([derived, independent[2:]])
