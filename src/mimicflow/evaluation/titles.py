"""Read the titles under which tables and figures show models and sets of stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from mimicflow.errors import ConfigError

STAYS = {
    "all": "All stays",
    "multi": "Stays with ≥ 2 ECGs",
    "first_icu": "First ICU stays",
}
"""Headings of the sets of stays that models are fitted and scored on."""


def read_titles(published_scores: str | Path) -> dict[str, str]:
    """Return the title of each model.

    Parameters
    ----------
    published_scores : path-like
        CSV with the columns ``model`` and ``title``; a model without a row is shown by its name.
    """
    table = pd.read_csv(published_scores)
    return dict(zip(table["model"], table["title"], strict=True))


def read_full_titles(published_scores: str | Path, stays: Mapping[str, str]) -> dict[str, str]:
    """Return the title of each model with its stays, for where both sets stand together.

    Parameters
    ----------
    published_scores : path-like
        As in `read_titles`.
    stays : mapping of str to str
        ``all`` or ``multi``, by model name.
    """
    titles = read_titles(published_scores)
    return {
        model: f"{titles.get(model, model)}, {STAYS[kind][0].lower()}{STAYS[kind][1:]}"
        for model, kind in stays.items()
    }


def by_stays(models: Iterable[str], stays: Mapping[str, str]) -> list[str]:
    """Return the models, those of the same set of stays together, their order kept within.

    Parameters
    ----------
    models : iterable of str
        Names of models.
    stays : mapping of str to str
        ``all`` or ``multi``, by model name.

    Raises
    ------
    ConfigError
        A model without an entry in ``stays``.
    """
    models = list(models)
    unknown = [model for model in models if model not in stays]
    if unknown:
        raise ConfigError(
            f"no set of stays given for {', '.join(unknown)}", remedy="name all or multi"
        )
    return sorted(models, key=lambda model: stays[model])
