"""Write one stay of the synthetic ICU: its recordings, its rows of the registry, its truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.running.writing import write_parquet
from mimicflow.synthetic.draws import stream
from mimicflow.synthetic.icu.course import oracle_risk, state_at
from mimicflow.synthetic.icu.ecg import Lead, draw_lead, draw_voltage
from mimicflow.synthetic.icu.records import (
    PLETH,
    SECOND_LEAD,
    misstate,
    truncate,
    write_segments,
    write_signals,
    write_wfdb_numerics,
)
from mimicflow.synthetic.icu.rhythm import Heart, State, draw_beats, draw_heart
from mimicflow.synthetic.icu.stays import Recorded, recorded, stay_course
from mimicflow.synthetic.icu.vitals import VITALS, Vitals, draw_numerics, draw_vitals

GRID_S = 300
ABSENT_LEAD = "III"  # recorded in no stay
RAIL_MV = 5.0

Stretch = tuple[dict[str, np.ndarray], pd.DataFrame]
"""Signals by name, and the numerics with their ``second`` since the stay began."""


def write_stay(
    stay: pd.Series, folder: Path, seed: int, permute_labels: bool
) -> tuple[list[dict], pd.DataFrame]:
    """Write the recordings of one stay below ``folder/records``.

    Parameters
    ----------
    stay : Series
        A row of ``draw_stays``.
    folder : Path
        Folder of the registry.
    seed : int
        Seed of every draw.
    permute_labels : bool
        As for ``make_icu``; it concerns the truth only.

    Returns
    -------
    rows : list of dict
        Rows of recordings.csv.
    truth : DataFrame
        stay_id, time, u, risk.
    """
    parts = [] if stay["defect"] == "no_recordings" else recorded(stay, seed)
    course = stay_course(seed, int(stay["number"]), stay["hours"])
    truth = _truth(stay, parts, course, permute_labels)
    if not parts:
        return [], truth
    place = folder / "records" / stay["patient_id"] / stay["stay_id"]
    place.mkdir(parents=True)
    stretches = _draw(stay, parts, course, seed)
    if stay["layout"] == "variable":
        record = place / stay["stay_id"]
        _write_long_record(record, stay, parts, stretches)
        numerics = pd.concat([stretch[1] for stretch in stretches], ignore_index=True)
        file = _write_numerics(record, stay, parts[0], numerics)
        return [_row(stay, parts[0], record, file, folder)], truth
    rows = []
    for number, (part, stretch) in enumerate(zip(parts, stretches, strict=True), start=1):
        record = place / f"{stay['stay_id']}_{number:02d}"
        _write_short_record(record, stay, part, stretch[0], number == 1)
        file = _write_numerics(record, stay, part, stretch[1])
        rows.append(_row(stay, part, record, file, folder))
    return rows, truth


def _truth(
    stay: pd.Series, parts: list[Recorded], course: np.ndarray, permute_labels: bool
) -> pd.DataFrame:
    grids = [np.arange(part.start, part.start + part.seconds, GRID_S) for part in parts]
    second = np.unique(np.concatenate(grids)) if grids else np.zeros(0, np.int64)
    u = state_at(course, second / 3600)
    return pd.DataFrame(
        {
            "stay_id": np.full(len(second), stay["stay_id"], object),
            "time": (stay["intime"] + pd.to_timedelta(second, "s")).astype("datetime64[us]"),
            "u": u,
            "risk": oracle_risk(u, permute_labels),
        }
    ).astype({"stay_id": "string"})


def _draw(stay: pd.Series, parts: list[Recorded], course: np.ndarray, seed: int) -> list[Stretch]:
    """Draw all stretches of one stay, each from a stream of its own."""
    number = int(stay["number"])
    lasting = stream(seed, "icu traits", number)
    heart = draw_heart(lasting, stay["rhythm"], len(course))
    lead = draw_lead(lasting, stay["rhythm"], heart.breaths)
    vitals = draw_vitals(lasting, heart.breaths, len(course))
    made = []
    for part in parts:
        rng = stream(seed, f"icu stretch {part.start}", number)
        made.append(_draw_stretch(rng, stay, part, course, heart, lead, vitals))
    return made


def _draw_stretch(
    rng: np.random.Generator, stay: pd.Series, part: Recorded, course: np.ndarray,
    heart: Heart, lead: Lead, vitals: Vitals,
) -> Stretch:  # fmt: skip
    hour = (part.start + part.seconds / 2) / 3600
    u = float(state_at(course, np.array(hour)))
    now = State(u, *(float(state_at(changes, np.array(hour))) for changes in heart.passing))
    times, origin = draw_beats(rng, heart, now, part.seconds)
    rate = stay["rate"]
    voltage = draw_voltage(rng, lead, times, origin, part.seconds, rate)
    numerics = draw_numerics(rng, vitals, u, hour, times, part.seconds)
    numerics["second"] += part.start
    signals = {stay["lead"]: voltage}
    if stay["pleth"]:
        signals = {PLETH: _pulse(times, part.seconds, rate), **signals}
    return signals, numerics


def _pulse(times: np.ndarray, seconds: int, rate: float) -> np.ndarray:
    """Draw a wave that follows each beat, in NU."""
    clock = np.arange(int(seconds * rate)) / rate
    phase = np.interp(clock - 0.2, times, np.arange(len(times)))
    return np.asarray(0.5 + 0.3 * np.cos(2 * np.pi * (phase - 0.15)), np.float32)


def _write_long_record(
    record: Path, stay: pd.Series, parts: list[Recorded], stretches: list[Stretch]
) -> None:
    """All stretches in one record, null segments between them; the layout changes for the last."""
    segments = []
    for number, (part, (signals, _)) in enumerate(zip(parts, stretches, strict=True), start=1):
        if number == len(parts) > 1:
            signals = {SECOND_LEAD: 0.7 * signals[stay["lead"]], **signals}
        segments.append((int((part.start - parts[0].start) * stay["rate"]), signals))
    write_segments(record, segments, stay["rate"], _header_time(stay, parts[0]), fixed=False)


def _write_short_record(
    record: Path, stay: pd.Series, part: Recorded, signals: dict[str, np.ndarray], first: bool
) -> None:
    """One stretch as a record, with the defect of the stay if it concerns this one."""
    defect, lead = stay["defect"], stay["lead"]
    if defect == "missing" and first:
        return
    if defect == "no_ecg_lead":
        signals = {PLETH: signals[PLETH]}
    elif defect == "constant" and first:
        signals = {**signals, lead: np.full_like(signals[lead], 0.25)}
    elif defect == "nan_runs" and first:
        signals = {**signals, lead: _with_missing_runs(signals[lead], stay["rate"])}
    elif defect == "saturated" and first:
        signals = {**signals, lead: _at_the_rail(signals[lead], stay["rate"])}
    time = _header_time(stay, part)
    if stay["layout"] == "fixed":
        middle = int(part.seconds // 3 * stay["rate"])
        segments = [
            (first, {name: x[first:last] for name, x in signals.items()})
            for first, last in ((0, middle), (middle, None))
        ]
        write_segments(record, segments, stay["rate"], time, fixed=True)
    else:
        write_signals(record, signals, stay["rate"], time)
    if defect == "truncated" and first:
        truncate(record)
    elif defect == "other_header" and first:
        misstate(record)


def _with_missing_runs(voltage: np.ndarray, rate: float) -> np.ndarray:
    """Take away 20 s of every minute."""
    second = np.arange(len(voltage)) / rate
    return np.asarray(np.where(second % 60 < 20, np.nan, voltage))


def _at_the_rail(voltage: np.ndarray, rate: float) -> np.ndarray:
    """Hold 4 s of every minute at the limit of the amplifier."""
    second = np.arange(len(voltage)) / rate
    return np.asarray(np.where(second % 60 < 4, RAIL_MV, voltage))


def _write_numerics(record: Path, stay: pd.Series, part: Recorded, numerics: pd.DataFrame) -> Path:
    """Write the numbers of one record, as the stay has them; return the file or WFDB record."""
    began = stay["intime"] + pd.Timedelta(part.start, "s")
    if stay["numerics"] == "wfdb":
        shifted = numerics.assign(second=numerics["second"] - part.start)
        write_wfdb_numerics(record, shifted, began)
        return record.with_name(f"{record.name}n")
    time = stay["intime"] + pd.to_timedelta(numerics["second"], "s")
    shown = pd.DataFrame({"time": time.astype("datetime64[us]"), **numerics[list(VITALS)]})
    file = record.with_name(f"{record.name}.numerics.parquet")
    write_parquet(shown, file)
    return file


def _header_time(stay: pd.Series, part: Recorded) -> pd.Timestamp | None:
    return stay["intime"] + pd.Timedelta(part.start, "s") if stay["stamped"] else None


def _row(
    stay: pd.Series, part: Recorded, record: Path, numerics: Path, folder: Path
) -> dict[str, str]:
    start = stay["intime"] + pd.Timedelta(part.start, "s")
    named = stay["numerics"] != "unnamed"
    lead = stay["lead"] if stay["named"] else ""
    if stay["defect"] == "lead_absent":
        lead = ABSENT_LEAD
    return {
        "patient_id": stay["patient_id"],
        "stay_id": stay["stay_id"],
        "record": record.relative_to(folder).as_posix(),
        "start_time": start.isoformat() if stay["timed"] else "",
        "ecg_lead": lead,
        "monitor": stay["monitor"],
        "numerics": numerics.relative_to(folder).as_posix() if named else "",
    }
