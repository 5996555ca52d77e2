"""Take a few of the run's own patients, so that a leak is planted and looked for in seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mimicflow.audit.time.attack import choose_stays
from mimicflow.audit.time.attack_cohort import rows_of
from mimicflow.evaluation.study import Study

_STAYS = 500
_ECGS = 50
_PATIENTS = 5
"""At the bedside, where every epoch is measured anew."""
Given = dict[str, Any]
"""What a check is called with, but for its output and its study."""


def few_stays(concepts: Mapping[str, Mapping[str, Any]], seed: int, folder: Path) -> Given:
    """Return what concepts are asked, of a few stays and their rows alone.

    Parameters
    ----------
    concepts : mapping
        As `mimicflow.audit.time.provenance.audit_provenance` takes them.
    seed : int
        Of the draw.
    folder : Path
        Where the small tables are written.
    """
    small: Given = {}
    for name, files in concepts.items():
        spine = choose_stays(pd.read_parquet(files["spine"]), _STAYS, seed)
        paths = {table: [shard[table] for shard in files["shards"]] for table in files["shards"][0]}
        place = folder / name.replace(" ", "_")
        place.mkdir()
        rows = rows_of(paths, spine["subject_id"])
        tables = {table: write(frame, place / f"{table}.parquet") for table, frame in rows.items()}
        small[name] = {"spine": write(spine, place / "spine.parquet"), "shards": [tables]}
    return small


def few_ecgs(
    stores: Sequence[str | Path],
    indices: Sequence[str | Path],
    records: Sequence[str | Path],
    tested: np.ndarray,
    seed: int,
    folder: Path,
) -> Given:
    """Return a waveform store of a few ECGs: first some of tested patients, then of others.

    Parameters
    ----------
    stores, indices, records : sequence of path-like
        As `mimicflow.audit.twin_ecgs.twin_ecgs` takes them.
    tested : ndarray
        The tested patients.
    seed : int
        Of the draw.
    folder : Path
        Where the small store is written.
    """
    tables = [pq.read_table(path) for path in indices]
    index = pd.concat(
        [table.to_pandas().assign(shard=number) for number, table in enumerate(tables)]
    )
    # All leads, so that every signature shows something.
    whole = index[index["lead_mask"] == index["lead_mask"].max()]
    mixed = whole.sample(frac=1, random_state=seed).drop_duplicates("subject_id")
    is_tested = mixed["subject_id"].isin(tested)
    chosen = pd.concat([mixed[is_tested].head(_ECGS), mixed[~is_tested].head(_ECGS)])
    shards = [np.load(path, mmap_mode="r", allow_pickle=False) for path in stores]
    waveforms = [shards[row.shard][row.row] for row in chosen.itertuples()]
    np.save(folder / "ecgs.npy", np.stack(waveforms))
    chosen = chosen.drop(columns="shard").assign(row=np.arange(len(chosen)))
    schema = tables[0].schema
    pq.write_table(
        pa.Table.from_pandas(chosen, schema=schema, preserve_index=False).replace_schema_metadata(
            schema.metadata
        ),
        folder / "ecgs.parquet",
    )
    return {
        "stores": [str(folder / "ecgs.npy")],
        "indices": [str(folder / "ecgs.parquet")],
        "records": list(records),
    }


def few_epochs(epochs: Mapping[str, Any], seed: int, folder: Path) -> Given:
    """Return the plan of a few patients' epochs, with all else that belongs to epochs.

    Parameters
    ----------
    epochs : mapping
        Files of `mimicflow.audit.time.attack_monitored.attack_epochs`.
    seed : int
        Of the draw.
    folder : Path
        Where the small plan is written.
    """
    plan = pd.read_parquet(epochs["plan"])
    measured = pd.concat([pd.read_parquet(path) for path in epochs["measured"]])
    kept = plan["epoch_id"].isin(measured.loc[measured["reason"] == "", "epoch_id"])
    several = plan[kept].groupby("subject_id").size().loc[lambda sizes: sizes > 1]
    chosen = several.sample(frac=1, random_state=seed).index[:_PATIENTS]
    few = plan[plan["subject_id"].isin(chosen)]
    return {**epochs, "plan": write(few, folder / "plan.parquet")}


def few_patients(files: Mapping[str, Any], seed: int, folder: Path) -> Given:
    """Return the features of a few patients, as `mimicflow.audit.single_features` takes them.

    Parameters
    ----------
    files : mapping
        With ``spine``, by which the other tables are read, or ``features`` alone.
    seed : int
        Of the draw.
    folder : Path
        Where the small table is written.
    """
    of = "spine" if "spine" in files else "features"
    table = pd.read_parquet(files[of])
    patients = table["subject_id"].drop_duplicates().sort_values()
    chosen = patients.sample(frac=1, random_state=seed).head(_STAYS)
    few = table[table["subject_id"].isin(chosen)]
    return {**files, of: write(few, folder / f"{of}.parquet")}


def guesses(outcomes: str | Path, study: Study, folder: Path) -> str:
    """Write predictions that know nothing of outcomes exchanged between patients.

    Parameters
    ----------
    outcomes : path-like
        Parquet of what is predicted, with ``subject_id`` and ``label``.
    study : Study
        Of its key, and the seed of the draws.
    folder : Path
        Where they are written.
    """
    draw = np.random.default_rng(study.seed)
    rows = pd.read_parquet(outcomes, columns=[study.key, "subject_id", "label"])
    label = rows.groupby("subject_id")["label"].max()
    exchanged = pd.Series(draw.permutation(label.to_numpy()), index=label.index)
    guessed = rows.assign(
        split="test",
        label=rows["subject_id"].map(exchanged),
        probability=draw.uniform(0.01, 0.99, len(rows)),
    )
    return write(guessed, folder / "predictions.parquet")


def write(frame: pd.DataFrame, path: Path) -> str:
    """Write a table as Parquet and return where."""
    frame.to_parquet(path, index=False)
    return str(path)
