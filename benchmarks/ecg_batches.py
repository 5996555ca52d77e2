"""Read training batches from the waveform store, on one core.

Against the step of training that uses the batch, and against decoding and cleaning the records
anew in each pass (with our own decoder, the faster one).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _runs import Spent, one_core, show, spent
from ecg_cleaning import write_records

from mimicflow.ecg.clean import clean_ecg, fit_length, resample
from mimicflow.ecg.records import read_record
from mimicflow.ecg.reports import vocabulary
from mimicflow.ecg.resnet import PretrainingModel, ResNet1d
from mimicflow.ecg.store import WaveformStore, build_ecg_store
from mimicflow.ecg.targets import MEASUREMENTS

SHARE_BAR, RATIO_BAR = 0.05, 50.0
SECONDS = 10


def build(folder: Path, n: int, sampling_rate: int) -> WaveformStore:
    """Write ``n`` records and store them."""
    write_records(folder, n)
    numbers = np.arange(n)
    times = pd.Timestamp("2150-01-01") + pd.to_timedelta(numbers, unit="h")
    listed = {"subject_id": numbers, "study_id": numbers, "ecg_time": times}
    record_list = folder / "record_list.parquet"
    pd.DataFrame({**listed, "path": numbers.astype(str)}).to_parquet(record_list)
    outputs = [folder / name for name in ("0.npy", "0.parquet", "0.excluded.parquet")]
    build_ecg_store(folder, record_list, *outputs, sampling_rate=sampling_rate, seconds=SECONDS)
    return WaveformStore(outputs[:1], outputs[1:2])


def decode(folder: Path, studies: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Make the same batch from the record files."""
    batch = np.empty((len(studies), 12, sampling_rate * SECONDS), dtype=np.float32)
    for place, study in enumerate(studies):
        record = read_record(folder, str(study))
        cleaned = clean_ecg(record.signals, record.sampling_rate)
        cleaned = resample(cleaned, record.sampling_rate, sampling_rate)
        batch[place] = fit_length(cleaned, batch.shape[-1])
    return batch


def training_step(width: int) -> Callable[[np.ndarray], None]:
    """Make the step of pretraining: forwards, backwards, update."""
    model = PretrainingModel(ResNet1d(width), len(vocabulary()), len(MEASUREMENTS))
    optimiser = torch.optim.Adam(model.parameters())

    def step(batch: np.ndarray) -> None:
        labels, measurements = model(torch.from_numpy(batch))
        loss = labels.square().mean() + measurements.square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


def median(action: Callable[[np.ndarray], object], batches: list[np.ndarray]) -> Spent:
    """Return the median of what an action takes on each batch, the first one to warm up."""
    action(batches[0])
    runs = [spent(partial(action, batch)) for batch in batches]
    return Spent(*np.median(runs, axis=0).tolist())


def main() -> int:
    """Print the share of the step time, the ratio to decoding, and the bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=320)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--sampling-rate", type=int, default=100, help="Hz of the store")
    parser.add_argument("--width", type=int, default=16, help="of the encoder")
    options = parser.parse_args()
    one_core()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        store = build(folder, options.records, options.sampling_rate)
        shuffled = np.random.default_rng(0).permutation(store.study_ids)
        studies = [
            shuffled[start : start + options.batch_size]
            for start in range(0, options.records, options.batch_size)
        ]
        read = median(store.read, studies)
        again = median(lambda some: decode(folder, some, options.sampling_rate), studies)
        step = median(training_step(options.width), [store.read(s)[0] for s in studies])
    share, ratio = read.wall / step.wall, again.wall / read.wall
    print(
        f"batch of {options.batch_size} ECGs at {options.sampling_rate} Hz "
        f"({options.records} records, encoder of width {options.width}, one core)"
    )
    show("read from the store", read, 1)
    show(
        "decode and clean again", again, 1,
        "reads, cleans and resamples every record, which the store did once; building the store "
        "does not count",
    )  # fmt: skip
    show("step of training", step, 1, "forwards, backwards and update, on a batch already read")
    print(f"  read / step   {share:9.2%}     (bar: at most {SHARE_BAR:.0%})")
    print(f"  decode / read {ratio:9.1f} x   (bar: at least {RATIO_BAR:g} x)")
    return 0 if share <= SHARE_BAR and ratio >= RATIO_BAR else 1


if __name__ == "__main__":
    sys.exit(main())
