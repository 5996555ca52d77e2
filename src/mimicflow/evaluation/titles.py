"""Read the titles under which tables and figures show models and subsets of stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from mimicflow.errors import ConfigError
from mimicflow.reference import reference

SUBSETS = {
    "all": "All stays",
    "multi": "Stays with ≥ 2 ECGs",
    "first_icu": "First ICU stays",
}
"""Headings of the subsets of stays that models are fitted and scored on."""


def published_scores() -> pd.DataFrame:
    """Return what was published of each model: ``title, auroc, auprc, source``, by its name."""
    return pd.read_csv(reference("published_scores.csv")).set_index("model")


def read_titles() -> dict[str, str]:
    """Return the title of each model that has one, by its name."""
    return published_scores()["title"].to_dict()


def full_titles(titles: Mapping[str, str], subsets: Mapping[str, str]) -> dict[str, str]:
    """Return the title of each model with its subset, for where both subsets stand together.

    Parameters
    ----------
    titles : mapping of str to str
        By model; one without is shown by its name.
    subsets : mapping of str to str
        ``all`` or ``multi``, by model name.
    """
    return {
        model: f"{titles.get(model, model)}, {SUBSETS[subset][0].lower()}{SUBSETS[subset][1:]}"
        for model, subset in subsets.items()
    }


def by_subset(models: Iterable[str], subsets: Mapping[str, str]) -> list[str]:
    """Return the models, those of the same subset together, their order kept within.

    Parameters
    ----------
    models : iterable of str
        Names of models.
    subsets : mapping of str to str
        ``all`` or ``multi``, by model name.

    Raises
    ------
    ConfigError
        A model without an entry in ``subsets``.
    """
    models = list(models)
    unknown = [model for model in models if model not in subsets]
    if unknown:
        raise ConfigError(
            f"no subset of stays given for {', '.join(unknown)}", remedy="name all or multi"
        )
    return sorted(models, key=lambda model: subsets[model])
