"""How often the intervals that the project prints hold the truth, on made-up patients.

Rows of a patient are alike, as epochs and stays are. The truth is the score of a sample that is
hundreds of times as large. `_simulations/interval_coverage.csv` is the table of 2,000 samples of
each kind.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import norm

from mimicflow.arrest.results.ringing import Stays
from mimicflow.arrest.results.within_stays import WITHIN, score_within_stays
from mimicflow.evaluation.statistics.clusters import patients_behind, rarer
from mimicflow.evaluation.statistics.decision import net_benefit
from mimicflow.evaluation.statistics.delong import auroc_interval, compare_aurocs
from mimicflow.evaluation.statistics.jackknife import all_weightings, estimate, jackknife
from mimicflow.evaluation.statistics.metrics import Estimate
from mimicflow.evaluation.statistics.reliability import reliability
from mimicflow.evaluation.statistics.weighted import plain_scores

LEAST, MOST = 0.93, 0.98
LARGE = 200  # times the patients of a sample, of which the truth is taken
_BIN = (0.1, 0.3)  # predictions of the bin whose share of events is looked at


@dataclass(frozen=True)
class Ward:
    """Patients, and two models of them; the second is a little worse.

    The predictions of the first are too high and too extreme by known amounts.
    """

    patients: int
    share: float
    """Of patients with an event."""
    auroc: float
    rows: Callable[[np.random.Generator, int], np.ndarray]
    """Draws the number of rows of so many patients."""
    own: float = 0.5
    """Share of the variance that is the patient's."""
    mixed: float = 0.0
    """Share of rows whose label is not that of the patient."""


def about_fourteen(generator: np.random.Generator, patients: int) -> np.ndarray:
    """Rows as epochs of a watched patient."""
    return 1 + generator.poisson(13, patients)


def one_or_two(generator: np.random.Generator, patients: int) -> np.ndarray:
    """Rows as stays of a patient."""
    return 1 + (generator.random(patients) < 0.2)


def very_unequal(generator: np.random.Generator, patients: int) -> np.ndarray:
    """Rows from 1 to 100, most of them of a few patients."""
    return np.minimum(np.ceil(generator.lognormal(1.5, 1.0, patients)).astype(int), 100)


WARDS = {
    "72 patients, 18 events, AUROC .92": Ward(72, 18 / 72, 0.92, about_fourteen),
    "72 patients, 18 events, AUROC .74": Ward(72, 18 / 72, 0.74, about_fourteen),
    "900 patients, 2 % events": Ward(900, 0.02, 0.85, one_or_two),
    "100 patients of unequal rows": Ward(100, 0.3, 0.8, very_unequal, own=0.4),
    "400 patients, as admission": Ward(400, 0.45, 0.9, one_or_two, own=0.3, mixed=0.1),
    "32 patients, 8 events": Ward(32, 0.25, 0.85, about_fourteen),
}
ALARMS = {"18 event, 54 control stays, alarms": (18, 54), "60 event, 240 control stays": (60, 240)}


