"""Draw who lies in the synthetic ICU, what happens to whom, and what is wrong with whose data."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from mimicflow.synthetic.draws import stream
from mimicflow.synthetic.icu.course import arrest_hour, draw_course

_DEFECTS_OF_STAYS = (
    "no_ecg_lead",
    "lead_absent",
    "low_rate",
    "constant",
    "nan_runs",
    "truncated",
    "missing",
    "no_start_time",
    "overlapping",
    "no_recordings",
    "unlisted",
    "minor",
    "other_icu",
    "arrest_before_record",
    "arrest_of_unknown_time",
    "two_arrests",
)
_DEFECTS_OF_SAMPLES = ("saturated", "other_header")
DEFECTS = (*_DEFECTS_OF_STAYS, *_DEFECTS_OF_SAMPLES)
"""What can be wrong with a stay; the names of ``draw_stays``."""

FEWEST_FOR_ALL_DEFECTS = 100
"""From so many stays on each defect is there at least once."""

WINDOW_H = (24.0, 0.5)
"""The recordings of a stay are spread from so many hours before its anchor to so many."""

_OF_EVENTS, _OF_CONTROLS = ("two_arrests",), ("arrest_before_record", "arrest_of_unknown_time")
_FIRST_PATIENT, _FIRST_STAY = 11_000_000, 31_000_000
_SECOND_STAY_SHARE = 0.15
_DEATH_SHARE, _LIMITS_SHARE = 0.06, 0.08  # of stays without an arrest
_LIMITED_DEATHS = 0.6  # share of those deaths that a limit of treatment comes before
_MEAN_LENGTH_H, _LENGTH_H = 140.0, (30.0, 600.0)
_MONITORS = (("IntelliVue", 0.6), ("Solar8000M", 0.4))
_LEADS = (("II", 0.75), ("V", 0.1), ("MCL1", 0.1), ("I", 0.05))
_LAYOUTS = (("single", 0.7), ("variable", 0.15), ("fixed", 0.15))
_TIMES = ((True, True), (True, False), (False, True))
_RATES = ((250, 0.94), (500, 0.03), (125, 0.03))
_NUMERICS = (("parquet", 0.8), ("wfdb", 0.1), ("unnamed", 0.1))
_RHYTHMS = (("sinus", 0.88), ("fibrillation", 0.08), ("paced", 0.04))


@dataclass(frozen=True)
class Recorded:
    """One stretch of time from which samples exist, in whole seconds since the stay began."""

    start: int
    seconds: int


def draw_stays(n_patients: int, seed: int, dirt: float, permute_labels: bool) -> pd.DataFrame:
    """Draw all stays, in order of their ids.

    What a stay is like depends on the seed and its own number only; permuted labels and defects
    depend on the other stays too.

    Parameters
    ----------
    n_patients : int
        Some of them have two stays.
    seed : int
        Seed of every draw.
    dirt : float
        Share of stays with each of ``DEFECTS``.
    permute_labels : bool
        Shuffle over the stays who arrests, and after which share of the stay.

    Returns
    -------
    DataFrame
        patient_id, stay_id, number (for random streams), age, sex, icu, monitor, lead, named
        (the registry names the lead), timed (it gives the time of the start), stamped (the header
        gives it), pleth (a pulse wave is recorded too), layout, numerics, rate (Hz), rhythm,
        intime, hours (planned length), cpr_h and anchor_h (since intime; cpr_h is NaN in
        controls), outtime, death_time and limits_time (NaT for none), defect ("" for none).
    """
    rows = [row for patient in range(n_patients) for row in _patient(seed, patient)]
    stays = pd.DataFrame(rows)
    stays["stay_id"] = [str(_FIRST_STAY + number) for number in stays["number"]]
    if permute_labels:
        order = stream(seed, "icu permutation").permutation(len(stays))
        stays["arrest_share"] = stays["arrest_share"].to_numpy()[order]
    stays["cpr_h"] = stays.pop("arrest_share") * stays["hours"]
    stays["anchor_h"] = stays["cpr_h"].fillna(stays.pop("control_anchor_h"))
    leaves = np.fmin(stays["hours"], stays["cpr_h"] + stays.pop("hours_after_arrest"))
    stays["outtime"] = stays["intime"] + pd.to_timedelta(
        (leaves * 3600).round().astype("int64"), "s"
    ).astype("timedelta64[us]")
    stays = stays.assign(**_draw_ends(stays, seed))
    stays["defect"] = _draw_defects(stays["cpr_h"].notna().to_numpy(), seed, dirt)
    return _show_defects(stays, seed)


def _draw_ends(stays: pd.DataFrame, seed: int) -> dict[str, pd.Series]:
    """Draw who dies in the stay and whose treatment is limited, and when.

    A stay that an arrest has shortened ends with death; of the others some die without
    resuscitation. Each stay has a stream of its own, so that nothing else moves.
    """
    deaths, limits = [], []
    for stay in stays.itertuples():
        rng = stream(seed, "icu ends", int(stay.number))
        dies, limited, share = rng.random(3)
        arrested = not np.isnan(stay.cpr_h)
        left_early = stay.outtime < stay.intime + pd.Timedelta(stay.hours, "h").floor("s")
        died = left_early if arrested else dies < _DEATH_SHARE
        limit = limited < (_LIMITED_DEATHS if died else _LIMITS_SHARE) and not arrested
        length = stay.outtime - stay.intime
        deaths.append(stay.outtime if died else pd.NaT)
        limits.append((stay.intime + share * length).floor("min") if limit else pd.NaT)
    return {
        name: pd.Series(times, stays.index, "datetime64[us]")
        for name, times in (("death_time", deaths), ("limits_time", limits))
    }


def stay_course(seed: int, number: int, hours: float) -> np.ndarray:
    """Draw the hidden course of one stay again, always the same."""
    return draw_course(stream(seed, "icu course", number), hours)


def recorded(stay: pd.Series, seed: int) -> list[Recorded]:
    """Say when the monitor of a stay was recorded, in order of time.

    Stretches of 10 to 20 minutes lie around the anchor in the same way whether it is an arrest or
    not; some stays have one more stretch on either side of the window. Where all stretches belong
    to one record, they begin whole epochs after each other, so that few samples are lost.

    Parameters
    ----------
    stay : Series
        A row of ``draw_stays``.
    seed : int
        Seed of every draw.

    Returns
    -------
    list of Recorded
    """
    rng = stream(seed, "icu recordings", int(stay["number"]))
    full = rng.integers(5, 7)
    begins = max(0.0, stay["anchor_h"] - WINDOW_H[0])
    ends = max(stay["anchor_h"] - WINDOW_H[1], begins + 0.2)
    n = max(1, round(full * (ends - begins) / (WINDOW_H[0] - WINDOW_H[1])))
    edges = np.linspace(begins, ends, n + 1) * 3600
    found = [_within(rng, *pair) for pair in pairwise(edges)]
    earlier, later = rng.random(2) < 0.15
    if stay["layout"] == "variable":
        return _on_one_grid(found)
    if earlier and begins > 8:
        found.insert(0, _within(rng, (begins - 8) * 3600, begins * 3600 - 60))
    if later:
        start = (ends + 0.1) * 3600
        found.append(_within(rng, start, start + 1800))
    if stay["defect"] == "overlapping":
        second = found[min(1, len(found) - 1)]
        found.insert(found.index(second) + 1, Recorded(second.start + 240, second.seconds))
    if stay["defect"] == "arrest_before_record":
        found = [part for part in found if part.start / 3600 > stay["cpr_h"]]
    return found


def _on_one_grid(parts: list[Recorded]) -> list[Recorded]:
    """Let stretches begin whole epochs after the first one: each a little earlier."""
    first = parts[0].start
    return [Recorded(first + (part.start - first) // 300 * 300, part.seconds) for part in parts]


def _within(rng: np.random.Generator, begins: float, ends: float) -> Recorded:
    """Put a stretch of two to four epochs, and a bit, somewhere between two times in seconds."""
    seconds = min(int(rng.integers(2, 5)) * 300 + int(rng.integers(0, 60)), int(ends - begins) - 1)
    latest = int(ends) - seconds
    start = int(np.ceil(begins)) + int(rng.random() * max(latest - np.ceil(begins), 0))
    return Recorded(start, seconds)


def _patient(seed: int, patient: int) -> list[dict]:
    """Draw one patient's stays; the second begins months after the first."""
    rng = stream(seed, "icu patient", patient)
    fixed = {
        "patient_id": str(_FIRST_PATIENT + patient),
        "sex": _one_of(rng, (("F", 0.45), ("M", 0.55))),
        "rhythm": _one_of(rng, _RHYTHMS),
    }
    age = round(float(np.clip(rng.normal(65, 15), 18, 95)))
    intime = pd.Timestamp("2150-01-01") + pd.Timedelta(int(rng.integers(0, 10 * 365 * 86400)), "s")
    months = rng.integers(60, 360)
    stays = [
        {**fixed, "number": 2 * patient + which, **_stay(seed, 2 * patient + which)}
        for which in range(1 + int(rng.random() < _SECOND_STAY_SHARE))
    ]
    for which, stay in enumerate(stays):
        stay["age"] = age
        stay["intime"] = intime + which * pd.Timedelta(int(months), "D")
    return stays


