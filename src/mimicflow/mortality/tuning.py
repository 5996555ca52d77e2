"""Try other settings of a model of mortality; validation patients say how good they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mimicflow.learning.tuning.space import section
from mimicflow.learning.tuning.trials import PREDICTIONS, run_trial
from mimicflow.mortality.baselines import fit_bag_of_codes
from mimicflow.mortality.training import FitFiles, train_visit_network
from mimicflow.running.configuration import merged


def try_visit_network(
    name: str,
    number: int,
    *,
    suggested: str | Path,
    output: str | Path,
    network: Mapping[str, Any],
    training: Mapping[str, Any],
    seed: int,
    **others: Any,
) -> None:
    """Train a network once as a trial says, and score it.

    Parameters
    ----------
    name : str
        Of the network, as in the configuration.
    number, suggested, output, seed
        As `mimicflow.learning.tuning.trials.run_trial` takes them.
    network, training : mapping
        Sections ``mortality.networks.<name>`` and ``mortality.training``, of which the trial
        changes keys, with what the protocol says of them.
    **others
        As `mimicflow.mortality.training.train_visit_network` takes them; the spine is without test
        patients.

    Raises
    ------
    ConfigError, CohortError, InputError
        A setting, patients or suggestions that cannot be used.
    """

    def fit(overlay: dict[str, Any], folder: Path) -> None:
        train_visit_network(
            name,
            network=merged(network, section(overlay, "mortality", "networks", name)),
            training=merged(training, section(overlay, "mortality", "training")),
            outputs=_files(folder),
            seeds=1,
            seed=seed,
            reported="validation",
            **others,
        )

    run_trial(number, suggested, output, fit, seed=seed)


def try_bag_of_codes(
    name: str,
    number: int,
    *,
    suggested: str | Path,
    output: str | Path,
    options: Mapping[str, Any],
    pos_weight: str,
    seed: int,
    **others: Any,
) -> None:
    """Fit a baseline on bags of codes once as a trial says, and score it.

    Parameters
    ----------
    name : {"logistic_regression", "lightgbm"}
        The method.
    number, suggested, output, seed
        As `mimicflow.learning.tuning.trials.run_trial` takes them.
    options, pos_weight
        ``mortality.baselines.<name>`` and ``mortality.training.pos_weight``, which the trial
        changes.
    **others
        As `mimicflow.mortality.baselines.fit_bag_of_codes` takes them; the spine is without test
        patients.

    Raises
    ------
    ConfigError, CohortError, InputError
        A method, patients or suggestions that cannot be used.
    """

    def fit(overlay: dict[str, Any], folder: Path) -> None:
        fit_bag_of_codes(
            name,
            options=merged(options, section(overlay, "mortality", "baselines", name)),
            pos_weight=section(overlay, "mortality", "training").get("pos_weight", pos_weight),
            outputs=_files(folder),
            seeds=1,
            seed=seed,
            reported="validation",
            **others,
        )

    run_trial(number, suggested, output, fit, seed=seed)


def _files(folder: Path) -> FitFiles:
    return FitFiles(
        model=folder / "model.pth",
        predictions=folder / PREDICTIONS,
        repeats=folder / "repeats.csv",
        timing=folder / "timing.json",
    )
