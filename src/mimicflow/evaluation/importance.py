"""Combine the importance of features over folds: one table, and a figure of the leading ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mimicflow.errors import ConfigError, InputError
from mimicflow.evaluation.figures.canvas import BLUE, GREY, INK, figure_file
from mimicflow.evaluation.study import Study
from mimicflow.evaluation.titles import full_titles
from mimicflow.reference import reference
from mimicflow.running.writing import write_csv

COLUMNS = ["model", "title", "feature", "group", "measure", "mean", "sd", "rank"]
KINDS = {
    "training": {"impurity": "Share of impurity decrease", "gain": "Share of gain"},
    "permutation": {"permutation": "Fall of AUROC when shuffled"},
    "shap": {"shap": "Mean |SHAP value|"},
}
"""Figure -> the kinds of importance that it shows, with the words on the axis."""

_KEYS = ["feature", "group", "measure"]
_LONGEST_LABEL = 40  # characters


def feature_labels() -> pd.Series:
    """Return the readable name of each static feature, indexed by its name."""
    table = pd.read_csv(reference("feature_labels.csv"))
    return table.set_index("name")["label"]


def combine_importance(
    folds: Mapping[str, Sequence[str | Path]],
    subsets: Mapping[str, str],
    table: str | Path,
    figures: Mapping[str, str | Path],
    study: Study,
    *,
    top: int = 20,
) -> None:
    """Write mean and SD over folds of every kind, and draw the leading features.

    Parameters
    ----------
    folds : mapping of str to sequence of path-like
        Model -> its CSV of each fold (feature, group, measure, value), written by
        `mimicflow.admission.explanations.explain_baselines.explain_baseline`.
    subsets : mapping of str to str
        Model -> the subset that it was fitted on, which stands with its title.
    table : path-like
        CSV: model, title, feature, group, measure, mean, sd, rank (1: largest mean of the model
        and kind of importance, which is the column ``measure``). With one fold there is no SD.
    figures : mapping of str to path-like
        ``training`` (impurity or gain), ``permutation`` and ``shap``, as many as wanted -> PNG.
    study : Study
        Whose figure it is.
    top : int
        Features shown per model.

    Raises
    ------
    ConfigError
        For a figure that does not exist.
    InputError
        When the folds of a model do not hold the same features and kinds.
    """
    unknown = sorted(set(figures) - set(KINDS))
    if unknown:
        raise ConfigError(
            f"no figure of importance is called {unknown[0]!r}",
            remedy=f"use {', '.join(KINDS)}",
        )
    titles = full_titles(study.titles, subsets)
    tables = [
        _over_folds(paths).assign(model=model, title=titles[model])
        for model, paths in folds.items()
    ]
    combined = pd.concat(tables, ignore_index=True)[COLUMNS]
    write_csv(combined, table)
    n_folds = max(len(paths) for paths in folds.values())
    for name, path in figures.items():
        draw_importance(combined, path, name, study, n_folds=n_folds, top=top)


def _over_folds(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Mean, SD and rank of each feature and kind of one model."""
    first, *others = (pd.read_csv(path) for path in paths)
    values = [first["value"]]
    for table, path in zip(others, paths[1:], strict=True):
        if not table[_KEYS].equals(first[_KEYS]):
            raise InputError(
                f"other features or kinds than in {paths[0]}",
                file=path,
                remedy="explain all folds again, with the same table of features",
            )
        values.append(table["value"])
    together = np.stack(values)
    sd = together.std(axis=0, ddof=1) if len(together) > 1 else np.nan
    table = first[_KEYS].assign(mean=together.mean(axis=0), sd=sd)
    rank = table.groupby("measure")["mean"].rank(ascending=False, method="min")
    return table.assign(rank=rank.astype(int)).sort_values(["measure", "rank"], kind="stable")


