"""Remember the epochs of one recording, for a model whose features look back.

As the workflow has them, with the first epoch of the recording as the first of the stay's plan.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.arrest.features import finite
from mimicflow.arrest.slopes import slope_kinds, slopes_of
from mimicflow.arrest.vital_features import LOOK_BACK, epoch_medians, features_of, vital_ranges
from mimicflow.bedside.numerics_files import find_numerics, read_numerics
from mimicflow.errors import RecordError
from mimicflow.hrv.measures import MEASURES

log = logging.getLogger(__name__)


def numerics_of(folder: str | Path, record: str) -> pd.DataFrame | None:
    """Return the vital signs that lie beside a record, None where there are none to be read.

    Parameters
    ----------
    folder : path-like
        Where the record lies.
    record : str
        Its name; see `mimicflow.bedside.numerics_files.find_numerics` for theirs.
    """
    try:
        found = find_numerics(folder, record)
        return read_numerics(folder, found) if found else None
    except RecordError as error:
        log.warning("vital signs cannot be read (%s): %s", error.reason, error)
        return None


@dataclass
class History:
    """The epochs of the last hours of a recording.

    Parameters
    ----------
    numerics : pandas.DataFrame, optional
        As `mimicflow.bedside.numerics_files.read_numerics` returns them; of an epoch, only rows
        before its end are looked at. Without them all vital features are missing.
    """

    numerics: pd.DataFrame | None = None
    _epochs: pd.DataFrame = field(default_factory=pd.DataFrame, init=False)

    def add(self, start: datetime, end: datetime, measures: np.ndarray) -> pd.DataFrame:
        """Take the next epoch and return its measures, vital features and slopes, one row.

        Parameters
        ----------
        start, end : datetime
            Of the epoch, on the clock of the numerics.
        measures : numpy.ndarray of shape (43,)
            All NaN when the epoch is dropped.
        """
        row = pd.DataFrame([measures], columns=list(MEASURES))
        row[list(vital_ranges().index)] = self._medians(start, end)
        times = pd.DataFrame({"start": [start], "end": [end]}, dtype="datetime64[us]")
        epochs = pd.concat([self._epochs, times.join(row)], ignore_index=True)
        longest = max(LOOK_BACK, pd.Timedelta(hours=slope_kinds()["hours"].max()))
        recent = epochs["start"] >= end - longest.to_pytimedelta()
        self._epochs = epochs[recent].reset_index(drop=True)
        return self._features().tail(1)

    def _medians(self, start: datetime, end: datetime) -> np.ndarray:
        if self.numerics is None:
            return np.full((1, len(vital_ranges())), np.nan)
        time = self.numerics["time"]
        inside = self.numerics[(time >= start) & (time < end)]
        bounds = (pd.Series([each], dtype="datetime64[us]") for each in (start, end))
        return epoch_medians(inside, *bounds)

    def _features(self) -> pd.DataFrame:
        measures = self._epochs[list(MEASURES)]
        medians = self._epochs[list(vital_ranges().index)]
        stay = pd.Series(0, index=self._epochs.index)
        times = stay, self._epochs["start"], self._epochs["end"]
        vitals = features_of(medians.to_numpy(), *times)
        slopes = slopes_of(pd.concat([measures, medians], axis="columns"), *times)
        return finite(pd.concat([measures, vitals, slopes], axis="columns"))
