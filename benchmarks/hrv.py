"""43 measures of a 5-minute epoch, from the ECG on: ours against plain NeuroKit2, on one core.

Filter, R peaks, quality and measures of real epochs at 250 Hz from MIMICFLOW_SHARED_DATA, else of
simulated ones. Plain is ``ecg_clean``, ``ecg_peaks``, ``ecg_quality`` and ``hrv``, which also
computes its entropies; how many measures more is counted and printed.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path

import neurokit2
import numpy as np
import pandas as pd
import wfdb
from _runs import REPOSITORY, Spent, in_turn, one_core, show, verdict

from mimicflow.ecg.clean import resample
from mimicflow.hrv.epochs import measure_epoch
from mimicflow.hrv.measures import MEASURES
from mimicflow.hrv.preprocessing import PUBLISHED, Preprocessing, Quality

BAR_MS = 15.0
BAR_RATIO = 30.0
RATE = 250
EPOCH_S = 300
POWERLINE = 60
# record, lead and start in s of the first of its epochs, how many are used
RECORDS = (
    ("mitdb/100", "MLII", 0, 3),
    ("cpsc2021/data_84_1", "II", 0, 1),
    ("cpsc2021/data_92_19", "II", 0, 1),
    ("multi-segment/s25047/3234460_0016", "II", 1715, 1),
    ("multi-segment/s00001/3975656_0005", "MCL1", 0, 3),
    ("multi-segment/s00001/3975656_0006", "V", 0, 3),
)
AS_NEUROKIT = replace(PUBLISHED, powerline=POWERLINE, quality=Quality("average_qrs", 0.9, -1))
WHOLE = Preprocessing(powerline=POWERLINE, quality=Quality(good_share=-1), correct_artifacts=True)


def read_epochs(folder: Path) -> list[np.ndarray]:
    """Real epochs at 250 Hz, (75,000,) mV each, without a gap."""
    epochs = []
    for record, lead, start, n in RECORDS:
        rate = wfdb.rdheader(str(folder / record)).fs
        samples = wfdb.rdrecord(
            str(folder / record), sampfrom=start * rate, sampto=(start + n * EPOCH_S) * rate,
            channel_names=[lead],
        )  # fmt: skip
        for signal in samples.p_signal.reshape(n, EPOCH_S * rate):
            epochs.append(np.ascontiguousarray(resample(signal, rate, RATE)))
    return epochs


def simulate_epochs(n: int) -> list[np.ndarray]:
    """Epochs at 250 Hz, (75,000,) mV each, that NeuroKit2 draws."""
    return [
        neurokit2.ecg_simulate(
            duration=EPOCH_S, sampling_rate=RATE, heart_rate=60 + 5 * seed, random_state=seed
        )
        for seed in range(n)
    ]


def ours(ecg: np.ndarray) -> np.ndarray:
    """Measure with mimicflow, by NeuroKit2's own methods: (43,)."""
    return measure_epoch(ecg, RATE, AS_NEUROKIT).measures


def default(ecg: np.ndarray) -> np.ndarray:
    """Measure with mimicflow's own detector and rule, beats aligned and corrected: (43,)."""
    return measure_epoch(ecg, RATE, WHOLE).measures


def alternative(ecg: np.ndarray) -> pd.Series:
    """Measure with NeuroKit2 as its documentation does: all that it measures, by name."""
    cleaned = neurokit2.ecg_clean(ecg, sampling_rate=RATE, powerline=POWERLINE)
    _, info = neurokit2.ecg_peaks(cleaned, sampling_rate=RATE)
    neurokit2.ecg_quality(cleaned, rpeaks=info["ECG_R_Peaks"], sampling_rate=RATE)
    row = neurokit2.hrv(info["ECG_R_Peaks"], sampling_rate=RATE).iloc[0]
    return row.rename(lambda name: name.removeprefix("HRV_"))


def largest_difference(epochs: list[np.ndarray], measured: list[pd.Series]) -> float:
    """Largest relative difference over all epochs and measures; infinite where NaN differ."""
    mine = np.array([ours(ecg) for ecg in epochs])
    theirs = np.array([row[list(MEASURES)].to_numpy(dtype=float) for row in measured])
    if not np.array_equal(np.isnan(mine), np.isnan(theirs)):
        return np.inf
    apart = np.abs(mine - theirs)
    return float(np.nanmax(np.where(apart == 0, 0, apart / np.where(theirs, np.abs(theirs), 1))))


def main() -> int:
    """Print both, the ratio and the bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="passes over the epochs")
    repeats = parser.parse_args().repeats
    one_core()
    shared = Path(os.environ.get("MIMICFLOW_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    folder = shared / "ecg-long"
    real = folder.is_dir()
    epochs = read_epochs(folder) if real else simulate_epochs(8)
    with warnings.catch_warnings():  # NeuroKit2 advises on long-term indices that are not ours
        warnings.simplefilter("ignore", neurokit2.misc.NeuroKitWarning)
        measured = [alternative(ecg) for ecg in epochs]
        difference = largest_difference(epochs, measured)
        tasks = [partial(method, ecg) for method in (ours, default, alternative) for ecg in epochs]
        best = np.array(in_turn(tasks, repeats)).reshape(3, len(epochs), 2)
    mine, whole, plain = (Spent(*of) for of in best.mean(axis=1).tolist())
    ratio = plain.wall / mine.wall
    further = measured[0].index.difference(list(MEASURES))
    unknown = int(pd.DataFrame(measured)[further].isna().all().sum())
    slowest = best[:2, :, 0].max(axis=1) * 1e3
    print(f"filter, R peaks, quality and 43 measures of 5 minutes at {RATE} Hz, one core")
    print(
        f"({len(epochs)} {'real' if real else 'simulated'} epochs, mean of the best of {repeats})"
    )
    show("mimicflow", mine, 1)
    show(
        "mimicflow by default", whole, 1,
        "finds beats by another rule, aligns them between samples, corrects artefacts",
    )  # fmt: skip
    show(
        "NeuroKit2", plain, 1,
        f"{len(further)} further measures, as entropies and fractal dimensions ({unknown} of them "
        "NaN in 5 minutes), the quality by data frames and for every sample; no look at lost "
        "signal, asystole or fibrillation",
    )  # fmt: skip
    print(f"  slowest epoch {slowest[0]:.2f} ms, by default {slowest[1]:.2f} ms")
    print(f"  ratio {ratio:.1f} x  (bar: at least {BAR_RATIO:g} x)")
    print(f"  largest relative difference {difference:.1e}")
    met = verdict("mimicflow, mean of the epochs, wall", mine.wall * 1e3, BAR_MS, "ms")
    met &= verdict("mimicflow by default, the same", whole.wall * 1e3, BAR_MS, "ms")
    return 0 if met and ratio >= BAR_RATIO and difference <= 1e-6 else 1


if __name__ == "__main__":
    sys.exit(main())