def draw_importance(
    table: pd.DataFrame,
    path: str | Path,
    name: str,
    study: Study,
    *,
    n_folds: int,
    top: int = 20,
) -> None:
    """Draw the leading features of each model, side by side, with the SD over folds.

    Parameters
    ----------
    table : pandas.DataFrame
        As `combine_importance` writes it.
    path : path-like
        PNG to write.
    name : {"training", "permutation", "shap"}
        What is shown.
    n_folds : int
        Folds that the table is made of.
    study : Study
        Whose figure it is.
    top : int
        Features per model.
    """
    words = KINDS[name]
    shown = table[table["measure"].isin(words)]
    models = shown["model"].unique()
    columns = min(2, len(models))
    rows = -(-len(models) // columns)
    with figure_file(path, study, (5.6 * columns, (1.1 + 0.25 * top) * rows)) as figure:
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, model in zip(panels, models, strict=False):
            of_model = shown[shown["model"] == model]
            label = words[of_model["measure"].iloc[0]]
            if name == "shap":
                boosted = ((table["model"] == model) & (table["measure"] == "gain")).any()
                label += ", log-odds" if boosted else ", probability"
            if n_folds > 1:
                label += f"\n(mean ± SD over {n_folds} folds)"
            _panel(axes, of_model.nsmallest(top, "rank"), label)
        for axes in panels[len(models) :]:
            axes.set_axis_off()


def _panel(axes: Axes, leading: pd.DataFrame, label: str) -> None:
    named = leading["feature"].map(feature_labels()).fillna(leading["feature"])
    names = [
        name if len(name) <= _LONGEST_LABEL else f"{name[: _LONGEST_LABEL - 1].rstrip()}…"
        for name in named
    ]
    places = np.arange(len(leading))
    axes.barh(places, leading["mean"], color=BLUE, height=0.7)
    if leading["sd"].notna().any():
        axes.errorbar(
            leading["mean"], places, xerr=leading["sd"], fmt="none", ecolor=INK,
            elinewidth=1, capsize=2,
        )  # fmt: skip
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_yticks(places, names, fontsize=8.5)
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.set(ylim=(len(leading) - 0.4, -0.6))
    axes.set_xlabel(label, fontsize=9)
    axes.set_title(leading["title"].iloc[0])


def compare_with_truth(importance: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Say where features stand of which it is known whether they carry signal.

    Only of synthetic patients is that known.

    Parameters
    ----------
    importance : pandas.DataFrame
        model, feature, measure, mean; as `combine_importance` writes it.
    truth : pandas.DataFrame
        feature, role: ``signal`` or ``noise``. Features that are not listed are not judged.

    Returns
    -------
    pandas.DataFrame
        One row per model and kind: signal_rank and noise_rank (median rank among all features,
        1 is first), first_noise_rank (of the leading noise feature), signal_first (share of the
        pairs in which the signal feature stands before the noise feature; ties count half).

    Raises
    ------
    InputError
        When a listed feature is absent, or one role has none.
    """
    roles = truth.set_index("feature")["role"]
    absent = roles.index.difference(importance["feature"])
    if len(absent) or set(roles) != {"signal", "noise"}:
        raise InputError(
            f"the truth lists {len(absent)} unknown features and the roles {sorted(set(roles))}",
            remedy="list features of the table, some as signal and some as noise",
        )
    rows = []
    for (model, kind), of_model in importance.groupby(["model", "measure"], sort=False):
        values = of_model.set_index("feature")["mean"]
        rank = values.rank(ascending=False)
        signal, noise = (roles.index[roles == role] for role in ("signal", "noise"))
        ahead = values[signal].to_numpy()[:, None] - values[noise].to_numpy()
        rows.append(
            {
                "model": model,
                "measure": kind,
                "signal_rank": rank[signal].median(),
                "noise_rank": rank[noise].median(),
                "first_noise_rank": rank[noise].min(),
                "signal_first": float(np.mean((ahead > 0) + 0.5 * (ahead == 0))),
            }
        )
    return pd.DataFrame(rows)
