"""The slopes over the last 1 and 6 h, against NumPy's polyfit, one epoch after the other."""

import numpy as np
import pandas as pd
import pytest

from mimicflow.arrest import slopes
from mimicflow.arrest.slopes import slope_kinds, slope_names, slopes_of

BEGIN = pd.Timestamp("2150-01-01")


def planned(*stays):
    """Return stay_id, start and end of epochs of 5 min: of each stay, the minutes they begin at."""
    stay = np.repeat([f"S{i}" for i in range(len(stays))], [len(of) for of in stays])
    start = pd.Series(BEGIN + pd.to_timedelta(np.concatenate(stays), unit="min"))
    start = start.astype("datetime64[us]")
    return pd.Series(stay), start, start + pd.Timedelta(minutes=5)


def naive(values, stay, start, end):
    """Return the slopes by polyfit of the epochs that count, as the description says."""
    rows = []
    for i in range(len(values)):
        row = {}
        for kind in slope_kinds().itertuples():
            since = end[i] - pd.Timedelta(hours=kind.hours)
            for name in values:
                of = values[name].where((stay == stay[i]) & (start >= since) & (end <= end[i]))
                of = of[np.isfinite(of)]
                hours = (end[of.index] - BEGIN) / pd.Timedelta(hours=1)
                row[f"{name}_{kind.Index}"] = np.nan
                if len(of) >= kind.least_epochs and 60 * np.ptp(hours) >= kind.least_span_min:
                    row[f"{name}_{kind.Index}"] = np.polyfit(hours, of, 1)[0]
        rows.append(row)
    return pd.DataFrame(rows)


def test_slopes_are_those_of_polyfit():
    """Eight hours with gaps of minutes and of hours, and a short stay; values are often missing."""
    draw = np.random.default_rng(3)
    minutes = 5 * np.sort(draw.choice(96, 60, replace=False))
    stay, start, end = planned(minutes, minutes[:5], [0, 300, 330])
    values = pd.DataFrame(800 + 40 * draw.normal(size=(len(stay), 3)), columns=["a", "b", "c"])
    values = values.mask(draw.random(values.shape) < [0.1, 0.6, 0.0])
    values.loc[7, "a"] = np.inf

    found = slopes_of(values, stay, start, end)

    expected = naive(values, stay, start, end)
    assert list(found) == slope_names(["a", "b", "c"]) == list(expected)
    pd.testing.assert_frame_equal(found, expected, check_exact=False, rtol=1e-8, atol=1e-8)
    assert found.notna().mean().between(0.05, 0.99).all()  # both values and missing ones


def test_a_steady_rise_has_its_rise_per_hour_as_slope():
    """Heart rate rises by 1 every epoch, so by 12 in an hour; known from the third epoch on."""
    stay, start, end = planned(5 * np.arange(80))
    found = slopes_of(pd.DataFrame({"hr": np.arange(80.0)}), stay, start, end)

    assert found["hr_slope_1h"].isna().tolist() == [True] * 2 + [False] * 78
    assert found["hr_slope_6h"].isna().tolist() == [True] * 12 + [False] * 68
    np.testing.assert_allclose(found["hr_slope_1h"][2:], 12)
    np.testing.assert_allclose(found["hr_slope_6h"][12:], 12)


def test_what_is_longer_ago_than_its_hours_is_not_in_a_slope():
    """Level at 50 for hours, then a rise of 1 per epoch: after an hour only the rise is seen."""
    stay, start, end = planned(5 * np.arange(84))
    level = np.where(np.arange(84) < 72, 50.0, np.arange(84) - 22.0)
    found = slopes_of(pd.DataFrame({"hr": level}), stay, start, end)

    assert found["hr_slope_1h"][71] == pytest.approx(0, abs=1e-9)
    assert found["hr_slope_1h"][83] == pytest.approx(12)
    assert 0 < found["hr_slope_6h"][83] < 12


def test_epochs_of_another_stay_are_in_no_slope():
    stay, start, end = planned([0, 5, 10], [15, 20, 25])
    values = pd.DataFrame({"hr": [50.0, 51, 52, 200, 199, 198]})

    found = slopes_of(values, stay, start, end)["hr_slope_1h"]

    np.testing.assert_allclose(found, [np.nan, np.nan, 12, np.nan, np.nan, -12])


def test_the_numbers_of_an_epoch_do_not_depend_on_the_size_of_the_table(monkeypatch):
    stay, start, end = planned(5 * np.arange(90))
    values = pd.DataFrame(np.random.default_rng(1).normal(800, 9, (90, 2)), columns=["a", "b"])
    whole = slopes_of(values, stay, start, end)

    alone = slopes_of(*(each[15:88].reset_index(drop=True) for each in (values, stay, start, end)))
    pd.testing.assert_series_equal(
        alone.iloc[-1], whole.iloc[87], check_exact=True, check_names=False
    )
    monkeypatch.setattr(slopes, "_CHUNK_ROWS", 7)
    pd.testing.assert_frame_equal(slopes_of(values, stay, start, end), whole, check_exact=True)
    assert slopes_of(values[:0], stay[:0], start[:0], end[:0]).shape == (0, 4)
