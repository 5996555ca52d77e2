"""Describe how the leading measures change from 24 h to 0.5 h before the arrest.

By hour with the mean, its interval and the trend, and by epoch with median and quartiles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

from mimicflow.arrest.results.over_time_figures import draw_by_epoch, draw_over_time
from mimicflow.arrest.selection import ACCEPTED
from mimicflow.errors import InputError
from mimicflow.evaluation.figures.performance import read_columns
from mimicflow.evaluation.statistics.clusters import against_zero, holm, jackknife_error
from mimicflow.evaluation.study import Study
from mimicflow.reference import reference
from mimicflow.running.writing import write_csv

_MEASURE = ["measure", "unit", "rank", "decision"]
_PERIOD = ["hours_from", "hours_to", "stays", "patients"]
_QUARTILES = ["median", "q25", "q75", "suppressed"]
_CONTROL = ["control_median", "control_q25", "control_q75", "control_stays"]
COLUMNS = [
    *_MEASURE,
    *_PERIOD,
    *("mean", "lower", "upper", "suppressed"),
    *_CONTROL,
    *("tau", "tau_lower", "tau_upper", "p", "p_holm", "tau_n", "tau_stays", "split", "data"),
]
EPOCH_COLUMNS = [
    *_MEASURE,
    *_PERIOD,
    *_QUARTILES,
    *_CONTROL,
    *("split", "data"),
]
SPLIT = "development and held-out"
"""Whose stays are described: nothing is fitted or scored here."""
_KEYS = ["subject_id", "stay_id"]
_REMEDY = "make the table of features again from the measured epochs"


@dataclass(frozen=True)
class Ranking:
    """Which measures lead: accepted ones by what they move, then the others as Boruta has them.

    Parameters
    ----------
    importance : path-like
        CSV ``feature, rank``, as `mimicflow.arrest.results.explain.explain_arrest_model` writes it:
        of the accepted measures.
    selected : path-like
        CSV ``feature, decision``, as `mimicflow.arrest.selection.select_features` writes it: of all
        measures, the most important first.
    """

    importance: str | Path
    selected: str | Path

    def leading(self, n: int) -> pd.DataFrame:
        """Return ``measure, rank, decision`` of the first ``n`` measures.

        Raises
        ------
        InputError
            A file that cannot be read.
        """
        explained = read_columns(self.importance, ["feature", "rank"]).sort_values("rank")
        decided = read_columns(self.selected, ["feature", "decision"])
        decided = decided.set_index("feature")["decision"]
        order = list(dict.fromkeys([*explained["feature"], *decided.index]))[:n]
        return pd.DataFrame(
            {
                "measure": order,
                "rank": range(1, len(order) + 1),
                "decision": [decided.get(measure, ACCEPTED) for measure in order],
            }
        )


def describe_hrv_over_time(
    features: str | Path,
    ranking: Ranking,
    options: Mapping[str, Any],
    table: str | Path,
    figure: str | Path,
    study: Study,
) -> None:
    """Write and draw the leading measures by hour before the arrest.

    All stays are described, development and held-out. The epochs of a stay within an hour are
    first brought to their mean, and everything is made of these means of stay and hour, so that
    many epochs of one stay do not count as many observations.

    Parameters
    ----------
    features : path-like
        Parquet with ``subject_id, stay_id, label, hours_to_arrest`` and the measures.
    ranking : Ranking
        Which measures lead.
    options : mapping
        ``top_measures``: how many are described.
    table : path-like
        CSV to write: `COLUMNS`, a row per measure and hour before the arrest (``hours_to`` ≤
        hours < ``hours_from``). ``mean`` is over stays with its 95 % interval, by patient.
        ``control_…`` are quartiles over control stays, each its mean over all its epochs. ``tau``
        is Kendall's tau-b of the means of stay and hour (``tau_n`` of them, of ``tau_stays``
        stays) with the hours to the arrest: positive where a measure falls as the arrest
        approaches. Means of one patient are not independent: interval and ``p`` are of Student's t
        with the jackknife's error by patient. ``p_holm`` is corrected for all measures.
    figure : path-like
        PNG to write.
    study : Study
        Whose measures they are. Hours of fewer patients than its
        smallest cell are suppressed, and with fewer patients with or without arrest their figures.

    Raises
    ------
    InputError
        A file that cannot be read, lacks a measure, or has no stay with an arrest or none without.
    """
    leading = ranking.leading(options["top_measures"])
    epochs = _read(features, list(leading["measure"]))
    described = [describe_measure(epochs, measure, study) for measure in leading["measure"]]
    p = np.array([rows["p"].iloc[0] for rows in described], dtype=float)
    described = [rows.assign(p_holm=one) for rows, one in zip(described, holm(p), strict=True)]
    hours = _finished(described, leading, COLUMNS, study)
    write_csv(hours, table)
    draw_over_time(hours, figure, study)


def describe_hrv_by_epoch(
    features: str | Path,
    ranking: Ranking,
    options: Mapping[str, Any],
    table: str | Path,
    figure: str | Path,
    study: Study,
    *,
    minutes: float,
) -> None:
    """Write and draw the leading measures in steps of one epoch before the arrest.

    Parameters
    ----------
    features, ranking, options, study
        As `describe_hrv_over_time` takes them.
    table : path-like
        CSV to write: `EPOCH_COLUMNS`, a row per measure and step before the arrest (``hours_to`` ≤
        hours < ``hours_from``): median and quartiles over the stays with an epoch in it, and
        ``control_…`` as there. Steps of fewer patients than the smallest cell are suppressed.
    figure : path-like
        PNG to write.
    minutes : float
        Length of an epoch.

    Raises
    ------
    InputError
        As `describe_hrv_over_time`.
    """
    leading = ranking.leading(options["top_measures"])
    epochs = _read(features, list(leading["measure"]))
    described = []
    for measure in leading["measure"]:
        means = stay_means(epochs, measure, minutes / 60)
        rows = [
            {"hours_from": (step + 1) * minutes / 60, "hours_to": step * minutes / 60}
            | _quartiles(part, study.smallest_cell)
            for step, part in means.groupby("step")
        ]
        steps = pd.DataFrame(rows, columns=[*_PERIOD, *_QUARTILES]).iloc[::-1]
        known = _control(epochs, measure, study.smallest_cell)
        described.append(steps.assign(measure=measure, **known))
    steps = _finished(described, leading, EPOCH_COLUMNS, study)
    write_csv(steps, table)
    draw_by_epoch(steps, figure, study)


def _finished(
    described: Sequence[pd.DataFrame], leading: pd.DataFrame, columns: list[str], study: Study
) -> pd.DataFrame:
    """Return the rows of all measures with what is known of each, as they are written."""
    units = pd.read_csv(reference("hrv_measures.csv")).set_index("measure")["unit"].fillna("")
    rows = pd.concat(described, ignore_index=True).merge(leading, on="measure")
    rows = rows.assign(unit=rows["measure"].map(units).fillna(""), split=SPLIT, data=study.data)
    counts = ["stays", "patients", "control_stays", "tau_n", "tau_stays"]
    counts = [column for column in counts if column in columns]
    return rows.astype(dict.fromkeys(counts, "Int64"))[columns]


def _read(path: str | Path, measures: Sequence[str]) -> pd.DataFrame:
    columns = [*_KEYS, "label", "hours_to_arrest", *measures]
    try:
        epochs = pd.read_parquet(path, columns=columns)
    except (OSError, ValueError) as error:  # Arrow's errors are of these kinds
        raise InputError(
            f"cannot be read, or lacks one of {', '.join(columns)}", file=path, remedy=_REMEDY
        ) from error
    if epochs["label"].nunique() < 2:
        raise InputError(
            "has no stay with an arrest, or none without",
            file=path,
            remedy="a change over time is shown beside control stays; use more patients",
        )
    return epochs


def stay_means(epochs: pd.DataFrame, measure: str, width: float = 1.0) -> pd.DataFrame:
    """Return the mean of a measure in each stay and step of time before its arrest.

    Parameters
    ----------
    epochs : pandas.DataFrame
        ``subject_id, stay_id, label, hours_to_arrest`` and the measure; NaN are passed over.
    measure : str
        Column.
    width : float
        Of a step, in hours.

    Returns
    -------
    pandas.DataFrame
        ``subject_id, stay_id, step`` (whole steps before the arrest: 0 is the last one),
        ``hours`` (mean hours to the arrest) and ``value``, of stays with an arrest.
    """
    known = epochs[(epochs["label"] == 1) & epochs[measure].notna()]
    # An epoch that ends on the border of two steps is not to be moved by rounding.
    step = np.floor((known["hours_to_arrest"] / width).round(6)).astype(int).rename("step")
    grouped = known.groupby([*_KEYS, step])
    return grouped.agg(hours=("hours_to_arrest", "mean"), value=(measure, "mean")).reset_index()


def describe_measure(epochs: pd.DataFrame, measure: str, study: Study) -> pd.DataFrame:
    """Return the rows of one measure, with the columns of `describe_hrv_over_time`."""
    means = stay_means(epochs, measure)
    of_control = _control(epochs, measure, study.smallest_cell)
    trend = kendall(means, study.smallest_cell)
    first = np.floor(epochs.loc[epochs["label"] == 1, "hours_to_arrest"]).max()
    rows = [
        {"measure": measure, "hours_from": hour + 1, "hours_to": hour}
        | _hour(means[means["step"] == hour], study.smallest_cell)
        | of_control
        | trend
        for hour in range(int(first), -1, -1)
    ]
    return pd.DataFrame(rows)


def _control(epochs: pd.DataFrame, measure: str, smallest: int) -> dict[str, float | None]:
    """Return the quartiles over control stays, each its mean over all its epochs."""
    known = epochs[epochs["label"] == 0].dropna(subset=measure)
    means = known.groupby(_KEYS)[measure].mean()
    enough = means.index.get_level_values(0).nunique() >= smallest
    quartiles = means.quantile([0.25, 0.5, 0.75]).to_numpy() if enough else [np.nan] * 3
    names = ("control_q25", "control_median", "control_q75")
    return {
        **dict(zip(names, quartiles, strict=True)),
        "control_stays": len(means) if enough else None,
    }


def _quartiles(means: pd.DataFrame, smallest: int) -> dict[str, object]:
    """Return median and quartiles over the stays of one step."""
    patients = means["subject_id"].nunique()
    suppressed = patients < smallest
    quartiles = [np.nan] * 3 if suppressed else means["value"].quantile([0.25, 0.5, 0.75])
    return {
        "stays": None if suppressed else len(means),
        "patients": None if suppressed else patients,
        **dict(zip(("q25", "median", "q75"), quartiles, strict=True)),
        "suppressed": suppressed,
    }


def _hour(means: pd.DataFrame, smallest: int) -> dict[str, object]:
    """Return the mean over stays of one hour with its interval."""
    patients = means["subject_id"].nunique()
    suppressed = 0 < patients < smallest
    if suppressed or not patients:
        sizes = None if suppressed else 0
        numbers = dict.fromkeys(("mean", "lower", "upper"), float("nan"))
        return {"stays": sizes, "patients": sizes, **numbers, "suppressed": suppressed}
    value, patient = (means[name].to_numpy() for name in ("value", "subject_id"))
    error = jackknife_error(lambda rows: float(value[rows].mean()), patient)
    lower, upper, *_ = against_zero(value.mean(), error, patients - 1)
    return {
        "stays": len(value),
        "patients": patients,
        "mean": value.mean(),
        "lower": lower,
        "upper": upper,
        "suppressed": False,
    }


def kendall(means: pd.DataFrame, smallest: int) -> dict[str, object]:
    """Return Kendall's tau-b of means of stay and hour with the hours to the arrest.

    Parameters
    ----------
    means : pandas.DataFrame
        As `stay_means` returns it.
    smallest : int
        There are no numbers of fewer patients.

    Returns
    -------
    dict
        ``tau, tau_lower, tau_upper, p, tau_n, tau_stays``.
    """
    names = ("tau", "tau_lower", "tau_upper", "p", "tau_n", "tau_stays")
    patient = means["subject_id"].to_numpy()
    patients = len(np.unique(patient))
    if patients < max(smallest, 1):
        return dict.fromkeys(names[:4], float("nan")) | dict.fromkeys(names[4:])
    hours, values = means["hours"].to_numpy(), means["value"].to_numpy()

    def tau(rows: np.ndarray) -> float:
        return float(kendalltau(hours[rows], values[rows]).statistic)

    found = tau(np.arange(len(means)))
    low, high, _, p = against_zero(found, jackknife_error(tau, patient), patients - 1)
    numbers = (found, max(low, -1.0), min(high, 1.0), p, len(means), means["stay_id"].nunique())
    return dict(zip(names, numbers, strict=True))
