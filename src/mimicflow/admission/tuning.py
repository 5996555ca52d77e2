"""Try other settings of a model of admission; validation patients say how good they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mimicflow.admission.baselines import fit_baseline
from mimicflow.admission.training import OutputFiles, train_model
from mimicflow.learning.tuning.space import section
from mimicflow.learning.tuning.trials import PREDICTIONS, run_trial
from mimicflow.running.configuration import merged


def try_model(
    name: str,
    number: int,
    *,
    suggested: str | Path,
    output: str | Path,
    model: Mapping[str, Any],
    seed: int,
    **others: Any,
) -> None:
    """Train one of the variants as a trial says, and score it.

    Parameters
    ----------
    name : str
        Of the variant, as in the configuration.
    number, suggested, output, seed
        As `mimicflow.learning.tuning.trials.run_trial` takes them.
    model : mapping
        Configuration subtree ``models.<name>``, of which the trial changes keys.
    **others
        As `mimicflow.admission.training.train_model` takes them; ``inputs`` have a spine without
        test patients.

    Raises
    ------
    ConfigError, CohortError, CheckpointError, InputError
        A setting, a cohort, an encoder or suggestions that cannot be used.
    """

    def fit(overlay: dict[str, Any], folder: Path) -> None:
        changed = merged(model, section(overlay, "models", name))
        outputs = OutputFiles(
            weights=folder / "model.pth",
            predictions=folder / PREDICTIONS,
            history=folder / "history.csv",
            confusion=folder / "confusion.csv",
            config=folder / "config.yaml",
        )
        train_model(name, model=changed, outputs=outputs, seed=seed, **others)

    run_trial(number, suggested, output, fit, seed=seed)


def try_baseline(
    kind: str,
    number: int,
    *,
    suggested: str | Path,
    output: str | Path,
    options: Mapping[str, Any],
    seed: int,
    **others: Any,
) -> None:
    """Fit a baseline as a trial says, and score it.

    Parameters
    ----------
    kind : {"random_forest", "lightgbm"}
        The method.
    number, suggested, output, seed
        As `mimicflow.learning.tuning.trials.run_trial` takes them.
    options : mapping
        Configuration subtree ``baselines.<kind>``, of which the trial changes keys.
    **others
        As `mimicflow.admission.baselines.fit_baseline` takes them; the spine is without test
        patients.

    Raises
    ------
    ConfigError, InputError, CohortError
        An option, features, a cohort or suggestions that cannot be used.
    """

    def fit(overlay: dict[str, Any], folder: Path) -> None:
        outputs = {
            "predictions": folder / PREDICTIONS,
            "importance": folder / "importance.csv",
            "config": folder / "config.yaml",
            **({"model": folder / "model.txt"} if kind == "lightgbm" else {}),
        }
        changed = merged(options, section(overlay, "baselines", kind))
        fit_baseline(kind, options=changed, outputs=outputs, seed=seed, **others)

    run_trial(number, suggested, output, fit, seed=seed)
