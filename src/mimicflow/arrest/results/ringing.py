"""Ring the alarms of stays, and score them: arrests announced, false alarms, time left.

An epoch whose probability reaches the threshold is an exceedance. An alarm rings at the end of an
exceedance, unless the last alarm of the stay rang less than the silence ago. All epochs in which
a monitor recorded are monitored time: those that were dropped for their quality never ring, and a
stay of which none was kept is not announced.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mimicflow.evaluation.statistics.jackknife import estimate
from mimicflow.evaluation.statistics.metrics import Estimate
from mimicflow.evaluation.statistics.weighted import quotient

ALARM_SCORES = {
    "event_sensitivity": ("", "event"),
    "event_sensitivity_chance": ("", "event"),
    "lead_time_q25": ("h", "event"),
    "lead_time_median": ("h", "event"),
    "lead_time_q75": ("h", "event"),
    "alarms_per_event_stay": ("", "event"),
    "false_alarms_per_day": ("1/day", "control"),
    "control_stays_alarmed": ("", "control"),
}
"""Score -> its unit, and the stays that it is of."""
_CHANCE = "event_sensitivity_chance"
"""Of event stays, but made of the rate in control stays, which it would give away."""
_QUANTILES = {"lead_time_q25": 0.25, "lead_time_median": 0.5, "lead_time_q75": 0.75}
_US_PER_MIN = 60_000_000
_NOTHING = Estimate(*[float("nan")] * 3)


def ring(stay: np.ndarray, end: np.ndarray, exceeding: np.ndarray, silence: float) -> np.ndarray:
    """Return at the end of which epochs an alarm rings.

    Parameters
    ----------
    stay : numpy.ndarray of shape (n,)
        Stay of each epoch; the epochs of a stay stand together, the earliest first.
    end : numpy.ndarray of datetime64, shape (n,)
        End of each epoch.
    exceeding : numpy.ndarray of bool, shape (n,)
        Whether its probability reaches the threshold.
    silence : float
        Minutes after an alarm that rang in which no other rings; one exactly then rings.

    Returns
    -------
    numpy.ndarray of bool, shape (n,)
    """
    exceedances = np.flatnonzero(exceeding)
    rings = np.zeros(len(stay), dtype=bool)
    if not len(exceedances):
        return rings
    first = np.r_[True, stay[exceedances][1:] != stay[exceedances][:-1]]
    # A clock that goes on from stay to stay, with more than the silence between two.
    gap = round(silence * _US_PER_MIN)
    time = end[exceedances].astype("datetime64[us]").astype(np.int64)
    opening = time[first]
    closing = time[np.r_[np.flatnonzero(first)[1:], len(time)] - 1]
    length = closing - opening + gap + 1
    number = np.cumsum(first) - 1
    clock = time - opening[number] + (np.cumsum(length) - length)[number]
    following = np.searchsorted(clock, clock + max(gap, 1))
    # The alarms of all stays together, the first of each, then the second …
    now = np.flatnonzero(first)
    while len(now):
        rings[exceedances[now]] = True
        then = following[now]  # of the last alarm of a stay, the first of the next stay
        inside = then < len(clock)
        now = then[inside][number[then[inside]] == number[now[inside]]]
    return rings


class Stays:
    """The stays of a part that were monitored, and their alarms at any threshold and silence.

    Parameters
    ----------
    epochs : pandas.DataFrame
        As `mimicflow.arrest.results.monitored.monitored_epochs` returns them.

    Attributes
    ----------
    patients : numpy.ndarray of shape (patients,)
        Whose stays they are, sorted.
    """

    def __init__(self, epochs: pd.DataFrame) -> None:
        epochs = epochs.sort_values(["stay_id", "end"], ignore_index=True)
        self._probability = epochs["probability"].to_numpy()
        self._end = epochs["end"].to_numpy()
        self._hours = epochs["hours_to_arrest"].to_numpy()
        stays, self._stay = np.unique(epochs["stay_id"].to_numpy(), return_inverse=True)
        first = epochs.drop_duplicates("stay_id")
        self.patients, patient = np.unique(epochs["subject_id"].to_numpy(), return_inverse=True)
        self._patient = patient[first.index]
        self._event = first["label"].to_numpy() == 1
        days = (epochs["end"] - epochs["start"]).dt.total_seconds().to_numpy() / 86_400
        self._days = np.bincount(self._stay, weights=days, minlength=len(stays))

    def lead_times(self, threshold: float) -> pd.DataFrame:
        """Return hours from first alarm to arrest of event stays: ``patient, hours`` (or NaN)."""
        rings = ring(self._stay, self._end, self._probability >= threshold, 0)
        hours = self._lead(rings)[self._event]
        return pd.DataFrame({"patient": self._patient[self._event], "hours": hours})

    def highest(self) -> np.ndarray:
        """Return the highest probability of each event stay; NaN of one without a kept epoch."""
        highest = np.full(len(self._event), -np.inf)
        np.fmax.at(highest, self._stay, self._probability)
        return np.where(np.isinf(highest), np.nan, highest)[self._event]

    def sizes(self, name: str) -> dict[str, float]:
        """Return stays, patients and monitored days of ``event`` or ``control`` stays."""
        return self._sizes(self._parts()[name])

    def counted(self, score: str) -> int:
        """Return how many patients a score is known no better than: those of its stays."""
        parts = {name: len(np.unique(self._patient[of])) for name, of in self._parts().items()}
        return min(parts.values()) if score == _CHANCE else parts[ALARM_SCORES[score][1]]

    def hidden(self, threshold: float, smallest: int) -> dict[str, bool]:
        """Return whether too few patients have or lack an alarm, of ``event`` and ``control``."""
        return self._hidden(self._alarms(threshold, 0)[0], smallest)

    def found(self, threshold: float, silence: float, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Return every score of `ALARM_SCORES` of every weighting, (1 + groups,) each.

        Parameters are those of `scores`.
        """
        return self._values(*self._alarms(threshold, silence), silence, weights)

    def scores(
        self, threshold: float, silence: float, weights: np.ndarray, smallest: int
    ) -> list[dict[str, object]]:
        """Return a row per score of `ALARM_SCORES`, with 95 % intervals.

        Parameters
        ----------
        threshold, silence : float
            Probability, and minutes.
        weights : numpy.ndarray of shape (1 + groups, patients)
            As `mimicflow.evaluation.statistics.jackknife.all_weightings` returns them.
        smallest : int
            Fewest patients that stays with or without an alarm may come from; 0 shows all.
        """
        alarms, lead = self._alarms(threshold, silence)
        parts, hidden = self._parts(), self._hidden(alarms, smallest)
        values = self._values(alarms, lead, silence, weights)
        rows: list[dict[str, object]] = []
        for score, (unit, name) in ALARM_SCORES.items():
            few = hidden[name] or (score == _CHANCE and hidden["control"])
            of = parts[name] & (alarms > 0) if score in _QUANTILES else parts[name]
            found = _NOTHING
            if score in _QUANTILES and not few:
                found = self._quantile(lead, _QUANTILES[score], weights)
            elif not few:
                found = estimate(score, values[score], self.counted(score))
            size = self._sizes(of)
            row: dict[str, object] = {"measure": score, "unit": unit}
            row |= dict.fromkeys(size) if few else size
            row |= dict(zip(("value", "lower", "upper"), found, strict=True))
            rows.append(row | {"suppressed": few})
        return rows

    def _parts(self) -> dict[str, np.ndarray]:
        return {"event": self._event, "control": ~self._event}

    def _sizes(self, of: np.ndarray) -> dict[str, float]:
        patients = len(np.unique(self._patient[of]))
        return {"stays": int(of.sum()), "patients": patients, "days": self._days[of].sum()}

    def _alarms(self, threshold: float, silence: float) -> tuple[np.ndarray, np.ndarray]:
        """Return how many alarms each stay has, and the hours from its first to its arrest."""
        rings = ring(self._stay, self._end, self._probability >= threshold, silence)
        return np.bincount(self._stay[rings], minlength=len(self._event)), self._lead(rings)

    def _hidden(self, alarms: np.ndarray, smallest: int) -> dict[str, bool]:
        return {name: self._small(of, alarms > 0, smallest) for name, of in self._parts().items()}

    def _small(self, part: np.ndarray, alarmed: np.ndarray, smallest: int) -> bool:
        """Return whether the stays with or without an alarm come from too few patients."""
        patients = [len(np.unique(self._patient[part & cell])) for cell in (alarmed, ~alarmed)]
        return any(0 < number < smallest for number in patients)

    def _lead(self, rings: np.ndarray) -> np.ndarray:
        """Return hours from the first alarm of each stay to its arrest; NaN without either."""
        lead = np.full(len(self._event), np.nan)
        alarmed, first = np.unique(self._stay[rings], return_index=True)
        lead[alarmed] = self._hours[rings][first]
        return lead

    def _quantile(self, lead: np.ndarray, share: float, weights: np.ndarray) -> Estimate:
        """Return a quantile of the lead times of event stays, with Woodruff's interval.

        The interval of the share of lead times up to the quantile is read off their order (1952,
        doi:10.1080/01621459.1952.10483443): a jackknife of the quantile itself would not hold.
        """
        heard = np.flatnonzero(self._event & ~np.isnan(lead))
        heard = heard[np.argsort(lead[heard], kind="stable")]
        patients = len(np.unique(self._patient[heard]))
        once = np.ones((1, len(heard)))
        (value,), *_ = weighted_quantiles(lead[heard], once, [share])
        of_stays = weights[:, self._patient[heard]]
        up_to = quotient(of_stays @ (lead[heard] <= value), of_stays.sum(axis=1))
        _, low, high = estimate("lead_time_share", up_to, patients)
        if np.isnan(low):
            return Estimate(float(value), low, high)
        ends = np.clip([share + low - up_to[0], share + high - up_to[0]], 0, 1)
        # Lead times that were seen, on the outer side: between two of them nothing is known.
        first = np.quantile(lead[heard], ends[0], method="lower")
        last = np.quantile(lead[heard], ends[1], method="higher")
        return Estimate(float(value), float(first), float(last))

    def _values(
        self, alarms: np.ndarray, lead: np.ndarray, silence: float, weights: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return every score of every weighting of the patients, each of shape (weightings,)."""

        def total(values: np.ndarray) -> np.ndarray:
            return weights @ np.bincount(self._patient, weights=values, minlength=weights.shape[1])

        event, alarmed = self._event, alarms > 0
        events, controls = total(event), total(~event)
        heard = np.flatnonzero(event & alarmed)
        heard = heard[np.argsort(lead[heard], kind="stable")]
        quantiles = weighted_quantiles(
            lead[heard], weights[:, self._patient[heard]], list(_QUANTILES.values())
        )
        false_alarms = quotient(total(~event * alarms), total(~event * self._days))
        return {
            "event_sensitivity": quotient(total(event & alarmed), events),
            _CHANCE: chance_of_alarm(
                false_alarms, silence, self._days[event], weights[:, self._patient[event]]
            ),
            **dict(zip(_QUANTILES, quantiles, strict=True)),
            "alarms_per_event_stay": quotient(total(event * alarms), events),
            "false_alarms_per_day": false_alarms,
            "control_stays_alarmed": quotient(total(~event & alarmed), controls),
        }


def chance_of_alarm(
    rate: np.ndarray, silence: float, days: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return the share of stays with an alarm if alarms rang at random, with the silence kept.

    An alarm comes after the silence and a wait without memory, so long that together they give the
    rate; a stay has one if the wait for the first is shorter than its time.

    Parameters
    ----------
    rate : numpy.ndarray of shape (weightings,)
        Alarms per monitored day.
    silence : float
        Minutes.
    days : numpy.ndarray of shape (n,)
        Monitored, of each stay.
    weights : numpy.ndarray of shape (weightings, n)
        How often each stay counts.

    Returns
    -------
    numpy.ndarray of shape (weightings,)
    """
    with np.errstate(
        divide="ignore", invalid="ignore"
    ):  # nothing rings; or always, but for silence
        wait = np.maximum(1 / rate - silence / 1440, 0)
        alarmed = -np.expm1(-days / wait[:, None])
    return quotient((weights * alarmed).sum(axis=1), weights.sum(axis=1))


def weighted_quantiles(
    values: np.ndarray, weights: np.ndarray, shares: Sequence[float]
) -> list[np.ndarray]:
    """Return quantiles of values that are repeated by whole weights, as numpy.quantile has them.

    Parameters
    ----------
    values : numpy.ndarray of shape (n,)
        Sorted.
    weights : numpy.ndarray of shape (weightings, n)
        How often each value is there.
    shares : sequence of float
        In [0, 1].

    Returns
    -------
    list of numpy.ndarray of shape (weightings,)
        One per share; NaN where nothing is there.
    """
    if not len(values):
        return [np.full(len(weights), np.nan) for _ in shares]
    up_to = np.cumsum(weights, axis=1)
    total = up_to[:, -1]
    padded = np.append(values, values[-1])

    def at(place: np.ndarray) -> np.ndarray:
        return padded[(up_to <= place[:, None]).sum(axis=1)]

    found = []
    for share in shares:
        place = np.maximum(total - 1, 0) * share
        low = np.floor(place)
        below, above = at(low), at(np.minimum(low + 1, np.maximum(total - 1, 0)))
        found.append(np.where(total > 0, below + (place - low) * (above - below), np.nan))
    return found
