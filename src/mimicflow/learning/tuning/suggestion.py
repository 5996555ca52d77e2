"""Suggest what to try next, by Optuna, from what was tried before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from mimicflow.learning.tuning.space import Parameter, Settings, read_space
from mimicflow.learning.tuning.trials import COMPLETE, SCORE, read_trials
from mimicflow.running.writing import write_json


def suggest_trials(
    number: int,
    trials: int,
    space: Mapping[str, Settings],
    own: Settings,
    done: Sequence[str | Path],
    seed: int,
    output: str | Path,
) -> None:
    """Write the parameters of the trials of a round.

    Parameters
    ----------
    number : int
        Of the round, from 0. The first trial of round 0 is the configuration itself.
    trials : int
        Of each round.
    space : mapping of str to mapping
        As `mimicflow.learning.tuning.space.read_space` takes it.
    own : mapping
        Values of these keys in the configuration.
    done : sequence of path-like
        The trials of all rounds before, as `mimicflow.learning.tuning.trials.run_trial` wrote
        them. Nothing else decides what is suggested: no database is kept, and the same trials,
        round and seed suggest the same.
    seed : int
        Of the draws.
    output : path-like
        JSON: ``round``, and ``trials``, each with ``number`` and ``parameters`` by dotted key.

    Notes
    -----
    Until ten trials are there they are drawn at random, then by the tree-structured Parzen
    estimator (Bergstra et al., NIPS 2011) as Optuna has it. What of a round is
    suggested already counts as bad for the next, so that its trials lie apart.
    """
    distributions = {of.key: _distribution(of) for of in read_space(space, own)}
    draw = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=draw, constant_liar=True)
    )
    inside = [of for of in read_trials(done) if _is_inside(of["parameters"], space, own)]
    study.add_trials([_known(trial, distributions) for trial in inside])
    first = [dict(own)] if number == 0 else []
    suggested = first + [study.ask(distributions).params for _ in range(trials - len(first))]
    rows = [
        {"number": number * trials + place, "parameters": parameters}
        for place, parameters in enumerate(suggested)
    ]
    write_json({"round": number, "trials": rows}, output)


def _distribution(of: Parameter) -> BaseDistribution:
    if of.low is None or of.high is None:
        return CategoricalDistribution(of.choices)
    if isinstance(of.low, int) and isinstance(of.high, int):
        return IntDistribution(of.low, of.high, log=of.log)
    return FloatDistribution(of.low, of.high, log=of.log)


def _is_inside(parameters: Settings, space: Mapping[str, Settings], own: Settings) -> bool:
    """Return whether a trial lies in the space: the configuration itself need not."""
    return all(
        of.key in parameters and of.holds(parameters[of.key]) for of in read_space(space, own)
    )


def _known(trial: Mapping[str, Any], distributions: Mapping[str, BaseDistribution]) -> FrozenTrial:
    """Return a trial as Optuna knows it; one without a score has failed."""
    complete = trial["state"] == COMPLETE
    return create_trial(
        state=TrialState.COMPLETE if complete else TrialState.FAIL,
        value=trial[SCORE] if complete else None,
        params=dict(trial["parameters"]),
        distributions=dict(distributions),
    )