def ward_rows(
    generator: np.random.Generator, ward: Ward, times: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return patient, label and the probabilities of both models, (n,) each."""
    patients = ward.patients * times
    event = generator.random(patients) < ward.share
    patient = np.repeat(np.arange(patients), ward.rows(generator, patients))
    label = event[patient] ^ (generator.random(len(patient)) < ward.mixed)
    distance = np.sqrt(2) * norm.ppf(ward.auroc)

    def noise() -> np.ndarray:
        of_patient = generator.normal(size=patients)[patient]
        return np.sqrt(ward.own) * of_patient + np.sqrt(1 - ward.own) * generator.normal(
            size=len(patient)
        )

    first = noise()
    both = ((first, distance), (0.8 * first + 0.6 * noise(), 0.8 * distance))
    probabilities = [
        expit(0.8 * (logit(ward.share) + apart * (value + apart * label) - apart**2 / 2) - 0.3)
        for value, apart in both
    ]
    return patient, label.astype(int), *probabilities


def of_ward(
    patient: np.ndarray, label: np.ndarray, first: np.ndarray, second: np.ndarray, at: float
) -> Iterator[tuple[str, Estimate]]:
    """Yield every kind of interval of the first model, and of its difference to the second."""
    flagged, units = first >= at, rarer(label, patient)
    ours = jackknife(label, first, patient, flagged=flagged[:, None])
    others = jackknife(label, second, patient)
    for score, found in ours.items():
        behind = patients_behind(score, label, patient, flagged)
        yield score, estimate(score, found if found.ndim == 1 else found[:, 0], behind)
    for score in ("auroc", "auprc", "brier"):
        yield f"difference of {score}", estimate("difference", ours[score] - others[score], units)
    yield "auroc, DeLong", auroc_interval(label, first, patient=patient)
    both = compare_aurocs(label, first, second, patient)
    yield "difference of auroc, DeLong", Estimate(both.difference, both.low, both.high)
    weights = all_weightings(patient, 0)
    unit = np.unique(patient, return_inverse=True)[1]
    benefit = net_benefit(label, first, np.array([at]), weights[:, unit])[:, 0]
    yield "net_benefit", estimate("net_benefit", benefit, units)
    inside = (first >= _BIN[0]) & (first < _BIN[1])
    if inside.any():
        bins = reliability(label[inside], first[inside], bins=1, patient=patient[inside])
        yield "observed in a bin", Estimate(*bins.loc[0, ["observed", "low", "high"]])


def monitored(generator: np.random.Generator, events: int, controls: int) -> pd.DataFrame:
    """Return epochs of a day of each stay whose risk wanders, and rises before an arrest."""
    stays, epochs = events + controls, 288
    level = 0.7 * generator.normal(size=(stays, 1)) + np.zeros((stays, epochs))
    wander = generator.normal(size=(stays, epochs))
    for place in range(1, epochs):
        wander[:, place] = 0.95 * wander[:, place - 1] + np.sqrt(1 - 0.95**2) * wander[:, place]
    hours = np.broadcast_to((epochs - np.arange(epochs)) / 12 + 0.5, (stays, epochs))
    event = np.arange(stays)[:, None] < events
    risk = 0.7 * level + 0.7 * wander + event * (0.3 + 1.2 * (hours < 6))
    stay = np.repeat(np.arange(stays), epochs)
    end = pd.Timestamp("2150-01-01") + pd.to_timedelta(5 * (1 + np.arange(epochs)), unit="min")
    return pd.DataFrame(
        {
            "subject_id": stay,
            "stay_id": stay,
            "label": (stay < events).astype(int),
            "probability": norm.cdf(risk).ravel(),
            "end": np.tile(end, stays),
            "start": np.tile(end - pd.Timedelta("5min"), stays),
            "hours_to_arrest": np.where(stay < events, hours.ravel(), np.nan),
        }
    )


def of_alarms(epochs: pd.DataFrame) -> Iterator[tuple[str, Estimate]]:
    """Yield every score of alarms at a threshold, and the AUROC within stays at six hours."""
    weights = all_weightings(epochs["subject_id"].to_numpy(), 0)
    for row in Stays(epochs).scores(0.9, 60, weights, 0):
        yield str(row["measure"]), Estimate(row["value"], row["lower"], row["upper"])
    yield WITHIN, score_within_stays(epochs, 6, weights, 0).auroc


def values_of_alarms(epochs: pd.DataFrame) -> dict[str, float]:
    """Return the scores alone."""
    once = np.ones((1, epochs["subject_id"].nunique()))
    found = {name: float(of[0]) for name, of in Stays(epochs).found(0.9, 60, once).items()}
    return found | {WITHIN: score_within_stays(epochs, 6, once, 0).auroc.value}


def truth_of_ward(ward: Ward) -> dict[str, float]:
    """Return the scores of a ward so large that chance has no part in them."""
    _, label, first, second = ward_rows(np.random.default_rng(99), ward, LARGE)
    both = [
        {score: float(of.ravel()[0]) for score, of in plain_scores(label, model, flagged).items()}
        for model, flagged in ((first, (first >= ward.share)[:, None]), (second, None))
    ]
    found = both[0]
    for score in ("auroc", "auprc", "brier"):
        found[f"difference of {score}"] = found[score] - both[1][score]
    found["net_benefit"] = float(net_benefit(label, first, np.array([ward.share]))[0])
    inside = (first >= _BIN[0]) & (first < _BIN[1])
    found["observed in a bin"] = float(label[inside].mean())
    return found


def coverage(
    truth: dict[str, float], sample: Callable[[int], Iterator[tuple[str, Estimate]]], runs: int
) -> pd.DataFrame:
    """Return how often each kind of interval holds the truth, and how wide it is."""
    rows = []
    for run in range(runs):
        for kind, (_, low, high) in sample(run):
            true = truth[kind.partition(",")[0]]
            rows.append((kind, true, not np.isnan(low), low <= true <= high, high - low))
    columns = ["interval", "truth", "given", "held", "width"]
    frame = pd.DataFrame(rows, columns=columns)
    given = frame[frame["given"]].groupby("interval", sort=False)
    table = frame.groupby("interval", sort=False).agg(
        truth=("truth", "first"), runs=("held", "size")
    )
    table["without_interval"] = 1 - frame.groupby("interval")["given"].sum() / runs
    table["coverage"], table["median_width"] = given["held"].mean(), given["width"].median()
    share = table["coverage"].clip(0.5 / runs, 1 - 0.5 / runs)
    table["monte_carlo_error"] = np.sqrt(share * (1 - share) / given.size())
    return table.reset_index()


def cells(runs: int, only: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each kind of sample with its table."""
    for name, ward in WARDS.items():
        if only in name:

            def sample(run: int, ward: Ward = ward) -> Iterator[tuple[str, Estimate]]:
                return of_ward(*ward_rows(np.random.default_rng([7, run]), ward), at=ward.share)

            yield name, coverage(truth_of_ward(ward), sample, runs)
    for name, size in ALARMS.items():
        if only in name:
            large = monitored(np.random.default_rng(99), *(8000 * of // sum(size) for of in size))

            def ring(run: int, size: tuple[int, int] = size) -> Iterator[tuple[str, Estimate]]:
                return of_alarms(monitored(np.random.default_rng([7, run]), *size))

            yield name, coverage(values_of_alarms(large), ring, runs)


def main() -> None:
    """Write the table and print the verdicts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100, help="samples of each kind")
    parser.add_argument("--only", default="", help="kinds whose name has this in it")
    parser.add_argument("--table", type=Path, help="CSV to write")
    options = parser.parse_args()
    tables = []
    for name, table in cells(options.runs, options.only):
        print(f"\n{name}, {options.runs} samples", flush=True)
        print(table.drop(columns="runs").round(4).to_string(index=False), flush=True)
        tables.append(table.assign(sample=name))
    found = pd.concat(tables)
    if options.table:
        found[["sample", *found.columns.drop("sample")]].round(5).to_csv(options.table, index=False)
    error = 3 * found["monte_carlo_error"]
    missed = found[(found["coverage"] + error < LEAST) | (found["coverage"] - error > MOST)]
    for row in missed.itertuples():
        print(f"outside {LEAST} to {MOST}: {row.sample}: {row.interval} {row.coverage:.3f}")


if __name__ == "__main__":
    main()
