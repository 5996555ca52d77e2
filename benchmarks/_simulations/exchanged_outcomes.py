"""How often the audit finds something in exchanged outcomes, in sound workflows and in others.

Three made systems of the sizes of the default run (stays with rows of one patient alike, outcomes
of stays or of patients) exchange their outcomes five times, are split by patient, and linear models
on halves of the features are fitted and tested: as many intervals as the audit judges by default.
Beside that, whether a single feature alone would have been named. `exchanged_outcomes.csv` is the
table of 1,000 sound audits and 100 of each other kind.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from mimicflow.audit.permuted_labels import CHANCE, simultaneous_level
from mimicflow.evaluation.statistics.delong import auroc_interval

TABLE = Path(__file__).with_suffix(".csv")
BAR = 0.05
PERMUTATIONS = 5
NAMED = 0.9  # audit.single_auroc
_FEATURES, _SIGNALS, _NOISE, _SELECTED = 30, 5, 200, 10
Values = np.ndarray


@dataclass(frozen=True)
class System:
    """Sizes of a system; outcomes are those of rows (stays), or of whole patients."""

    patients: int
    rows: float
    events: float
    models: int
    of_patients: bool


SYSTEMS = (
    System(1900, 1.25, 0.43, 4, of_patients=False),  # admission
    System(1000, 1.0, 0.22, 4, of_patients=True),  # mortality, two protocols
    System(360, 13.0, 0.24, 3, of_patients=True),  # arrest
)
TESTS = PERMUTATIONS * sum(system.models for system in SYSTEMS)


@dataclass(frozen=True)
class Made:
    """Rows of a system: patient of each, true outcome, what models see."""

    patient: np.ndarray
    truth: np.ndarray
    values: Values


def draw(generator: np.random.Generator, system: System) -> Made:
    """Return rows whose features know the true outcome in part, and their patients."""
    sizes = generator.geometric(1 / system.rows, system.patients)
    patient = np.repeat(np.arange(system.patients), sizes)
    drawn = system.patients if system.of_patients else len(patient)
    outcome = (generator.random(drawn) < system.events).astype(int)
    truth = outcome[patient] if system.of_patients else outcome
    own = generator.normal(size=(system.patients, _FEATURES))[patient]
    values = own + generator.normal(size=(len(patient), _FEATURES))
    values[:, :_SIGNALS] += truth[:, None]
    return Made(patient, truth, values)


def exchange(generator: np.random.Generator, system: System, made: Made) -> np.ndarray:
    """Return the outcomes exchanged between rows, or between patients."""
    if not system.of_patients:
        return generator.permutation(made.truth)
    of_patient = np.zeros(system.patients, dtype=int)
    of_patient[made.patient] = made.truth
    return generator.permutation(of_patient)[made.patient]


def held_out(generator: np.random.Generator, patient: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return which rows are tested: a fifth of the patients, of either outcome."""
    outcome = np.zeros(patient.max() + 1, dtype=int)
    np.maximum.at(outcome, patient, label)
    tested = np.zeros(len(outcome), dtype=bool)
    for kind in (0, 1):
        of_kind = generator.permutation(np.flatnonzero(outcome == kind))
        tested[of_kind[: len(of_kind) // 5]] = True
    return tested[patient]


def fitted(values: Values, label: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Return the score of every row by a linear model of the rows that train."""
    centred = values - values[train].mean(axis=0)
    seen, aim = centred[train], label[train] - label[train].mean()
    ridge = seen.T @ seen + len(aim) / 10 * np.eye(values.shape[1])
    return np.asarray(centred @ np.linalg.solve(ridge, seen.T @ aim))


def sound(
    generator: np.random.Generator, made: Made, label: np.ndarray, test: np.ndarray
) -> Values:
    """Return what a model sees: half of the features."""
    return made.values[:, generator.permutation(_FEATURES)[: _FEATURES // 2]]


def outcome_exchanged(
    generator: np.random.Generator, made: Made, label: np.ndarray, test: np.ndarray
) -> Values:
    """Return the same, and what was made of the outcome where it had been exchanged."""
    return np.column_stack([sound(generator, made, label, test), _nearly(generator, label)])


def outcome_before(
    generator: np.random.Generator, made: Made, label: np.ndarray, test: np.ndarray
) -> Values:
    """Return the same, and what was made of the outcome before it was exchanged."""
    return np.column_stack([sound(generator, made, label, test), _nearly(generator, made.truth)])


def selected_by(truth: bool, everybody: bool) -> Callable[..., Values]:
    """Return a selection of features that know nothing, by true or exchanged outcomes."""

    def seen(
        generator: np.random.Generator, made: Made, label: np.ndarray, test: np.ndarray
    ) -> Values:
        own = generator.normal(size=(made.patient.max() + 1, _NOISE))[made.patient]
        noise = own + generator.normal(size=own.shape)
        values = np.column_stack([made.values[:, :_SIGNALS], noise])
        rows = np.ones(len(test), dtype=bool) if everybody else ~test
        aim = (made.truth if truth else label)[rows]
        difference = values[rows][aim == 1].mean(axis=0) - values[rows][aim == 0].mean(axis=0)
        return values[:, np.argsort(-np.abs(difference))[:_SELECTED]]

    return seen


def _nearly(generator: np.random.Generator, outcome: np.ndarray) -> np.ndarray:
    return outcome + 0.2 * generator.normal(size=len(outcome))


@dataclass(frozen=True)
class Workflow:
    """What a workflow does wrong, if anything, and whether the permuted outcomes must find it."""

    what: str
    found: bool
    seen: Callable[..., Values] = sound
    exchanged: bool = True


WORKFLOWS = (
    Workflow("sound", found=False),
    Workflow("outcomes not exchanged", found=True, exchanged=False),
    Workflow("a feature made of the exchanged outcome", found=True, seen=outcome_exchanged),
    Workflow("a feature made of the outcome before the exchange", found=False, seen=outcome_before),
    Workflow(
        "features selected by true outcomes of training patients, as in arrest",
        found=False,
        seen=selected_by(truth=True, everybody=False),
    ),
    Workflow(
        "features selected by true outcomes of all patients",
        found=False,
        seen=selected_by(truth=True, everybody=True),
    ),
    Workflow(
        "features selected by exchanged outcomes of all patients",
        found=True,
        seen=selected_by(truth=False, everybody=True),
    ),
)


def audit(generator: np.random.Generator, workflow: Workflow) -> tuple[list[float], int, bool]:
    """Return the AUROCs, how many intervals do not hold 0.5, and whether a feature is named."""
    aurocs, failed, named = [], 0, False
    for system in SYSTEMS:
        made = draw(generator, system)
        for _ in range(PERMUTATIONS):
            label = exchange(generator, system, made) if workflow.exchanged else made.truth
            test = held_out(generator, made.patient, label)
            for _ in range(system.models):
                values = workflow.seen(generator, made, label, test)
                score = fitted(values, label, ~test)
                auroc, low, high = auroc_interval(
                    label[test],
                    score[test],
                    level=simultaneous_level(TESTS),
                    patient=made.patient[test],
                )
                aurocs.append(auroc)
                failed += not low <= CHANCE <= high
        named |= _auroc(made.truth, values[:, -1]) > NAMED
    return aurocs, failed, named


def _auroc(label: np.ndarray, score: np.ndarray) -> float:
    events = label == 1
    ranks = rankdata(score)[events].sum() - events.sum() * (events.sum() + 1) / 2
    return float(ranks / events.sum() / (~events).sum())


def simulate(workflow: Workflow, audits: int) -> dict[str, object]:
    """Return how often an audit of such a workflow fails."""
    generator = np.random.default_rng([WORKFLOWS.index(workflow), 1])
    found = [audit(generator, workflow) for _ in range(audits)]
    failed = np.array([count for _, count, _ in found])
    share = float((failed > 0).mean())
    return {
        "workflow": workflow.what,
        "must_be_found": workflow.found,
        "audits": audits,
        "intervals": TESTS,
        "mean_auroc": np.mean([auroc for aurocs, _, _ in found for auroc in aurocs]),
        "audits_failed": share,
        "intervals_failed": failed.mean() / TESTS,
        "named_alone": np.mean([named for _, _, named in found]),
        "monte_carlo_error": np.sqrt(max(share * (1 - share), 1 / audits) / audits),
    }


def main() -> None:
    """Simulate every workflow and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--audits", type=int, default=1000, help="sound ones; of others a tenth")
    parser.add_argument("--table", type=Path, help="CSV to write")
    options = parser.parse_args()
    table = pd.DataFrame(
        [
            simulate(each, options.audits if each.what == "sound" else options.audits // 10)
            for each in WORKFLOWS
        ]
    ).round(4)
    print(table.to_string(index=False))
    if options.table:
        table.to_csv(options.table, index=False)
    allowed = BAR + 2 * table["monte_carlo_error"]
    share, must = table["audits_failed"], table["must_be_found"]
    wrong = (must & (share < 1 - BAR)) | (~must & (share > allowed))
    sys.exit(bool(wrong.any()))


if __name__ == "__main__":
    main()
