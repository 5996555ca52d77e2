"""Gather the features of the epochs that are kept, and count the dropped epochs by reason."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.arrest.hrv_features import EPOCH_REASONS, read_shard
from mimicflow.arrest.slopes import slope_kinds, slope_names, slopes_of
from mimicflow.arrest.vital_features import vital_features, vital_ranges
from mimicflow.errors import CohortError, ConfigError, InputError
from mimicflow.evaluation.smallest_cell import hide_rows, shown_sets
from mimicflow.evaluation.study import Study
from mimicflow.hrv.measures import MEASURES
from mimicflow.reference import reference
from mimicflow.running.writing import write_csv, write_parquet

log = logging.getLogger(__name__)

HRV, VITAL, BOTH = "hrv", "clinical", "both"
"""What a model sees; published files call the vital signs clinical."""
_TABLES = {"measure": reference("hrv_measures.csv"), "feature": reference("clinical_features.csv")}
KEYS = (
    *("epoch_id", "subject_id", "stay_id", "start", "end"),
    *("split", "fold", "label", "hours_to_arrest"),
)
KEPT = "kept"
_STAYS = {1: "event", 0: "control"}
_PARTS = {"train": "development", "test": "test"}


def feature_names(kind: str, measures: str | Sequence[str] = "all") -> list[str]:
    """Return the features that are offered to the selection of a model.

    Parameters
    ----------
    kind : {"hrv", "clinical", "both"}
        What the model sees: heart-rate variability, vital signs, or both and the slopes of both.
    measures : "all" or sequence of str
        The HRV measures to offer, in any order.

    Raises
    ------
    ConfigError
        A measure that is not among the 43.
    """
    vitals = list(vital_features())
    if kind == VITAL:
        return vitals
    unknown = [] if measures == "all" else sorted(set(measures) - set(MEASURES))
    if unknown:
        raise ConfigError(
            f"arrest.measures names {', '.join(unknown)}, which nothing computes",
            remedy=f"choose among {', '.join(MEASURES)}",
        )
    hrv = [name for name in MEASURES if measures == "all" or name in measures]
    return hrv if kind == HRV else [*hrv, *vitals, *slope_names([*hrv, *vital_ranges().index])]


def of_vital_signs(names: Sequence[str]) -> list[str]:
    """Return those of the features that need vital signs: vital features, and slopes of them."""
    known = {*vital_features(), *slope_names(list(vital_ranges().index))}
    return [name for name in names if name in known]


def feature_table() -> pd.DataFrame:
    """Return what each feature is: unit ("" for none) and text, by its name; slopes last."""
    tables = [
        pd.read_csv(file, keep_default_na=False).set_index(name)[["unit", "text"]]
        for name, file in _TABLES.items()
    ]
    known = pd.concat(tables)
    sloping = known.loc[[*MEASURES, *vital_ranges().index]]
    slopes = [
        pd.DataFrame(
            {"unit": sloping["unit"] + "/h", "text": sloping["text"] + f": {kind.text}"}
        ).set_axis([f"{name}_{kind.Index}" for name in sloping.index])
        for kind in slope_kinds().itertuples()
    ]
    return pd.concat([known, *slopes])


def finite(features: pd.DataFrame) -> pd.DataFrame:
    """Return the features with NaN for what is infinite: ratios to a variability of zero.

    Paced rhythm gives such ratios; a model cannot weigh them against finite ones.
    """
    return features.where(np.isfinite(features), np.nan)


def count_epochs(
    plan: str | Path, measured: Sequence[str | Path], output: str | Path, study: Study
) -> None:
    """Write how many epochs were kept, and how many dropped by reason.

    Parameters
    ----------
    plan : path-like
        Parquet of the planned epochs.
    measured : sequence of path-like
        Parquet of the measured epochs, all shards.
    output : path-like
        CSV to write: stays (event or control), reason (``kept`` first), description, epochs,
        stays_with and patients (those with at least one such epoch), suppressed: the counts of a
        reason are hidden where they, or what is left beside others, are of a few patients. Reasons
        that no epoch has are left out.
    study : Study
        Who may be shown.

    Raises
    ------
    InputError
        When the measured epochs are not those of the plan.
    """
    epochs = pd.read_parquet(plan, columns=["epoch_id", "subject_id", "stay_id", "label"])
    reasons = read_measured(measured, ["reason"], epochs["epoch_id"])["reason"]
    epochs = epochs.assign(reason=reasons.to_numpy())
    rows, counted = [], []
    for label, stays in _STAYS.items():
        for reason, description in EPOCH_REASONS.items():
            found = epochs[(epochs["label"] == label) & (epochs["reason"] == reason)]
            if reason and found.empty:
                continue
            counted.append(found)
            rows.append(
                {
                    "stays": stays,
                    "reason": reason or KEPT,
                    "description": description,
                    "epochs": len(found),
                    "stays_with": found["stay_id"].nunique(),
                    "patients": found["subject_id"].nunique(),
                }
            )
    table = pd.DataFrame(rows)
    if table["epochs"].sum() != len(epochs):
        unknown = sorted(set(epochs["reason"]) - set(EPOCH_REASONS))
        raise InputError(
            f"the measured epochs give reasons without a text: {', '.join(unknown)}",
            remedy="delete results/arrest/hrv_epochs and run again",
        )
    hidden = pd.Series(_hidden(epochs, counted, study.smallest_cell))
    write_csv(hide_rows(table, hidden, ["epochs", "stays_with", "patients"]), output)


def _hidden(epochs: pd.DataFrame, counted: list[pd.DataFrame], smallest: int) -> list[bool]:
    """Return of which groups of epochs the counts are hidden; readers know those of all classes."""
    named = {str(number): rows for number, rows in enumerate(counted)}
    classes = {f"of {label}": rows for label, rows in epochs.groupby("label")}
    shown = set(named)
    for keys in (["stay_id", "subject_id"], ["epoch_id", "subject_id"]):
        found = {name: named[name] for name in named if name in shown} | classes
        sets = {name: rows[keys].drop_duplicates() for name, rows in found.items()}
        shown &= shown_sets(sets, smallest, first=classes)
    return [name not in shown for name in named]


def add_slopes(
    plan: str | Path,
    measured: str | Path,
    vitals: str | Path,
    output: str | Path,
    *,
    shard: int,
) -> None:
    """Write measures, vital features and the slopes of both, of the epochs of one shard.

    All epochs of a patient are in one shard, so that those before an epoch are there. A slope is
    made of the measures of kept epochs, and of the medians of the vital signs of planned ones.

    Parameters
    ----------
    plan : path-like
        Parquet of the planned epochs.
    measured, vitals : path-like
        Parquet of the measures and of the vital features of this shard.
    output : path-like
        Parquet to write, one row per epoch by epoch_id: epoch_id, the 43 measures, the 43 vital
        features, the slopes (see `mimicflow.arrest.slopes`); NaN where not known.
    shard : int
        Number of the shard.

    Raises
    ------
    InputError
        When measures or vital features are not those of the planned epochs.
    """
    epochs = read_shard(plan, shard)
    hrv, clinical = (
        read_measured([path], names, epochs["epoch_id"]).reset_index(drop=True)
        for path, names in ((measured, [*MEASURES]), (vitals, [*vital_features()]))
    )
    values = pd.concat([hrv, clinical], axis="columns")
    sloping = values[[*MEASURES, *vital_ranges().index]]
    slopes = slopes_of(sloping, epochs["stay_id"], epochs["start"], epochs["end"])
    known = int(slopes.notna().any(axis=1).sum())
    log.info("shard %d: %d of %d epochs with a slope", shard, known, len(epochs))
    write_parquet(pd.concat([epochs[["epoch_id"]], values, slopes], axis="columns"), output)


def gather_features(
    plan: str | Path,
    spine: str | Path,
    measured: Sequence[str | Path],
    values: Sequence[str | Path],
    names: Sequence[str],
    output: str | Path,
) -> None:
    """Write the features of the epochs that the quality of the ECG kept.

    The rows are the same for any kind of features, so that models are compared on the same epochs;
    a vital feature that is missing in such an epoch stays NaN.

    Parameters
    ----------
    plan : path-like
        Parquet of the planned epochs.
    spine : path-like
        Parquet of the stays with split and fold.
    measured : sequence of path-like
        Parquet of the measured epochs, all shards: their ``reason`` decides.
    values : sequence of path-like
        Parquet with the features by epoch_id, all shards.
    names : sequence of str
        Columns of ``values`` to take, in order.
    output : path-like
        Parquet to write, by epoch_id: ``KEYS``, then the features.

    Raises
    ------
    InputError
        When the measured epochs or the values are not those of the plan.
    CohortError
        When no epoch is kept, or none of one class in a part of the split.
    """
    epochs = pd.read_parquet(plan)
    reasons = read_measured(measured, ["reason"], epochs["epoch_id"])["reason"]
    features = read_measured(values, list(names), epochs["epoch_id"])
    of_stay = pd.read_parquet(spine, columns=["stay_id", "split", "fold"]).set_index("stay_id")
    kept = (reasons == "").to_numpy()
    rows = epochs[kept].join(of_stay, on="stay_id")
    _check_spine(rows, spine)
    _check_classes(rows, len(epochs))
    table = pd.concat(
        [rows[list(KEYS)].reset_index(drop=True), finite(features[kept]).reset_index(drop=True)],
        axis="columns",
    )
    log.info("%d of %d epochs kept, %d features", len(table), len(epochs), len(names))
    write_parquet(table.astype({"fold": "int64"}), output)


def read_measured(
    paths: Sequence[str | Path], names: list[str], epoch_id: pd.Series
) -> pd.DataFrame:
    """Return columns of all shards, in the order of the plan's epochs, which they must match.

    Parameters
    ----------
    paths : sequence of path-like
        Parquet of the measured epochs, all shards.
    names : list of str
        Columns.
    epoch_id : pandas.Series
        Those of the plan, ascending.

    Raises
    ------
    InputError
        When they are other epochs.
    """
    parts = [pd.read_parquet(path, columns=["epoch_id", *names]) for path in paths]
    # Concatenation with a part without rows would change types.
    rows = pd.concat([part for part in parts if len(part)] or parts[:1])
    rows = rows.sort_values("epoch_id", ignore_index=True)
    if len(rows) != len(epoch_id) or (rows["epoch_id"].to_numpy() != epoch_id.to_numpy()).any():
        raise InputError(
            f"holds {len(rows)} epochs that are not the {len(epoch_id)} of the plan",
            file=Path(paths[0]).parent,
            remedy="delete this folder and run again",
        )
    return rows[names]


def _check_spine(rows: pd.DataFrame, spine: str | Path) -> None:
    unknown = rows["split"].isna()
    if unknown.any():
        raise InputError(
            f"lacks {rows['stay_id'][unknown].nunique()} stays of which epochs are planned",
            file=spine,
            remedy="delete results/arrest/epochs.parquet and run again",
        )


def _check_classes(rows: pd.DataFrame, n_planned: int) -> None:
    """Refuse epochs on which nothing can be learnt or evaluated."""
    remedy = (
        "lower arrest.preprocessing.good_index or good_share in config.yaml, and see "
        "results/arrest/epochs.csv for the reasons; or use more recordings"
    )
    if rows.empty:
        raise CohortError(f"none of the {n_planned} epochs is kept", remedy=remedy)
    for split, part in _PARTS.items():
        for label, stays in _STAYS.items():
            if not ((rows["split"] == split) & (rows["label"] == label)).any():
                raise CohortError(
                    f"no epoch of {'an' if label else 'a'} {stays} stay is kept in the {part} part",
                    remedy=remedy,
                )
