"""Put the scores of two runs side by side: what has changed since the last report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from mimicflow.errors import InputError
from mimicflow.evaluation.predictions import read_predictions
from mimicflow.evaluation.smallest_cell import rounded
from mimicflow.evaluation.statistics.differences import score_differences
from mimicflow.evaluation.study import Study
from mimicflow.report.blocks import DASH, Section, Text, counted, table, with_interval
from mimicflow.report.chapters.models import SCORES, Protocol, System, difference
from mimicflow.report.chapters.performance import NEEDED, one_interval
from mimicflow.report.inputs import SystemFiles, label, read_table, sort_files, texts_of
from mimicflow.report.page import write_page
from mimicflow.running.storage import check_own_table
from mimicflow.running.writing import write_csv

_ENDS = ("value", "low", "high")
_SIDES = ("before", "after")
_NAMES = ["system", "protocol", "model", "title", "stays", "score"]
_NUMBERS = [f"{side}_{end}" for side in _SIDES for end in _ENDS]
_NUMBERS += ["difference", "difference_low", "difference_high"]
_COLUMNS = [*_NAMES, *_NUMBERS, "paired"]
_PAIRED = (
    "Scores of both runs, and the later less the earlier. Where both have tested the same stays of "
    "the same patients with the same outcomes, the difference is paired: the same patients are "
    "left out of both, and it has an interval. Where not, it is said, and it has none: the models "
    "differ, or the patients do."
)


def compare_runs(before: str | Path, after: str | Path, output: str | Path) -> list[str]:
    """Write ``changes.csv`` and ``changes.html``: every score of two runs, and the difference.

    Parameters
    ----------
    before, after : path-like
        Two folders of results; models, protocols and systems that one of them lacks are named.
    output : path-like
        The folder to write into. The CSV has a row per system, protocol, model and score with
        both values, their 95 % intervals, ``difference`` (after less before) and ``paired``.
        No sizes: of real patients those of two runs may differ by a few, and where the difference
        is not paired, scores are rounded.

    Returns
    -------
    list of str
        What a reader wants to know first.

    Raises
    ------
    InputError
        A folder without any scores, two without a common model, or a table that cannot be read.
    ConfigError, StorageError
        Another table called ``changes.csv`` is there, or the folder cannot be made.
    """
    folder = Path(output)
    file = folder / "changes.csv"
    check_own_table(file, [*_COLUMNS, "data"])
    earlier, later = _scores(Path(before)), _scores(Path(after))
    names = _NAMES[:3]
    both = earlier.merge(later, on=_NAMES, suffixes=("_before", "_after"))
    if both.empty:
        raise InputError(
            "no model of this run was scored in the other one",
            file=after,
            remedy=f"give two folders of results of the same systems; the other is {before}",
        )
    synthetic = bool((both[["data_before", "data_after"]] == "synthetic").all(axis=None))
    study = Study(synthetic=synthetic)
    roots = Path(before), Path(after)
    found = [
        line
        for name, part in both.groupby(names, sort=False)
        for line in _lines(part, *(_predictions(root, *map(str, name)) for root in roots))
    ]
    changes = pd.DataFrame(found).reindex(columns=_COLUMNS)
    hidden = ~changes["paired"].astype(bool) & bool(study.smallest_cell)
    changes = rounded(changes, hidden, _NUMBERS)
    lacking = [_lacking(earlier, later, "earlier"), _lacking(later, earlier, "later")]
    write_csv(changes.assign(data=study.data), file)
    write_page("What has changed", list(_page(changes, lacking)), folder / "changes.html", study)
    return [*_said(changes), *filter(None, lacking), f"All scores: {folder / 'changes.html'}"]


def _scores(root: Path) -> pd.DataFrame:
    """Return the plain scores of all systems and protocols of a run."""
    known = texts_of("systems").index, set(texts_of("protocols").index)
    paths = [
        path
        for path in sorted(root.glob("*/*/scores.csv"))
        if path.parts[-3] in known[0] and path.parts[-2] in known[1]
    ]
    systems, _ = sort_files(paths, root)
    frames = []
    for name, files in systems.items():
        for protocol, path in System(name, files, 0).with_file("scores"):
            frame = one_interval(read_table(path, *NEEDED, "data"))
            frame = frame[frame["score"].isin(SCORES)]
            frames.append(frame.assign(system=name, protocol=protocol.name))
    if not frames:
        raise InputError(
            "no scores in this folder", file=root, remedy="run `make report` there, or name another"
        )
    return pd.concat(frames)[[*_NAMES, *_ENDS, "data"]]


def _predictions(root: Path, system: str, protocol: str, model: str) -> Path | None:
    """Return where the predictions of a model lie, if they do."""
    places = (root / system / protocol / model, root / system / model)
    return next((p for place in places if (p := place / "predictions.parquet").is_file()), None)


def _lines(part: pd.DataFrame, before: Path | None, after: Path | None) -> Iterator[dict[str, Any]]:
    """Yield a line per score of one model."""
    paired = None if before is None or after is None else _paired(before, after)
    for row in part.to_dict("records"):
        line = {name: row[name] for name in _NAMES}
        line |= {f"{side}_{end}": row[f"{end}_{side}"] for side in _SIDES for end in _ENDS}
        line |= {"difference": row["value_after"] - row["value_before"], "paired": False}
        if paired is not None and row["score"] in paired:
            found = paired[row["score"]].difference
            line |= {"difference": found.value, "paired": True}
            line |= {"difference_low": found.low, "difference_high": found.high}
        yield line


def _paired(before: Path, after: Path) -> dict[str, Any] | None:
    """Return the differences of all scores, or None where the runs tested other rows."""
    keys = [
        "epoch_id" if "epoch_id" in pd.read_parquet(path).columns else "stay_id"
        for path in (before, after)
    ]
    if keys[0] != keys[1]:
        return None
    tables = [read_predictions(path, key=keys[0]) for path in (before, after)]
    same = [keys[0], "subject_id", "label"]
    rows = [one[same].sort_values(keys[0], ignore_index=True) for one in tables]
    if not rows[0].equals(rows[1]):
        return None
    return score_differences(tables[1], tables[0], key=keys[0])


def _lacking(one: pd.DataFrame, other: pd.DataFrame, which: str) -> str:
    """Return which models only one run has, in a sentence; empty if there are none."""
    names = _NAMES[:3]
    sides = (
        one[names].drop_duplicates().merge(other[names].drop_duplicates(), "left", indicator=True)
    )
    only = sides[sides["_merge"] == "left_only"][names]
    texts = [" ".join(map(str, row)) for row in only.itertuples(index=False)]
    return f"Only in the {which} run: {', '.join(texts)}." if texts else ""


def _said(changes: pd.DataFrame) -> Iterator[str]:
    models = counted(str(len(changes.drop_duplicates(_NAMES[:3]))), "models")
    yield f"{models} of both runs, AUROC after less before:"
    for row in changes[changes["score"] == "auroc"].itertuples():
        change = with_interval(row.difference, row.difference_low, row.difference_high)
        text = change if row.paired else f"{row.difference:+.3f}, not paired"
        yield f"  {row.system} {row.protocol} {row.model}: {text}"


def _page(changes: pd.DataFrame, lacking: list[str]) -> Iterator[Section]:
    texts = [Text(text) for text in lacking if text]
    for name, of_system in changes.groupby("system", sort=False):
        system = System(str(name), SystemFiles(), 0)
        protocols = system.protocols_of(set(of_system["protocol"]))
        parts = [
            _part(system, one, of_system[of_system["protocol"] == one.name]) for one in protocols
        ]
        title = str(texts_of("systems").loc[str(name), "title"])
        yield Section(f"changes-{name}", title, _PAIRED, texts, parts)


def _part(system: System, protocol: Protocol, changes: pd.DataFrame) -> Section:
    columns = [("Model", False), ("Score", False), ("Before (95 % CI)", True)]
    columns += [("After (95 % CI)", True), ("Difference (95 % CI)", True), ("Paired", False)]
    rows = [
        [
            row["title"] if row["stays"] == "all" else f"{row['title']}, ≥ 2 ECGs",
            label("score", row["score"]),
            *(with_interval(*(row[f"{side}_{end}"] for end in _ENDS)) or DASH for side in _SIDES),
            difference(
                with_interval(row["difference"], row["difference_low"], row["difference_high"])
                if row["paired"]
                else f"{row['difference']:+.3f}".replace("-", "−"),
                row["difference_low"],
                row["difference_high"],
            ),
            "yes" if row["paired"] else "no: other patients, or no predictions",
        ]
        for row in changes.to_dict("records")
    ]
    caption = f"{protocol.title}: scores before and after."
    data = table(caption, columns, rows, optimistic=protocol.optimistic)
    return Section(f"changes-{system.name}-{protocol.name}", protocol.title, blocks=[data])
