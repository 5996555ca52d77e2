"""Cleaning of one lead: the mains, and which rates are refused."""

import numpy as np
import pytest
import scipy.signal

from mimicflow.errors import ConfigError
from mimicflow.hrv.clean import clean_lead


def test_mains_beyond_the_band_leave_the_high_pass_alone():
    ecg = np.random.default_rng(0).normal(size=1000)
    sections = scipy.signal.butter(5, 0.5, "highpass", output="sos", fs=100)
    expected = scipy.signal.sosfiltfilt(sections, ecg)
    np.testing.assert_array_equal(clean_lead(ecg, 100, 60), expected)


def test_single_precision_and_integers_are_cleaned_in_double():
    ecg = np.random.default_rng(0).integers(-500, 500, 2000)
    expected = clean_lead(ecg.astype(float), 250)
    for dtype in (np.int16, np.float32):
        np.testing.assert_array_equal(clean_lead(ecg.astype(dtype), 250), expected)


@pytest.mark.parametrize("rate", [0, 99.9, -250, np.nan])
def test_rate_too_low(rate):
    with pytest.raises(ConfigError, match="too low") as error:
        clean_lead(np.zeros(1000), rate)
    assert "100 Hz" in error.value.remedy