def _stay(seed: int, number: int) -> dict:
    rng = stream(seed, "icu stay", number)
    hours = float(np.clip(rng.gamma(2.0, _MEAN_LENGTH_H / 2), *_LENGTH_H))
    survived = rng.random() < 0.45
    return {
        "icu": _one_of(rng, (("MICU", 0.5), ("SICU", 0.5))),
        "monitor": _one_of(rng, _MONITORS),
        "lead": _one_of(rng, _LEADS),
        "named": bool(rng.random() < 0.7),
        **dict(zip(("timed", "stamped"), _TIMES[rng.choice(3, p=(0.7, 0.15, 0.15))], strict=True)),
        "pleth": bool(rng.random() < 0.04),
        "layout": _one_of(rng, _LAYOUTS),
        "numerics": _one_of(rng, _NUMERICS),
        "rate": float(_one_of(rng, _RATES)),
        "hours": hours,
        "arrest_share": arrest_hour(rng, stay_course(seed, number, hours)) / hours,
        "control_anchor_h": float(rng.uniform(24, hours - 1)),
        "hours_after_arrest": np.inf if survived else float(rng.uniform(1, 30)),
    }


def _one_of(rng: np.random.Generator, choices: tuple) -> str:
    values, weights = zip(*choices, strict=True)
    return str(values[rng.choice(len(values), p=weights)])


