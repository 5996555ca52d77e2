"""Exchange the arrests of ICU stays, and fit the model of arrest anew."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from mimicflow.arrest.folds import split_arrest_patients
from mimicflow.arrest.training import fit_arrest_model
from mimicflow.running.writing import partial_folder, write_parquet


def refit_permuted_arrests(
    features: str | Path,
    selected: str | Path,
    best: str | Path,
    weights: str | Path,
    options: Mapping[str, Any],
    split: Mapping[str, Any],
    output: str | Path,
    *,
    permutation: int,
    seeds: Mapping[str, int],
    synthetic: bool,
    kind: str,
    threads: int = 1,
) -> None:
    """Write the predictions of a model whose stays have exchanged their arrests.

    Stays exchange before patients are split: split, rounds, fit, calibration and threshold are made
    anew. Epochs keep their times and measures, since to measure others takes hours; the features
    and the parameters of the trees are those of the run, since selection finds no feature at all
    where there is nothing to find.

    Parameters
    ----------
    features, selected, best, weights : path-like
        As `mimicflow.arrest.training.fit_arrest_model` takes them.
    options, split : mapping
        Likewise; and the section ``arrest.split`` of the configuration.
    output : path-like
        Parquet to write: the predictions, of test epochs before calibration.
    permutation : int
        Number of the permutation.
    seeds : mapping of str to int
        ``split``, of the permutation too, and ``weights``, of the models.
    synthetic, kind, threads
        As `mimicflow.arrest.training.fit_arrest_model` takes them.
    """
    epochs = pd.read_parquet(features)
    # Only stays that have epochs: else a fold might be left with one outcome.
    stays = epochs[["stay_id", "subject_id", "label"]].drop_duplicates("stay_id")
    stays = stays.sort_values("stay_id", ignore_index=True)
    stays = exchange_arrests(stays, np.random.default_rng([seeds["split"], permutation]))
    with partial_folder(Path(output).with_suffix("")) as folder:
        write_parquet(stays, folder / "stays.parquet")
        split_arrest_patients(
            folder / "stays.parquet", split, seeds["split"], folder / "spine.parquet"
        )
        spine = pd.read_parquet(folder / "spine.parquet")
        write_parquet(_with_outcomes(epochs, spine, options), folder / "features.parquet")
        files = ("model", "calibration", "description", "predictions", "rounds")
        outputs = {file: folder / file for file in files}
        fit_arrest_model(
            folder / "features.parquet",
            selected,
            best,
            weights,
            options,
            seeds["weights"],
            synthetic,
            kind,
            outputs,
            threads=threads,
        )
        write_parquet(_uncalibrated(folder), output)


def exchange_arrests(stays: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
    """Return the stays with the outcome, ``label``, of another each."""
    return stays.assign(label=generator.permutation(stays["label"].to_numpy()))


def _uncalibrated(folder: Path) -> pd.DataFrame:
    """Return the predictions with what the trees say: calibration makes one number of chance."""
    predictions = pd.read_parquet(folder / "predictions")
    model = lgb.Booster(model_file=str(folder / "model"))
    epochs = pd.read_parquet(folder / "features.parquet").set_index("epoch_id")
    values = epochs.loc[predictions["epoch_id"], model.feature_name()].to_numpy()
    said = pd.Series(np.asarray(model.predict(values, num_threads=1)), index=predictions.index)
    tested = predictions["split"] == "test"
    return predictions.assign(probability=predictions["probability"].mask(tested, said))


def _with_outcomes(
    epochs: pd.DataFrame, spine: pd.DataFrame, options: Mapping[str, Any]
) -> pd.DataFrame:
    """Return the epochs with label, part and fold of the spine; an arrest follows the last one."""
    of_stay = spine.set_index("stay_id")[["label", "split", "fold"]]
    exchanged = epochs[["stay_id"]].join(of_stay, on="stay_id")
    last = epochs.groupby("stay_id")["end"].transform("max")
    hours = (last - epochs["end"]) / pd.Timedelta(hours=1) + options["event_window_h"][0]
    return epochs.assign(
        label=exchanged["label"],
        split=exchanged["split"],
        fold=exchanged["fold"],
        hours_to_arrest=hours.where(exchanged["label"] == 1),
    )
