"""The bedside recording that all files are read as: one ECG lead, or the beats of a Holter."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from mimicflow.errors import RecordError
from mimicflow.hrv.beats import Beats
from mimicflow.hrv.clean import LOWEST_RATE_HZ
from mimicflow.reference import reference

VITAL = ".vital"
"""Ending of the files of VitalDB."""

ANNOTATIONS = (".atr", ".ari", ".qrs", ".ecg")
"""Endings of WFDB annotations of beats."""

BEAT_TABLE = ".csv"
"""Ending of tables of beats. A record with none of these endings is a WFDB record."""

UNITS_TO_MV = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "μv": 1e-3, "v": 1e3}
"""Factor to mV by the unit in lower case; both micro signs of Unicode."""

HIGHEST_RATE_HZ = 100_000.0
LONGEST_DAYS = 366
"""No stay is longer: a file that claims more is damaged."""

_PREFIXES = ("ECG_", "ECG ", "EKG_", "EKG ", "LEAD ")  # of lead names, as in SNUADC/ECG_II


@dataclass(frozen=True)
class Recording:
    """A record of a bedside monitor or Holter, from a beginning to an end.

    Parameters
    ----------
    file : Path
        The header or file it was opened by.
    lead : str
        Name of the ECG lead, as the file writes it; empty where only beats are known.
    sampling_rate : float
        Hz at which the lead is stored, or beats are timed.
    n_samples : int
        Length, gaps included.
    start_time : pandas.Timestamp or None
        Naive local time of the first sample; None when the file does not know it.
    """

    file: Path
    lead: str
    sampling_rate: float
    n_samples: int
    start_time: pd.Timestamp | None

    def wrong_segments(self) -> tuple[int, ...]:
        """Return the segments that differ from their headers; all samples of the lead are read.

        Returns
        -------
        tuple of int
            Those whose WFDB checksum or first value is another, counted from 0. Of a file of
            another kind none: it was checked when it was opened.
        """
        return ()

    def without(self, segments: Sequence[int]) -> Self:
        """Return the recording, of which these segments cannot be read any more."""
        return self

    def share_of(self, segments: Sequence[int]) -> float:
        """Return the share of the samples that can be read which lie in these segments."""
        return 0.0

    @property
    def lost_share(self) -> float:
        """Share of the samples of the lead that lie in segments that cannot be read."""
        return 0.0

    @property
    def faulty_files(self) -> list[Path]:
        """The files on which that depends."""
        return []


@dataclass(frozen=True)
class EcgRecording(Recording, ABC):
    """One ECG lead of a record, of which any part can be read."""

    def read(self, first: int, n: int) -> np.ndarray:
        """Read some samples; memory is taken for these only.

        Parameters
        ----------
        first : int
            The first sample wanted; may lie outside the recording.
        n : int
            How many.

        Returns
        -------
        numpy.ndarray
            (n,) float64, mV; NaN where nothing was recorded or outside the recording.

        Raises
        ------
        RecordError
            A file that the samples lie in is missing, truncated or damaged.
        """
        values = np.full(n, np.nan)
        begin, end = max(first, 0), min(first + n, self.n_samples)
        if begin < end:
            self._fill(values[begin - first : end - first], begin)
        return values

    @abstractmethod
    def _fill(self, values: np.ndarray, first: int) -> None:
        """Put the samples from ``first`` on, all inside the recording, into an array of NaN."""


@dataclass(frozen=True)
class BeatRecording(Recording):
    """The beats of a record, as a person or a device has marked them.

    Parameters
    ----------
    beats : Beats
        All of them, from the first sample on.
    """

    beats: Beats


def stem_of(record: str) -> str:
    """Return the name of a record without the ending that says what kind of file it is."""
    for ending in (VITAL, *ANNOTATIONS, BEAT_TABLE):
        if record.lower().endswith(ending):
            return record[: -len(ending)]
    return record


def end_of(start: pd.Timestamp, n_samples: int, sampling_rate: float) -> pd.Timestamp:
    """Return when ``n_samples`` from ``start`` on are over; also for the years that MIMIC uses."""
    microseconds = round(n_samples / sampling_rate * 1e6)
    return start.as_unit("us") + pd.Timedelta(timedelta(microseconds=microseconds)).as_unit("us")


def choose_lead(parts: Sequence[Sequence[str]], wanted: str, file: Path) -> str:
    """Choose the lead that is read; what comes later in a recording never changes the choice.

    Parameters
    ----------
    parts : sequence of sequence of str
        The signals of each part of the recording, in the order of time; of a part, in that of the
        file. The first part that has such a lead decides.
    wanted : str
        A lead in any case, with or without the device or "ECG" in front of it; with its device it
        is that one alone, wherever it is recorded. Empty: the first ECG lead.
    file : Path
        For the message.

    Raises
    ------
    RecordError
        With reason ``no_ecg_lead`` or ``lead_absent``.
    """
    wanted = wanted.strip()
    names = list(dict.fromkeys(name for part in parts for name in part))
    if "/" in wanted and (found := _alike(names, wanted, (str, str.casefold))):
        return found[0]
    for part in parts:
        if wanted:
            found = _alike(part, wanted, (str, str.casefold, _short_name, lead_name))
        else:
            found = [name for name in part if is_ecg_lead(name)]
        if found:
            return found[0]
    leads = ", ".join(name for name in names if is_ecg_lead(name)) or "none"
    signals = f"signals: {', '.join(names) or 'none'}"
    if wanted:
        raise RecordError(
            f"has no lead {wanted!r} (ECG leads: {leads}; {signals})",
            reason="lead_absent",
            file=file,
        )
    raise RecordError(f"has no ECG lead ({signals})", reason="no_ecg_lead", file=file)


def _alike(names: Sequence[str], wanted: str, ways: Sequence[Callable[[str], str]]) -> list[str]:
    """Return the names that are the one wanted, those that are so more closely first."""
    return [name for way in ways for name in names if way(name) == way(wanted)]


def is_ecg_lead(name: str) -> bool:
    """Return whether a signal is an ECG lead, by ``reference/ecg_leads.csv``."""
    return lead_name(name) in _ecg_leads()


def lead_name(name: str) -> str:
    """Return a lead's name in lower case, without the device and "ECG" in front of it."""
    short = _short_name(name)
    for prefix in _PREFIXES:
        if short.startswith(prefix.casefold()):
            return short[len(prefix) :].strip()
    return short


