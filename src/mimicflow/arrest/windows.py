"""Cut the time of a stay: recordings without overlap, windows, whole epochs in both.

All times are naive, all intervals closed at their beginning and open at their end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.bedside.registry import TIME_DTYPE


def cut_overlaps(recordings: pd.DataFrame) -> pd.DataFrame:
    """Let a recording of a stay begin where those before it have ended.

    Parameters
    ----------
    recordings : pandas.DataFrame
        Usable ones: recording_id, stay_id, start, end.

    Returns
    -------
    pandas.DataFrame
        The same rows by stay_id, start, recording_id, with ``piece_start``: ``start``, or the
        latest end of the earlier recordings. When that is not before ``end``, nothing is left.
    """
    ordered = recordings.sort_values(["stay_id", "start", "recording_id"], ignore_index=True)
    times = ordered[["start", "end"]].astype(TIME_DTYPE)
    stay = ordered["stay_id"]
    reached = times["end"].groupby(stay).cummax().groupby(stay).shift()
    later = times["start"].where(~(reached > times["start"]), reached)
    return ordered.assign(**times, piece_start=later.astype(TIME_DTYPE))


def event_windows(cpr_time: pd.Series, options: Mapping[str, Any]) -> pd.DataFrame:
    """Return the hours before the arrest.

    Parameters
    ----------
    cpr_time : pandas.Series
        Time of the first arrest by stay_id.
    options : mapping
        ``event_window_h``: the least and the most hours before it.

    Returns
    -------
    pandas.DataFrame
        ``window_start`` and ``window_end`` by stay_id.
    """
    least, most = (pd.Timedelta(hours=hours) for hours in options["event_window_h"])
    return pd.DataFrame(
        {
            "window_start": (cpr_time - most).astype(TIME_DTYPE),
            "window_end": (cpr_time - least).astype(TIME_DTYPE),
        }
    )


def control_windows(pieces: pd.DataFrame, options: Mapping[str, Any], seed: int) -> pd.DataFrame:
    """Draw the hours of stays without arrest.

    A window lies between the beginning of the first recording and the end of the last. Its start is
    uniform over all starts with which the window holds a whole epoch of some recording: without
    gaps as long as a window, these are all starts. A stay that is not longer than a window is taken
    whole.

    Parameters
    ----------
    pieces : pandas.DataFrame
        Rows of :func:`cut_overlaps`.
    options : mapping
        ``control_window_h`` (h) and ``minutes`` (of an epoch).
    seed : int
        The draw depends on it, the stay_id and the stay's recordings only.

    Returns
    -------
    pandas.DataFrame
        ``window_start`` and ``window_end`` by stay_id, of stays with room for an epoch.
    """
    length, epoch = _microseconds(hours=options["control_window_h"]), _epoch_length(options)
    left = pieces[pieces["piece_start"] < pieces["end"]]
    stays, rows = [], []
    for stay_id, part in left.groupby("stay_id", sort=True):
        starts, ends = part["piece_start"].astype("int64"), part["end"].astype("int64")
        long = ends - starts >= epoch
        if not long.any():
            continue
        first, last = int(starts.min()), int(ends.max())
        if last - first > length:
            lows = (starts[long] + epoch - length).clip(lower=first, upper=last - length)
            highs = (ends[long] - epoch).clip(lower=first, upper=last - length)
            first = _draw(lows.to_numpy(), highs.to_numpy(), f"{seed}:{stay_id}")
            last = first + length
        stays.append(stay_id)
        rows.append((first, last))
    windows = np.array(rows, dtype="int64").reshape(-1, 2).astype(TIME_DTYPE)
    return pd.DataFrame(
        {"window_start": windows[:, 0], "window_end": windows[:, 1]},
        index=pd.Index(stays, name="stay_id", dtype=object),
    )


def whole_epochs(
    pieces: pd.DataFrame, windows: pd.DataFrame, options: Mapping[str, Any]
) -> pd.DataFrame:
    """Count the epochs, one after the other, of each recording within its stay's window.

    Parameters
    ----------
    pieces : pandas.DataFrame
        Rows of :func:`cut_overlaps`.
    windows : pandas.DataFrame
        ``window_start`` and ``window_end`` by stay_id; other stays are left out.
    options : mapping
        ``minutes`` of an epoch.

    Returns
    -------
    pandas.DataFrame
        The pieces with at least one epoch, in the same order, with ``first_start`` (of the first
        epoch) and ``n_epochs``.
    """
    both = pieces.merge(windows, left_on="stay_id", right_index=True, how="inner")
    first = both[["piece_start", "window_start"]].max(axis=1).astype(TIME_DTYPE)
    last = both[["end", "window_end"]].min(axis=1).astype(TIME_DTYPE)
    room = last.astype("int64") - first.astype("int64")
    n_epochs = (room // _epoch_length(options)).clip(lower=0)
    both = both.assign(first_start=first, n_epochs=n_epochs).sort_index()
    return both[both["n_epochs"] > 0].reset_index(drop=True)


def _epoch_length(options: Mapping[str, Any]) -> int:
    return _microseconds(minutes=options["minutes"])


def _microseconds(**length: float) -> int:
    return int(pd.Timedelta(**length) // pd.Timedelta(microseconds=1))


def _draw(lows: np.ndarray, highs: np.ndarray, key: str) -> int:
    """Draw a microsecond, uniform over the union of the closed intervals; the key is the seed."""
    order = np.argsort(lows, kind="stable")
    lows, highs = lows[order], np.maximum.accumulate(highs[order])
    # Where the next interval begins behind all earlier ones, a new part of the union begins.
    begins = np.flatnonzero(np.r_[True, lows[1:] > highs[:-1] + 1])
    lows, highs = lows[begins], highs[np.r_[begins[1:], len(highs)] - 1]
    reached = np.cumsum(highs - lows + 1)
    digest = hashlib.sha256(key.encode()).digest()
    place = int(np.random.default_rng(list(digest)).integers(reached[-1]))
    part = int(np.searchsorted(reached, place, side="right"))
    return int(highs[part] - (reached[part] - 1 - place))
