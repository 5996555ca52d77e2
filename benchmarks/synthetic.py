"""Writing the synthetic hospital: rates per second of one core.

Laboratory rows are drawn, formatted and compressed; ECGs are drawn and written as WFDB records.
The alternatives do the same last steps by the obvious libraries: ``pandas.to_csv`` with gzip, and
``wfdb.wrsamp``. Rates count CPU time, so that a busy machine does not matter.
"""

from __future__ import annotations

import argparse
import gzip
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import wfdb
from _runs import Spent, one_core, show, spent

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


class Rate(NamedTuple):
    """Units of work that were done, and what they took."""

    done: int
    took: Spent

    @property
    def per_second(self) -> float:
        """Units per second of CPU time."""
        return self.done / self.took.cpu


def rate(work: Callable[[], int]) -> Rate:
    """Return how much work is done, and what it takes."""
    done: list[int] = []
    took = spent(lambda: done.append(work()))
    return Rate(*done, took)


def laboratory(folder: Path, n_patients: int) -> tuple[Rate, Rate]:
    """Return the rates of laboratory rows of ours and of pandas."""
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


def electrocardiograms(folder: Path, n_patients: int) -> tuple[Rate, Rate]:
    """Return the rates of records of ours and of wfdb's writer."""
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
    one_core()
    with tempfile.TemporaryDirectory() as folder:
        results = {
            "laboratory rows": (*laboratory(Path(folder), arguments.patients), LAB_BAR),
            "12-lead ECGs": (*electrocardiograms(Path(folder), arguments.ecg_patients), ECG_BAR),
        }
    others = {
        "laboratory rows": ("pandas", "draws the same rows; writes them by to_csv of a data frame"),
        "12-lead ECGs": ("wfdb.wrsamp", "draws the same ECGs; checks every field, writes no date"),
    }
    for what, (ours, alternative, bar) in results.items():
        print(f"{what}, {ours.done:,}")
        show("mimicflow", ours.took, 1)
        name, does = others[what]
        show(name, alternative.took, 1, does)
        print(
            f"{what}: ours {ours.per_second:,.0f}/s/core, {name} "
            f"{alternative.per_second:,.0f}/s/core, "
            f"ratio {ours.per_second / alternative.per_second:.1f}, bar {bar:,}/s/core: "
            f"{'reached' if ours.per_second >= bar else 'MISSED'}"
        )
    return int(any(ours.per_second < bar for ours, _, bar in results.values()))


if __name__ == "__main__":
    sys.exit(main())
