"""Writing the synthetic hospital: rates per second of one core.

Laboratory rows are drawn, formatted and compressed; ECGs are drawn and written as WFDB records.
The alternatives do the same last steps by the obvious libraries: ``pandas.to_csv`` with gzip, and
``wfdb.wrsamp``. Rates count the CPU time of this process, so that a busy machine does not matter.
"""

from __future__ import annotations

import argparse
import gzip
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import wfdb

from mimicflow.raw.tables import TABLES
from mimicflow.synthetic.cardiology import ecg_parameters
from mimicflow.synthetic.courses import draw_moments
from mimicflow.synthetic.draws import stream
from mimicflow.synthetic.electrocardiogram import LEADS, draw_waveform
from mimicflow.synthetic.laboratory import labevents
from mimicflow.synthetic.population import draw_chunk
from mimicflow.synthetic.visits import draw_visits
from mimicflow.synthetic.waveforms import write_record
from mimicflow.synthetic.writing import csv_rows

LAB_BAR = 300_000
ECG_BAR = 300


def rate(work: Callable[[], int]) -> float:
    """Return units of work per second of CPU time."""
    start = time.process_time()
    done = work()
    return done / (time.process_time() - start)


def laboratory(folder: Path, n_patients: int) -> tuple[float, float]:
    """Return rows per second of ours and of pandas."""
    chunk = draw_chunk(0, 0, n_patients)
    visits = draw_visits(chunk)

    def ours() -> int:
        columns = labevents(chunk, visits)
        with gzip.open(folder / "ours.csv.gz", "wb", 1) as stream_of_rows:
            stream_of_rows.write(csv_rows(TABLES["hosp/labevents"], columns))
        return len(columns["labevent_id"])

    def pandas() -> int:
        columns = labevents(chunk, visits)
        frame = pa.table({name: pa.array(values) for name, values in columns.items()}).to_pandas()
        for name in ("charttime", "storetime"):
            frame[name] = pd.to_datetime(frame[name], unit="s")
        frame.to_csv(
            folder / "pandas.csv.gz",
            index=False,
            compression={"method": "gzip", "compresslevel": 1},
        )
        return len(frame)

    ours()  # vocabularies are read once
    return rate(ours), rate(pandas)


def electrocardiograms(folder: Path, n_patients: int) -> tuple[float, float]:
    """Return records per second of ours and of wfdb's writer."""
    chunk = draw_chunk(0, 0, n_patients)
    ecgs = list(ecg_parameters(chunk, draw_visits(chunk), draw_moments(chunk)).itertuples())

    def ours() -> int:
        for ecg in ecgs:
            rng = stream(0, "waveform", int(ecg.study_id))
            path = folder / f"s{ecg.study_id}" / str(ecg.study_id)
            write_record(path, ecg, draw_waveform(ecg, rng), "", rng)
        return len(ecgs)

    def library() -> int:
        for ecg in ecgs:
            signal = draw_waveform(ecg, stream(0, "waveform", int(ecg.study_id)))
            wfdb.wrsamp(
                str(ecg.study_id), 500, ["mV"] * 12, list(LEADS), signal.T.astype(np.float64),
                fmt=["16"] * 12, adc_gain=[200.0] * 12, baseline=[0] * 12, write_dir=str(folder),
            )  # fmt: skip
        return len(ecgs)

    return rate(ours), rate(library)


def main() -> int:
    """Print the rates; return 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=1000, help="patients of the lab rows")
    parser.add_argument("--ecg-patients", type=int, default=250, help="patients of the ECGs")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = {
            "laboratory rows": (*laboratory(Path(folder), arguments.patients), LAB_BAR, "pandas"),
            "12-lead ECGs": (
                *electrocardiograms(Path(folder), arguments.ecg_patients), ECG_BAR, "wfdb.wrsamp",
            ),
        }  # fmt: skip
    for what, (ours, alternative, bar, name) in results.items():
        print(
            f"{what}: ours {ours:,.0f}/s/core, {name} {alternative:,.0f}/s/core, "
            f"ratio {ours / alternative:.1f}, bar {bar:,}/s/core: "
            f"{'reached' if ours >= bar else 'MISSED'}"
        )
    return int(any(ours < bar for ours, _, bar, _ in results.values()))


if __name__ == "__main__":
    sys.exit(main())
