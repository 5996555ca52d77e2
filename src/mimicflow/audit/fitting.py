"""Whom was it fitted on? The records of models, dictionaries and embeddings against the split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from mimicflow.admission.inputs import InputOptions, Preprocessor
from mimicflow.admission.vitals import VITALS
from mimicflow.audit.findings import finding, none_of
from mimicflow.learning.checkpoints import load_checkpoint
from mimicflow.learning.fitted_on import FITTED_ON, patients_of
from mimicflow.learning.preprocessing import ChainedImputer, Scaler
from mimicflow.learning.splits import patients_tested, stays_of_model
from mimicflow.mortality.embedding import Sentences, load_embedding, read_visits
from mimicflow.mortality.sequences import VisitSequences
from mimicflow.running.own_files import read_field

SAME = "the same patients"
"""The limit of a record: exactly the patients of that part."""
_PARTS = {"stopping": "validation", "calibration": "validation"}
"""What was fitted -> the part of the split that it may come from; all else from training."""
_WORDS = {
    "training": "weights or trees",
    "stopping": "pass that is kept",
    "calibration": "calibration",
    "scales": "scales of the inputs",
    "imputer": "imputer of vital signs",
    "acuity_median": "median of acuity",
    "threshold": "threshold",
    "selection": "selected features",
    "tuning": "tuned parameters",
}
_OF_SCALER = ("mean", "sd", "low", "high")
Row = dict[str, Any]


def record_of(path: str | Path) -> dict[str, dict[str, Any]]:
    """Return what a fitted file says of whom it was fitted on; empty if it says nothing."""
    path = Path(path)
    if path.suffix == ".pth":
        content = load_checkpoint(None, path)
    elif path.suffix == ".yaml":
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    else:
        content = read_field(path, dict, "not a model's description", "run its rule again")
    return content.get(FITTED_ON, {})


def models(
    fitted: Mapping[str, Sequence[str | Path]],
    subsets: Mapping[str, str],
    multi: str = "shared",
) -> Iterator[Row]:
    """Yield whether each model was fitted on the patients that the split gives it.

    Parameters
    ----------
    fitted : mapping of str to two or three path-likes
        Model -> the file that says whom it was fitted on; its spine: Parquet with ``subject_id``
        and ``split``; and of arrest its features, which not all patients of the spine have.
    subsets : mapping of str to str
        Model -> the stays that it is for; of a system without subsets it is not looked at.
    multi : {"shared", "own"}
        The split of stays with several ECGs, as configured.
    """
    for name, (path, spine, *features) in fitted.items():
        stays = pd.read_parquet(spine)
        if "n_ecg" in stays:
            stays = stays_of_model(spine, subsets[name], "validation", multi)
        for table in features:
            known = pd.read_parquet(table, columns=["subject_id"])["subject_id"]
            stays = stays[stays["subject_id"].isin(known)]
        parts = {part: rows["subject_id"] for part, rows in stays.groupby("split")}
        yield from _as_recorded(name, record_of(path), parts)


def _as_recorded(
    name: str, record: Mapping[str, Mapping[str, Any]], parts: Mapping[str, pd.Series]
) -> Iterator[Row]:
    if not record:
        yield none_of(f"{name}: does not say whom it was fitted on", 1)
    for role, patients in record.items():
        # A system without validation patients has folds of its training patients in their place.
        part = _PARTS.get(role, "train")
        expected = patients_of(parts.get(part, parts["train"]))
        yield finding(
            f"{name}: patients behind its {_WORDS.get(role, role)}",
            patients["patients"],
            SAME,
            patients["sha256"] == expected["sha256"],
            patients=expected["patients"],
        )


def scales(
    fitted: Mapping[str, Sequence[str | Path]],
    subsets: Mapping[str, str],
    multi: str,
    static: str | Path,
    vitals: str | Path,
) -> Iterator[Row]:
    """Yield how many columns a network of admission does not scale, or impute, as training is.

    The record of a model is only as good as the code that writes it. What its inputs are scaled and
    imputed by is in the model itself: it is fitted once more on the rows of training patients, and
    no other rows are there.

    Parameters
    ----------
    fitted, subsets, multi
        As `models` takes them; files other than networks have no scales.
    static, vitals : path-like
        Parquet of the static features and of the readings, unscaled, with ``stay_id``.
    """
    features, readings = pd.read_parquet(static), pd.read_parquet(vitals)
    for name, (path, spine) in fitted.items():
        if Path(path).suffix != ".pth":
            continue
        kept = Preprocessor.from_state(load_checkpoint(None, path)["preprocessor"])
        stays = stays_of_model(spine, subsets[name], "validation", multi)
        training = stays.loc[stays["split"] == "train", "stay_id"]
        again = _fitted_again(kept, training, features, readings)
        scaled = [
            _differ(getattr(kept, scaler), getattr(again, scaler), _OF_SCALER)
            for scaler in ("static_scaler", "vitals_scaler")
        ]
        yield _columns_off(f"{name}: columns whose scale", np.concatenate(scaled))
        imputed = [
            _differ(kept.imputer, again.imputer, ("initial", "lowest", "highest")),
            np.array([not _same_chain(kept.imputer, again.imputer)]),
            _differ(kept, again, ("acuity_median",)),
        ]
        yield _columns_off(f"{name}: columns whose imputation", np.concatenate(imputed))


def _fitted_again(
    kept: Preprocessor, training: pd.Series, features: pd.DataFrame, readings: pd.DataFrame
) -> Preprocessor:
    """Fit what scales and imputes once more, on the rows of these stays."""
    static = features.set_index("stay_id").loc[training]
    rows = readings[readings["stay_id"].isin(training)].sort_values(["stay_id", "source"])
    # In the place of the hours, which nothing is fitted on, stands the number of the reading.
    values = rows[["source", *VITALS, "pain"]].to_numpy(np.float64)
    return Preprocessor.fit(
        static,
        np.ones(len(static), dtype=bool),
        values,
        np.ones(len(values), dtype=bool),
        InputOptions(outliers="limited" if np.isfinite(kept.highest_z) else "kept"),
    )


def _differ(kept: Any, again: Any, names: Sequence[str]) -> np.ndarray:
    """Return of each column whether any of these numbers is another one."""
    same = [
        np.isclose(getattr(kept, name), getattr(again, name), rtol=1e-6, atol=1e-9, equal_nan=True)
        for name in names
    ]
    return np.atleast_1d(~np.all(same, axis=0))


def _same_chain(kept: ChainedImputer, again: ChainedImputer) -> bool:
    """Return whether two imputers guess by the same regressions."""
    pairs = [(getattr(kept, name), getattr(again, name)) for name in ("coefficients", "intercept")]
    return all(
        one.shape == other.shape and np.allclose(one, other, rtol=1e-6, atol=1e-9)
        for one, other in pairs
    )


def bag_scales(name: str, path: str | Path, spine: str | Path, sequences: str | Path) -> Row:
    """Return how many columns the logistic regression of mortality does not scale as training is.

    Parameters
    ----------
    name : str
        Of the protocol.
    path, spine, sequences : path-like
        Its model, its spine, and the file of its visit vectors.
    """
    stays = pd.read_parquet(spine)
    training = stays.loc[stays["split"] == "train", "stay_id"].sort_values().to_numpy()
    vectors = VisitSequences.read(sequences)
    values = vectors.means()[vectors.rows_of(training, sequences)].astype(np.float64)
    kept = Scaler.from_state(load_checkpoint(None, path)["fitted"]["scaler"])
    off = _differ(kept, Scaler.fit(values), _OF_SCALER)
    return _columns_off(f"{name} logistic_regression: columns whose scale", off)


def _columns_off(words: str, off: np.ndarray) -> Row:
    return none_of(f"{words} is not that of training patients", int(off.sum()), columns=len(off))


def encoder(
    path: str | Path, targets: str | Path | None = None, *, spine: str | Path
) -> Iterator[Row]:
    """Yield whether the encoder has learned from all readable ECGs but those of tested patients.

    Whom weights of one's own were fitted on nobody can look up: without targets that is said, and
    passes nothing.
    """
    if targets is None:
        source = load_checkpoint(None, path)["pretraining"]["source"]
        yield finding(f"encoder: patients behind weights of one's own ({source}), unknown", np.nan)
        return
    record = record_of(path)
    if not record:  # random weights come from nobody
        yield finding("encoder: patients behind its weights", 0, "none, or those not tested", True)
        return
    everybody = pd.read_parquet(targets, columns=["subject_id"])["subject_id"]
    learned = everybody[~everybody.isin(patients_tested(spine))]
    yield from _as_recorded("encoder", {"training": record["training"]}, {"train": learned})
    chosen = record["stopping"]["patients"]
    yield finding("encoder: patients behind the pass that is kept, among those", chosen)


def dictionary(path: str | Path, medrecon: Sequence[str | Path], spine: str | Path) -> Row:
    """Return how many entries of the drug dictionary no row of a training patient holds.

    Training patients whom some other model is tested on are none of them.
    """
    entries = pd.read_parquet(path)
    rows = pd.concat([pd.read_parquet(shard) for shard in medrecon])
    stays = pd.read_parquet(spine)
    training = stays.loc[stays["split"] == "train", "subject_id"]
    training = training[~training.isin(patients_tested(spine))]
    rows = rows[rows["subject_id"].isin(training)]
    # Codes are padded in the dictionary, and written as numbers or texts in the table.
    seen = set(zip(_digits(rows["gsn"]), _digits(rows["etccode"]), strict=True))
    known = zip(_digits(entries["gsn"]), _digits(entries["etccode"]), strict=True)
    strange = sum(pair not in seen for pair in known)
    return none_of("drug dictionary: entries that no training patient's records hold", strange)


def _digits(codes: pd.Series) -> pd.Series:
    """Return codes without the zeros, blanks and decimals with which they are written."""
    texts = codes.astype("string").str.strip().str.replace(r"\.0*$", "", regex=True)
    return texts.str.lstrip("0").fillna("")


def embedding(
    name: str, path: str | Path, visits: Sequence[str | Path], spine: str | Path, min_count: int
) -> Row:
    """Return how many codes of an embedding training patients' visits are too few for.

    Counted anew from the visits themselves: a code that the embedding has although training
    patients have it less than ``min_count`` times comes from somebody else. So does an order of
    the codes that is not that of their frequency among training patients.
    """
    stays = pd.read_parquet(spine, columns=["stay_id", "split"])
    training = stays.loc[stays["split"] == "train", "stay_id"].to_numpy()
    counted: Counter[str] = Counter()
    for codes in Sentences(read_visits(list(visits), training)["codes"]):
        counted.update(codes)
    known = load_embedding(path).index_to_key
    found = np.array([counted[code] for code in known])
    strange = int((found < min_count).sum() + (np.diff(found) > 0).sum())
    what = f"{name}: codes of the embedding that training patients do not account for"
    return none_of(what, strange, codes=len(known))