def _short_name(name: str) -> str:
    return name.rpartition("/")[2].strip().casefold()


@lru_cache(maxsize=1)
def _ecg_leads() -> frozenset[str]:
    table = pd.read_csv(reference("ecg_leads.csv"), keep_default_na=False)
    return frozenset(table["lead"].str.casefold())


def unit_factor(unit: str, lead: str, file: Path) -> float:
    """Return what values of a unit are multiplied by to be mV.

    Raises
    ------
    RecordError
        With reason ``units_unknown``.
    """
    factor = UNITS_TO_MV.get(unit.strip().lower())
    if factor is None:
        raise RecordError(
            f"lead {lead} is in {unit!r}, not in mV", reason="units_unknown", file=file
        )
    return factor


def check_size(sampling_rate: float, n_samples: int, file: Path) -> None:
    """Refuse a lead that is too slow, empty, or longer than any stay.

    Raises
    ------
    RecordError
        With reason ``low_rate``, ``unreadable``, ``empty`` or ``huge``.
    """
    if not math.isfinite(sampling_rate) or sampling_rate > HIGHEST_RATE_HZ:
        raise RecordError(f"claims {sampling_rate:g} Hz", reason="unreadable", file=file)
    if sampling_rate < LOWEST_RATE_HZ:
        raise RecordError(
            f"has {sampling_rate:g} Hz, fewer than {LOWEST_RATE_HZ}", reason="low_rate", file=file
        )
    if n_samples <= 0:
        raise RecordError("holds no sample", reason="empty", file=file)
    if n_samples > LONGEST_DAYS * 86400 * sampling_rate:
        raise RecordError(f"claims {n_samples} samples", reason="huge", file=file)
