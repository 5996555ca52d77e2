"""The list of measures, and values that can be worked out by hand."""

import neurokit2
import numpy as np
import pytest

from mimicflow.hrv.intervals import Intervals
from mimicflow.hrv.measures import MEASURES, TABLE, hrv_measures
from mimicflow.hrv.nonlinear import nonlinear_measures
from mimicflow.hrv.time_domain import time_measures
from mimicflow.hrv.triangle import triangle_measures

RATE = 250


def test_list():
    assert dict(TABLE["group"].value_counts(sort=False)) == {
        "time": 20, "frequency": 8, "nonlinear": 15,
    }  # fmt: skip
    assert len(set(MEASURES)) == 43
    assert (TABLE["text"] != "").all()


def test_names_are_those_of_neurokit():
    peaks = np.cumsum(np.random.default_rng(0).integers(180, 230, 300))
    known = {
        name.removeprefix("HRV_")
        for domain in (neurokit2.hrv_time, neurokit2.hrv_frequency, neurokit2.hrv_nonlinear)
        for name in domain(peaks, sampling_rate=RATE).columns
    }
    assert set(MEASURES) <= known


def intervals_of(rr) -> Intervals:
    """Return RR intervals in ms that follow each other."""
    rr = np.asarray(rr, dtype=float)
    return Intervals(rr, np.cumsum(rr) / 1000, np.ones(len(rr) - 1, dtype=bool))


@pytest.mark.parametrize("n", range(4))
def test_too_few_beats(n):
    np.testing.assert_array_equal(
        hrv_measures(Intervals.between(np.arange(n) * 200, RATE)), np.full(43, np.nan)
    )


def test_time_measures_by_hand():
    measures = time_measures(intervals_of([800.0, 830, 830, 770]))
    assert measures["MeanNN"] == 807.5
    assert measures["SDNN"] == pytest.approx(np.sqrt(2475 / 3))
    assert measures["RMSSD"] == pytest.approx(np.sqrt((30**2 + 60**2) / 3))
    assert measures["MedianNN"] == 815 and measures["MadNN"] == pytest.approx(15 * 1.4826)
    assert measures["pNN50"] == 25 and measures["pNN20"] == 50
    assert measures["MinNN"] == 770 and measures["MaxNN"] == 830
    assert np.isnan(measures["SDANN1"]) and np.isnan(measures["SDNNI1"])  # below three minutes


def test_minutes_by_hand():
    """Three minutes; the last interval that ends in each is left out, as NeuroKit2 does."""
    intervals = np.array([600] * 99 + [900] + [800] * 74 + [1000] * 61, dtype=float)
    measures = time_measures(
        intervals_of(intervals)
    )  # they end at 59.4 s, 60.3 s, 119.5 s and 180.5 s
    second = [900] + [800] * 73
    assert measures["SDANN1"] == pytest.approx(np.std([600, np.mean(second), 1000], ddof=1))
    assert measures["SDNNI1"] == pytest.approx(np.std(second, ddof=1) / 3)


def test_triangle_by_hand():
    """Bins of 7.8125 ms; counts 1, 2, 4, 2, 0, 1 from the bin that begins at 781.25 ms."""
    bins = 781.25 + 7.8125 * np.array([0, 1, 1, 2, 2, 2, 2, 3, 3, 5]) + 3
    hti, tinn = triangle_measures(bins)
    assert hti == 10 / 4
    # left foot: the edge above the shortest; right feet 1, 2, 3 bins from the top: errors
    # (2)², 0 and (2/3)² + (4/3)², so that the second is best
    assert tinn == 3 * 7.8125


def test_triangle_without_right_side():
    assert triangle_measures(np.array([700.0, 800, 800]))[1] == 0
    assert np.isnan(triangle_measures(np.full(3, 500.0))[1])  # 500 ms is an edge: none above


def test_fragmentation_by_hand():
    """Differences +, +, -, 0, +, -, +, -, -: signs change at six places of nine differences."""
    differences = np.array([10, 20, -10, 0, 10, -20, 20, -10, -10.0])
    measures = nonlinear_measures(intervals_of(800 + np.r_[0, np.cumsum(differences)]))
    assert measures["PIP"] == 6 / 10
    # segments ++, -, +, -, +, -- (the 0 belongs to none): 8 differences in 6
    assert measures["IALS"] == 6 / 8
    assert measures["PSS"] == 1
    assert measures["PAS"] == 1  # one run of six inflection points
    assert measures["PI"] == pytest.approx(50)
    assert measures["GI"] == pytest.approx(100 * 60 / 110)


def test_a_steady_change_divides_by_zero():
    measures = nonlinear_measures(intervals_of([800.0, 804, 808, 812]))
    assert measures["SD1"] == 0 and measures["CSI"] == np.inf and measures["CVI"] == -np.inf
    assert measures["PI"] == 0 and measures["GI"] == 100
    assert np.isnan(measures["PAS"])


def test_shifted_beats_have_the_same_measures():
    peaks = np.cumsum(np.random.default_rng(1).integers(150, 260, 200))
    there, shifted = (hrv_measures(Intervals.between(one, RATE)) for one in (peaks, peaks + 1234))
    np.testing.assert_array_equal(there, shifted)


def test_a_ratio_to_nothing_is_missing():
    """An exact bigeminy: the sums of two intervals are all the same."""
    peaks = np.cumsum(np.tile([140, 260], 150))
    of = dict(zip(MEASURES, hrv_measures(Intervals.between(peaks, RATE), 0.5), strict=True))
    neurokit = dict(zip(MEASURES, hrv_measures(Intervals.between(peaks, RATE)), strict=True))

    assert np.isnan([of["SD1SD2"], of["CSI"], of["CSI_Modified"], of["CVI"]]).all()
    assert neurokit["SD1SD2"] > 1e12 or np.isinf(neurokit["SD1SD2"])
    assert of["SD1"] == neurokit["SD1"] > 100


def test_intervals_that_hardly_differ_are_equal():
    peaks = np.arange(300) * 200 + np.tile([0, 0.05], 150)  # 0.4 ms at most
    measures = hrv_measures(Intervals.between(peaks, RATE), 0.5)
    assert np.isfinite(measures[MEASURES.index("SDNN")])
    assert np.isnan(measures[(TABLE["group"] != "time").to_numpy()]).all()


def test_no_measure_sees_an_interval_that_is_not_believed():
    """Two beats are lost: without that interval all is as if the rest were two recordings."""
    peaks = np.cumsum(np.random.default_rng(2).integers(190, 210, 300))
    lost = np.delete(peaks, [100, 101])
    broken = np.arange(len(lost) - 1) == 99

    of = dict(zip(MEASURES, hrv_measures(Intervals.between(lost, RATE, broken)), strict=True))

    rr = np.diff(peaks) * 4.0
    rest = np.r_[rr[:99], rr[102:]]
    differences = np.r_[np.diff(rr[:99]), np.diff(rr[102:])]
    assert of["MaxNN"] == rest.max() < 850
    assert of["MeanNN"] == pytest.approx(rest.mean())
    assert of["RMSSD"] == pytest.approx(np.sqrt(np.mean(differences**2)))
    assert of["SD1"] == pytest.approx(np.std(differences, ddof=1) / np.sqrt(2))
    assert of["pNN20"] == pytest.approx(np.mean(np.abs(differences) > 20) * 100, rel=0.01)