def _draw_defects(arrests: np.ndarray, seed: int, dirt: float) -> np.ndarray:
    """Give each defect to its share of the stays, one per stay, never to more than a third.

    Those of the samples come last and from a stream of their own: a defect more of that kind
    moves none of the others, hence nobody's arrest.
    """
    found = np.full(len(arrests), "", object)
    if dirt <= 0:
        return found
    for name, defects in (
        ("icu defects", _DEFECTS_OF_STAYS),
        ("icu defects of samples", _DEFECTS_OF_SAMPLES),
    ):
        _give_defects(found, defects, arrests, stream(seed, name), dirt)
    return found


def _give_defects(
    found: np.ndarray,
    defects: tuple[str, ...],
    arrests: np.ndarray,
    rng: np.random.Generator,
    dirt: float,
) -> None:
    """Give each of some defects to its share of the stays that have none yet, in place."""
    n = len(found)
    each = max(int(n >= FEWEST_FOR_ALL_DEFECTS), round(dirt * n))
    rounds = np.concatenate([np.array([], str), *(rng.permutation(defects) for _ in range(each))])
    for defect in rounds[: n // 3 - np.count_nonzero(found)]:
        free = found == ""
        if defect in _OF_EVENTS:
            free &= arrests
        elif defect in _OF_CONTROLS:
            free &= ~arrests
        if free.any():
            found[rng.choice(np.flatnonzero(free))] = defect


def _show_defects(stays: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Let the defects that concern the stay as a whole be seen in its columns."""
    rng = stream(seed, "icu defects shown")
    stays = stays.copy()
    age, number = rng.integers(14, 18, len(stays)), rng.integers(0, 2, len(stays))
    defect = stays["defect"]
    stays["age"] = np.where(defect == "minor", age, stays["age"])
    stays["icu"] = np.where(defect == "other_icu", np.array(["CCU", "CVICU"])[number], stays["icu"])
    stays["layout"] = stays["layout"].where(defect == "", "single")
    stays["rate"] = np.where(defect == "low_rate", 62.5, stays["rate"])
    stays["pleth"] |= defect == "no_ecg_lead"
    stays["named"] &= defect != "no_ecg_lead"  # else the named one would be missed first
    stays[["timed", "stamped"]] &= (defect != "no_start_time").to_numpy()[:, None]
    early = defect == "arrest_before_record"
    stays["cpr_h"] = stays["cpr_h"].mask(early, stays["anchor_h"] - WINDOW_H[0] / 2)
    return stays
