"""Read the titles under which tables and figures show models and subsets of stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from mimicflow.errors import ConfigError

SUBSETS = {
    "all": "All stays",
    "multi": "Stays with ≥ 2 ECGs",
    "first_icu": "First ICU stays",
}
"""Headings of the subsets of stays that models are fitted and scored on."""


def read_titles(published_scores: str | Path) -> dict[str, str]:
    """Return the title of each model.

    Parameters
    ----------
    published_scores : path-like
        CSV with the columns ``model`` and ``title``; a model without a row is shown by its name.
    """
    table = pd.read_csv(published_scores)
    return dict(zip(table["model"], table["title"], strict=True))


def read_full_titles(published_scores: str | Path, subsets: Mapping[str, str]) -> dict[str, str]:
    """Return the title of each model with its subset, for where both subsets stand together.

    Parameters
    ----------
    published_scores : path-like
        As in `read_titles`.
    subsets : mapping of str to str
        ``all`` or ``multi``, by model name.
    """
    titles = read_titles(published_scores)
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
