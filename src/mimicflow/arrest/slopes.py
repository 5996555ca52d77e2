"""Say how the measures and vital signs of epochs have changed over the last hours: their slopes.

``reference/arrest_slopes.csv`` says over how many hours, and from how many epochs a slope is known.
A slope is that of the straight line of least squares through the values of epochs of the same stay,
against the time of their end; nothing that ends after an epoch is in its slopes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.arrest.vital_features import first_of_last_hours, microseconds
from mimicflow.reference import reference

_CHUNK_ROWS = 20_000  # epochs whose slopes are computed at a time
_US_PER_MIN, _US_PER_H = 60_000_000, 3_600_000_000


@cache
def slope_kinds() -> pd.DataFrame:
    """Return hours, least_epochs, least_span_min and text by ``slope``, such as slope_1h."""
    return pd.read_csv(reference("arrest_slopes.csv")).set_index("slope")


def slope_names(names: Sequence[str]) -> list[str]:
    """Return the names of all slopes of these features, such as MeanNN_slope_1h."""
    return [f"{name}_{slope}" for slope in slope_kinds().index for name in names]


def slopes_of(
    values: pd.DataFrame, stay_id: pd.Series, start: pd.Series, end: pd.Series
) -> pd.DataFrame:
    """Compute the slopes of each column over the last hours of each epoch.

    The last hours of an epoch are the epochs of the same stay that begin at or after its end less
    so many hours, up to and including itself, as those of the vital features. Only finite values
    count. A slope is NaN when the table asks for more of them, or for more time between the ends
    of the first and the last.

    Parameters
    ----------
    values : pandas.DataFrame
        (n, k); NaN where not known, of dropped epochs for instance.
    stay_id, start, end : pandas.Series
        (n,) of the epochs, by stay and start; epochs of a stay do not overlap.

    Returns
    -------
    pandas.DataFrame
        (n, slopes x k) in the order of `slope_names`, in the unit of the column per hour.
    """
    known = np.where(np.isfinite(values), values, np.nan)
    ends, n_epochs = microseconds(end), len(values)
    slopes = np.full((len(slope_kinds()), *known.shape), np.nan)
    for place, kind in enumerate(slope_kinds().itertuples()):
        first = first_of_last_hours(stay_id, start, end, pd.Timedelta(hours=kind.hours))
        for begin in range(0, n_epochs, _CHUNK_ROWS):
            rows = np.arange(begin, min(begin + _CHUNK_ROWS, n_epochs))
            slopes[place, rows] = _slopes(known, ends, first, rows, kind)
    return pd.DataFrame(np.concatenate(slopes, axis=1), columns=slope_names(list(values)))


def _slopes(
    values: np.ndarray, ends: np.ndarray, first: np.ndarray, rows: np.ndarray, kind: Any
) -> np.ndarray:
    """Return the slopes over the epochs from ``first`` to each of some rows, (rows, k).

    Sums go backwards from an epoch, one epoch at a time: the numbers of an epoch are the same
    bits whatever else the table holds, and in a stream.
    """
    shape = (len(rows), values.shape[1])
    count, time, level, oldest = (np.zeros(shape) for _ in range(4))
    newest = np.full(shape, -np.inf)
    for at, ago, value, known in _backwards(values, ends, first, rows):
        count[at] += known
        time[at] -= np.where(known, ago, 0.0)
        level[at] += np.where(known, value, 0.0)
        oldest[at] = np.where(known, -ago, oldest[at])
        newest[at] = np.where(known, np.maximum(newest[at], -ago), newest[at])
    with np.errstate(invalid="ignore"):  # where there is no value
        time, level = time / count, level / count
    together, spread = np.zeros(shape), np.zeros(shape)
    for at, ago, value, known in _backwards(values, ends, first, rows):
        place = np.where(known, (-ago - time[at]) / _US_PER_H, 0.0)
        together[at] += np.where(known, place * (value - level[at]), 0.0)
        spread[at] += place**2
    span_min = (newest - oldest) / _US_PER_MIN
    enough = (count >= kind.least_epochs) & (span_min >= kind.least_span_min)
    return np.divide(together, spread, out=np.full(shape, np.nan), where=enough & (spread > 0))


def _backwards(
    values: np.ndarray, ends: np.ndarray, first: np.ndarray, rows: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Yield, one epoch further back each time, what there is of the last hours of the rows.

    These are: which of ``rows`` still have such an epoch; how long ago it ended, in microseconds,
    (at, 1); its values, and which are known, (at, k).
    """
    longest = int((rows - first[rows]).max(initial=0))
    for back in range(longest + 1):
        at = np.flatnonzero(rows - back >= first[rows])
        earlier = rows[at] - back
        ago = (ends[rows[at]] - ends[earlier]).astype(np.float64)[:, None]
        yield at, ago, values[earlier], np.isfinite(values[earlier])
