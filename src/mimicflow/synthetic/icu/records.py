"""Write WFDB records of monitor leads, in the layouts of MIMIC, and the numbers beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import wfdb

from mimicflow.synthetic.icu.vitals import PERIOD_S, VITALS

FORMAT = "516"  # 16-bit in FLAC, as MIMIC-IV's waveforms are
UNITS_PER_MV = 100
PLETH = "PLETH"
SECOND_LEAD = "aVF"

_NUMERIC_NAMES = dict(
    zip(VITALS, ("HR", "ABPSys", "ABPDias", "ABPMean", "SpO2", "RESP"), strict=True)
)
_NUMERIC_UNITS = ("bpm", "mmHg", "mmHg", "mmHg", "%", "pm")
_PER_UNIT = 10  # of numerics


def write_signals(
    path: Path,
    signals: dict[str, np.ndarray],
    rate: float,
    start: pd.Timestamp | None,
) -> None:
    """Write a record of one segment.

    Parameters
    ----------
    path : Path
        Record without extension; its folder exists.
    signals : dict
        Name -> samples, shape (n,), in mV (PLETH in NU); NaN where missing.
    rate : float
        Hz.
    start : Timestamp or None
        Time that the header gives, if any.
    """
    wfdb.wrsamp(
        path.name,
        fs=rate,
        units=["NU" if name == PLETH else "mV" for name in signals],
        sig_name=list(signals),
        p_signal=np.stack(list(signals.values()), axis=1).astype(np.float64),
        fmt=[FORMAT] * len(signals),
        adc_gain=[float(UNITS_PER_MV)] * len(signals),
        baseline=[0] * len(signals),
        base_datetime=None if start is None else start.to_pydatetime(),
        write_dir=str(path.parent),
    )


def write_segments(
    path: Path,
    segments: list[tuple[int, dict[str, np.ndarray]]],
    rate: float,
    start: pd.Timestamp | None,
    fixed: bool,
) -> None:
    """Write a record of several segments, with null segments where nothing was recorded.

    Parameters
    ----------
    path : Path
        Record without extension; segments are named after it.
    segments : list
        First sample of each segment in the record, and its signals as for ``write_signals``.
    rate : float
        Hz.
    start : Timestamp or None
        Time that the header gives, if any.
    fixed : bool
        All segments have the same signals and follow each other without gaps; otherwise the record
        has a layout segment.
    """
    names: list[str] = []
    for _, signals in segments:
        names += [name for name in signals if name not in names]
    lines, done = [], 0
    if not fixed:
        lines.append(f"{path.name}_layout 0")
        layout = [f"~ 0 {UNITS_PER_MV}(0)/mV 16 0 0 0 0 {name}" for name in names]
        _write_header(f"{path}_layout.hea", [f"{path.name}_layout {len(names)} {rate:g} 0"], layout)
    for number, (first, signals) in enumerate(segments, start=1):
        n = len(next(iter(signals.values())))
        if first > done:
            lines.append(f"~ {first - done}")
        segment = path.with_name(f"{path.name}_{number:04d}")
        write_signals(segment, signals, rate, None)
        lines.append(f"{segment.name} {n}")
        done = first + n
    time = "" if start is None else f" {start:%H:%M:%S %d/%m/%Y}"
    top = f"{path.name}/{len(lines)} {len(names)} {rate:g} {done}{time}"
    _write_header(f"{path}.hea", [top], lines)


def write_wfdb_numerics(path: Path, numerics: pd.DataFrame, start: pd.Timestamp) -> None:
    """Write ``<record>n`` with MIMIC's names; stretches in which nothing was shown are missing.

    Parameters
    ----------
    path : Path
        Record to which the numbers belong, without extension.
    numerics : DataFrame
        ``second`` since the record began, and ``VITALS``.
    start : Timestamp
        When the record began.
    """
    rows = numerics["second"].to_numpy() // PERIOD_S
    values = np.full((int(rows[-1]) + 1, len(VITALS)), np.nan)
    values[rows] = numerics[list(VITALS)].to_numpy(np.float64)
    wfdb.wrsamp(
        f"{path.name}n",
        fs=1 / PERIOD_S,
        units=list(_NUMERIC_UNITS),
        sig_name=[_NUMERIC_NAMES[name] for name in VITALS],
        p_signal=values,
        fmt=["16"] * len(VITALS),
        adc_gain=[float(_PER_UNIT)] * len(VITALS),
        baseline=[0] * len(VITALS),
        base_datetime=start.to_pydatetime(),
        write_dir=str(path.parent),
    )


def truncate(path: Path) -> None:
    """Cut the samples of a record of one segment off after a third."""
    samples = path.with_suffix(".dat")
    samples.write_bytes(samples.read_bytes()[: samples.stat().st_size // 3])


def misstate(path: Path) -> None:
    """Give a record of one segment a header with the checksums and first values of another."""
    header = path.with_suffix(".hea")
    first, *lines = header.read_text(encoding="ascii").splitlines()
    for place, line in enumerate(lines):
        fields = line.split(" ")
        fields[5:7] = [str(int(number) + 1) for number in fields[5:7]]
        lines[place] = " ".join(fields)
    _write_header(str(header), [first], lines)


def _write_header(path: str, top: list[str], lines: list[str]) -> None:
    Path(path).write_text("\n".join([*top, *lines]) + "\n", encoding="ascii")
