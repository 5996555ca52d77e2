"""Grids of probabilities."""

from __future__ import annotations


def probability_grid(lowest: float, highest: float, step: float) -> list[float]:
    """Return evenly spaced probabilities, both ends included where the step reaches them.

    Parameters
    ----------
    lowest, highest, step : float
        In (0, 1); rounded to six digits, so that 0.3 is 0.3.
    """
    n_steps = int(round((highest - lowest) / step, 6))
    return [round(lowest + number * step, 6) for number in range(n_steps + 1)]
