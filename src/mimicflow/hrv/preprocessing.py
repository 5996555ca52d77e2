"""Say how an epoch becomes beats: rates, detector, quality; what the configuration holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from mimicflow.errors import ConfigError
from mimicflow.hrv.beats import Beats
from mimicflow.hrv.peaks import Detector

QUALITY_METHODS = ("similar_beats", "average_qrs")


@dataclass(frozen=True)
class Quality:
    """When an epoch is kept.

    Parameters
    ----------
    method : {"similar_beats", "average_qrs"}
        What the index of a beat is: its likeness to others of the epoch, or, as published, how
        close it is to their mean beside the furthest one.
    good_index : float
        The least index of a good beat.
    good_share : float
        The share of good beats that must be exceeded.
    max_missing_s, max_flat_s, max_railed_s : float
        The longest stretch of missing samples, of a line, or at the rail, in s.
    max_lost : float
        The largest share of samples in such stretches.
    min_rate : float
        The fewest beats per minute of the epoch (and never fewer than four beats).
    """

    method: str = "similar_beats"
    good_index: float = 0.9
    good_share: float = 0.985
    max_missing_s: float = 3.0
    max_flat_s: float = 3.0
    max_railed_s: float = 3.0
    max_lost: float = 0.05
    min_rate: float = 10.0

    def __post_init__(self) -> None:
        if self.method not in QUALITY_METHODS:
            raise ConfigError(
                f"unknown quality method {self.method!r}",
                remedy=f"use one of {', '.join(QUALITY_METHODS)}",
            )


@dataclass(frozen=True)
class BeatQuality:
    """When an epoch is kept of which beats are known, and no samples.

    Parameters
    ----------
    normal : str
        WFDB's symbols of normal beats: those that come from the sinus node, also with a bundle
        branch block. RR intervals between two of them count (Task Force, 1996,
        doi 10.1161/01.CIR.93.5.1043).
    good_share : float
        The share of beats that are normal, and of RR intervals that are plausible, that must be
        exceeded.
    min_rr_ms, max_rr_ms : float
        The shortest and longest RR interval that counts, in ms. A longer one is taken for lost
        signal, since beats alone do not say that the heart paused.
    max_lost : float
        The largest share of the epoch in such stretches.
    """

    normal: str = "NLRB"
    good_share: float = 0.8
    min_rr_ms: float = 200.0
    max_rr_ms: float = 3000.0
    max_lost: float = 0.05

    def plausible(self, intervals_ms: np.ndarray) -> np.ndarray:
        """Return which RR intervals a heart may have, (n,) bool."""
        return (intervals_ms >= self.min_rr_ms) & (intervals_ms <= self.max_rr_ms)

    def is_normal(self, beats: Beats) -> np.ndarray:
        """Return which beats are normal, (n_beats,) bool."""
        return np.isin(beats.symbols, list(self.normal))

    def counts(self, beats: Beats) -> np.ndarray:
        """Return which RR intervals are plausible and lie between normal beats, (n - 1,) bool."""
        normal = self.is_normal(beats)
        return self.plausible(beats.intervals_ms) & normal[1:] & normal[:-1]


@dataclass(frozen=True)
class Preprocessing:
    """How an epoch becomes beats; ``arrest.preprocessing`` of the configuration.

    Parameters
    ----------
    sampling_rate : float
        Hz at which beats are sought.
    powerline : float
        Hz of the mains.
    detector : Detector
        How beats are found.
    quality : Quality
        When an epoch of ECG is kept.
    beats : BeatQuality
        When an epoch of beats without samples is kept.
    align_beats : bool
        Whether R peaks are moved, between samples, to where complexes that are alike fit each
        other best.
    correct_artifacts : bool
        Whether beats that come too early or late, are missing or too many are put right.
    equal_below_ms : float
        RR intervals that differ by no more, in ms, are equal.
    """

    sampling_rate: float = 250.0
    powerline: float = 60.0
    detector: Detector = field(default_factory=Detector)
    quality: Quality = field(default_factory=Quality)
    beats: BeatQuality = field(default_factory=BeatQuality)
    align_beats: bool = True
    correct_artifacts: bool = False
    equal_below_ms: float = 0.5

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Preprocessing:
        """Take the section of the configuration, or what ``as_options`` made of one."""
        return cls(
            **{
                **options,
                "detector": Detector(**options["detector"]),
                "quality": Quality(**options["quality"]),
                "beats": BeatQuality(**options["beats"]),
            }
        )

    def as_options(self) -> dict[str, Any]:
        """Return all of it as a mapping of plain values."""
        return asdict(self)


PUBLISHED = Preprocessing(
    detector=Detector("neurokit", 0.3),
    quality=Quality("average_qrs", 0.9, 0.8),
    align_beats=False,
    equal_below_ms=0.0,
)
"""As Lee et al. (2023, doi 10.1038/s41746-023-00960-2) have it, with NeuroKit2's own values."""

QUALITIES = {rule.method: rule for rule in (Quality(), PUBLISHED.quality)}
"""Rules of quality by method, each with its own limits."""
