"""Beats that are none, odd beats that are some: made complexes of known kinds and places."""

import numpy as np
import pytest

from mimicflow.hrv.doubt import t_waves
from mimicflow.hrv.judging import JudgedBeats, judge_by_others
from mimicflow.hrv.preprocessing import Preprocessing
from mimicflow.hrv.similarity import BeatShapes

RATE = 250
SECONDS = 120
# Heights in mV and half widths in s of the triangles, side by side, that a complex is made of.
COMPLEXES = {
    "normal": ((-0.1, 0.012), (1.0, 0.02), (-0.2, 0.012)),
    "ventricular": ((-0.5, 0.03), (1.3, 0.05), (-0.6, 0.04)),
    "other": ((0.5, 0.03), (-1.2, 0.04), (0.8, 0.03)),
    "spike": ((0.9, 0.006), (-0.9, 0.006)),
}
T_WAVE_S = 0.24


def lead_of(
    beats: list[tuple[float, str]], t_height: float = 0.1, t_wave_s: float = T_WAVE_S
) -> np.ndarray:
    """Draw complexes at times in s, each but a spike with its T wave, (n,) mV."""
    clock = np.arange(SECONDS * RATE) / RATE
    lead = 0.003 * np.random.default_rng(0).standard_normal(len(clock))
    for time, name in beats:
        tallest = np.argmax([abs(height) for height, _ in COMPLEXES[name]])
        widths = np.array([width for _, width in COMPLEXES[name]])
        places = np.cumsum(widths + np.r_[0, widths[:-1]])
        for (height, width), place in zip(COMPLEXES[name], places - places[tallest], strict=True):
            lead += height * np.clip(1 - np.abs(clock - time - place) / width, 0, None)
        if name != "spike":
            lead += t_height * np.exp(-(((clock - time - t_wave_s) / 0.035) ** 2) / 2)
    return lead


def regular(period: float = 0.8, jitter: float = 0.02) -> list[float]:
    """Times of a sinus rhythm in s."""
    n = int((SECONDS - 1) / period)
    return list(0.5 + period * np.arange(n) + np.random.default_rng(1).uniform(0, jitter, n))


def judged(lead: np.ndarray, found: list[float]) -> JudgedBeats:
    peaks = np.sort(np.rint(np.array(found) * RATE).astype(np.int64))
    return judge_by_others(lead, peaks, Preprocessing(align_beats=False))


def places(beats: JudgedBeats) -> np.ndarray:
    return np.asarray(beats.r_peaks) / RATE


@pytest.mark.parametrize("noise", [0, 0.06])
def test_t_waves_that_were_found_are_no_beats(noise):
    """Each in a noise that hides how gentle it is; their mean is gentle."""
    times = regular()
    lead = lead_of([(time, "normal") for time in times], t_height=0.8)
    lead += noise * np.random.default_rng(2).standard_normal(len(lead))
    t_waves_found = [time + T_WAVE_S for time in times[3::2]]
    assert len(places(judged(lead, times + t_waves_found))) == len(times)


def test_a_t_wave_at_an_end_is_no_beat_either():
    """It has an interval on one side alone, and is known by its shape."""
    times = regular()
    lead = lead_of([(time, "normal") for time in [-0.1, *times]], t_height=0.8)
    t_waves_found = [-0.1 + T_WAVE_S, *(time + T_WAVE_S for time in times[4::2])]
    beats = judged(lead, times + t_waves_found)
    np.testing.assert_allclose(places(beats), times, atol=1 / RATE)


def test_late_t_waves_in_a_row_are_no_beats():
    """After the others comes the same, though it was not found there."""
    times = regular()
    lead = lead_of([(time, "normal") for time in times], t_height=0.8, t_wave_s=0.32)
    beats = judged(lead, times + [time + 0.32 for time in times[40:60]])
    np.testing.assert_allclose(places(beats), times, atol=1 / RATE)


def test_ventricular_beats_upon_t_waves_are_beats():
    """Each as early as a T wave; but nothing like them follows other beats."""
    times = regular()
    early = {n: times[n] - 0.47 for n in range(5, 145, 20)}
    others = [t for n, t in enumerate(times) if n not in early]
    ventricular = list(early.values())
    lead = lead_of([(t, "normal") for t in others] + [(t, "ventricular") for t in ventricular])
    beats = judged(lead, others + ventricular)
    assert len(places(beats)) == len(times) and beats.good.all()


def test_t_waves_of_ventricular_beats_are_no_beats():
    """Compared with what follows beats of the same shape, not with what follows all."""
    times = regular()
    early = {n: times[n] - 0.2 for n in range(5, 145, 10)}
    others = [t for n, t in enumerate(times) if n not in early]
    lead = lead_of([(t, "normal") for t in others])
    lead += lead_of([(t, "ventricular") for t in early.values()], t_height=-0.9, t_wave_s=0.3)
    t_waves_found = [t + 0.3 for t in early.values()]
    r_peaks = np.rint(np.sort([*others, *early.values(), *t_waves_found]) * RATE).astype(np.int64)
    found = r_peaks[t_waves(BeatShapes(lead, r_peaks, RATE))] / RATE
    np.testing.assert_allclose(found, t_waves_found, atol=1 / RATE)


