"""Sound files that the tests damage."""

from datetime import date, time
from pathlib import Path

import numpy as np
import pytest
import wfdb

from mimicflow.ecg.records import LEADS


def waves(n: int, signals: int, seed: int = 0) -> np.ndarray:
    """Make signals in mV, (n, signals), with a gap in the second."""
    draw = np.random.default_rng(seed)
    seconds = np.arange(n)[:, None] / 250
    values = np.sin(2 * np.pi * (1 + np.arange(signals)) * seconds) + 0.05 * draw.normal(
        size=(n, signals)
    )
    if signals > 1:
        values[n // 3 : n // 3 + 20, 1] = np.nan
    return values


@pytest.fixture(scope="session")
def twelve_leads(tmp_path_factory) -> Path:
    """Give a folder with a 12-lead record ``r`` in format 16 and another, ``c``, in format 212."""
    folder = tmp_path_factory.mktemp("ecg")
    for name, fmt in (("r", "16"), ("c", "212")):
        wfdb.wrsamp(
            name, fs=250, units=["mV"] * 12, sig_name=list(LEADS), p_signal=waves(600, 12),
            fmt=[fmt] * 12, write_dir=str(folder), adc_gain=[200] * 12, baseline=[0] * 12,
        )  # fmt: skip
    return folder


@pytest.fixture(scope="session")
def bedside(tmp_path_factory) -> Path:
    """Give a folder with recordings: ``a`` (format 16), ``b`` (212) and ``m`` (two segments)."""
    folder = tmp_path_factory.mktemp("waves")
    for name, fmt in (("a", "16"), ("b", "212"), ("m_1", "16"), ("m_2", "16")):
        wfdb.wrsamp(
            name, fs=250, units=["mV", "mmHg"], sig_name=["II", "ABP"],
            p_signal=waves(1000, 2, len(name)), fmt=[fmt] * 2, write_dir=str(folder),
            adc_gain=[200, 100], baseline=[0, -10],
            base_date=date(2150, 2, 3), base_time=time(4, 5, 6),
        )  # fmt: skip
    (folder / "m.hea").write_text("m/2 2 250 2000 04:05:06 03/02/2150\nm_1 1000\nm_2 1000\n")
    return folder


@pytest.fixture(scope="session")
def monitor(tmp_path_factory) -> Path:
    """Give a folder with the numerics ``rn``: three vital signs, each second, with gaps."""
    folder = tmp_path_factory.mktemp("numerics")
    values = np.array([80, 97, 16]) + np.arange(120)[:, None] % 7
    wfdb.wrsamp(
        "rn", fs=1, units=["bpm", "%", "rpm"], sig_name=["HR", "SpO2", "RR"],
        p_signal=np.where(np.arange(360).reshape(120, 3) % 11 == 0, np.nan, values),
        fmt=["16"] * 3, write_dir=str(folder), adc_gain=[10] * 3, baseline=[0] * 3,
        base_date=date(2150, 2, 3), base_time=time(4, 5, 6),
    )  # fmt: skip
    return folder
