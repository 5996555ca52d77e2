"""How diagnoses, procedures and drugs of an admission reveal its hidden course."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mimicflow.synthetic.draws import pick_by_group, poisson_rows

_WIDTH = 0.8  # how far from the course of the admission its entries lie
_FARTHEST = 12  # squared distance, in widths, beyond which all entries are alike


def revealing(
    rng: np.random.Generator, admissions: pd.DataFrame, entries: pd.DataFrame, mean: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw entries of a vocabulary whose ``course`` lies near that of the admission.

    How many there are says nothing of the course, so that the length of a record does not either.

    Parameters
    ----------
    rng : Generator
        Source of chance.
    admissions : DataFrame
        With column ``course``.
    entries : DataFrame
        Vocabulary; its column ``course`` is the course at which an entry is most typical (grave
        ones above zero), empty for entries that tell nothing.
    mean : float
        Entries per admission.

    Returns
    -------
    admission, entry : ndarray of int, shape (n,)
        Rows of ``admissions``, ascending, and of ``entries``.
    """
    telling = np.flatnonzero(entries["course"].notna())
    typical = entries["course"].to_numpy(float)[telling]
    distance = (admissions["course"].to_numpy()[:, None] - typical) / _WIDTH
    admission = poisson_rows(rng, np.full(len(admissions), mean))
    # Never quite zero: a dying patient may have a cataract, too.
    logit = -0.5 * np.minimum(distance**2, _FARTHEST)
    return admission, telling[pick_by_group(rng, admission, logit, np.ones(len(telling)))]