@pytest.mark.parametrize("after", [-0.16, 0.2])
def test_what_is_too_close_to_be_a_beat_is_none(after):
    """P and T waves, as steep to their height as complexes, all of them found."""
    times = regular()
    clock = np.arange(SECONDS * RATE) / RATE
    lead = lead_of([(t, "normal") for t in times])
    for time in times:
        lead += 0.3 * np.clip(1 - np.abs(clock - time - after) / 0.025, 0, None)
    beats = judged(lead, times + [t + after for t in times])
    np.testing.assert_allclose(places(beats), times, atol=1 / RATE)


def test_the_fastest_beats_are_beats():
    times = regular(60 / 250, jitter=0.005)
    beats = judged(lead_of([(t, "normal") for t in times], t_height=0), times)
    assert len(places(beats)) == len(times) and beats.good.all()


def test_ventricular_beats_as_early_as_t_waves_are_beats():
    """Not nearly all of their shape come so early."""
    times = regular()
    early = {n: times[n] - (0.45 if n % 3 else 0.3) for n in range(5, 100, 5)}
    others = [t for n, t in enumerate(times) if n not in early]
    ventricular = list(early.values())
    lead = lead_of([(t, "normal") for t in others] + [(t, "ventricular") for t in ventricular])
    beats = judged(lead, others + ventricular)
    assert len(places(beats)) == len(times) and beats.good.all()


def test_a_spike_that_cuts_an_interval_is_no_beat():
    times = regular()
    spike = times[60] + 0.4
    beats = judged(lead_of([*((t, "normal") for t in times), (spike, "spike")]), [*times, spike])
    np.testing.assert_allclose(places(beats), times, atol=1 / RATE)
    assert not beats.good.all() and not beats.doubtful.any()


def test_an_interpolated_beat_is_one():
    """Its shape is that of beats that come early, before a pause."""
    times = regular()
    early = {40: times[40] - 0.3, 70: times[70] - 0.3, 90: times[90] - 0.3}
    others = [t for n, t in enumerate(times) if n not in early]
    ventricular = [*early.values(), times[60] + 0.42]
    lead = lead_of([(t, "normal") for t in others] + [(t, "ventricular") for t in ventricular])
    beats = judged(lead, others + ventricular)
    assert np.abs(places(beats) - ventricular[-1]).min() < 2 / RATE
    assert len(places(beats)) == len(times) + 1


def test_a_single_early_beat_before_a_pause_is_ectopic():
    times = regular()
    others, early = times[:60] + times[61:], times[60] - 0.3
    beats = judged(lead_of([*((t, "normal") for t in others), (early, "other")]), [*others, early])
    assert beats.good.all() and not beats.doubtful.any()


def test_a_beat_like_an_ectopic_one_is_ectopic():
    """The first of a couplet lacks the pause."""
    times = regular()
    others = times[:60] + times[62:]
    couplet = [times[60] - 0.3, times[60] + 0.15]
    lead = lead_of([(t, "normal") for t in others] + [(t, "other") for t in couplet])
    beats = judged(lead, others + couplet)
    assert beats.good.all() and not beats.doubtful.any()


def test_a_single_odd_complex_in_time_is_noise():
    """Nothing but its shape speaks, and no interval that begins or ends with it counts."""
    times = regular()
    lead = lead_of([(t, "other" if n == 60 else "normal") for n, t in enumerate(times)])
    beats = judged(lead, times)
    np.testing.assert_array_equal(np.flatnonzero(~beats.good), [60])
    np.testing.assert_array_equal(np.flatnonzero(beats.doubtful), [59, 60])


def noise_around(lead: np.ndarray, time: float, size: float) -> np.ndarray:
    """Noise of four seconds to both sides, (n,) mV."""
    noise = np.zeros(len(lead))
    around = slice(int((time - 4) * RATE), int((time + 4) * RATE))
    noise[around] = size * np.random.default_rng(3).standard_normal(around.stop - around.start)
    return noise


def test_an_odd_early_complex_amid_noise_is_noise():
    times = regular()
    others, early = times[:60] + times[61:], times[60] - 0.3
    lead = lead_of([*((t, "normal") for t in others), (early, "other")])
    beats = judged(lead + noise_around(lead, early, 0.2), [*others, early])
    assert not beats.good[60] and beats.doubtful[[59, 60]].all()


def test_a_long_interval_is_a_pause_where_complexes_are_sharp():
    times = regular()
    found = times[:60] + times[61:]
    sharp = judged(lead_of([(t, "normal") for t in found]), found)
    assert not sharp.doubtful.any()
    noisy = lead_of([(t, "normal") for t in times])
    blurred = judged(noisy + noise_around(noisy, times[60], 0.2), found)
    assert blurred.doubtful[59] and not blurred.doubtful[:50].any()
