"""Build the cohort of arrest: events, controls, and why other stays with an ECG are left out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mimicflow.arrest.windows import cut_overlaps, event_windows, whole_epochs
from mimicflow.bedside.registry import Registry, read_registry
from mimicflow.concepts.excluded_stays import IDS
from mimicflow.errors import CohortError, InputError
from mimicflow.evaluation.smallest_cell import hide_rows, shown_sets
from mimicflow.evaluation.study import Study
from mimicflow.raw.code_texts import key_text
from mimicflow.reference import reference
from mimicflow.running.writing import write_csv, write_parquet

log = logging.getLogger(__name__)

COLUMNS = (
    *("stay_id", "subject_id", "age", "sex", "icu", "monitor", "intime", "outtime"),
    *("cpr_time", "label", "n_recordings"),
)
ENDS = ("death_time", "limits_time")
"""Further columns, each only where the registry has it: else nobody knows."""
_Counted = dict[str, tuple[str, pd.DataFrame, pd.DataFrame | None]]
"""By name: description, rows of stays, and the recordings that count for them; None: all."""


def build_arrest_cohort(
    registry: str | Path,
    scanned: Sequence[str | Path],
    options: Mapping[str, Any],
    stays: str | Path,
    attrition: str | Path,
    exclusions: str | Path,
    study: Study,
    excluded: str | Path | None = None,
) -> None:
    """Write the stays of adults with ECG to measure, and count the others by reason.

    An event stay has an arrest of known time; the first one counts. A stay without arrest is a
    control. A stay with arrests of unknown time only is neither.

    Parameters
    ----------
    registry : path-like
        Folder of recordings.csv, stays.csv and arrests.csv.
    scanned : sequence of path-like
        Parquet of the scanned recordings, all shards.
    options : mapping
        ``min_age`` (years), ``icus``, and those of the epochs: ``minutes``, ``event_window_h``,
        ``control_window_h``.
    stays : path-like
        Parquet to write, one row per stay by stay_id: ``COLUMNS`` and, as far as the registry knows
        them, ``ENDS``. ``monitor`` is that of the first recording, ``n_recordings`` counts those of
        which something is used or might be.
    attrition : path-like
        CSV to write: step, description, recordings, stays, patients, dropped (patients),
        suppressed. The counts of a step are hidden where they, or a difference to other counts here
        and in ``exclusions``, are of a few patients; first of all the cohort is shown.
    exclusions : path-like
        CSV to write: reason, description, stays, patients, recordings, suppressed (as in
        ``attrition``). Each stay has one reason, that of the first step that it does not pass;
        recordings are counted beside.
    study : Study
        Who may be shown.
    excluded : path-like, optional
        Parquet to write, by stay_id: stay_id, subject_id, ``step`` (that left it out) and
        ``reason`` (in words).

    Raises
    ------
    TableError
        When the registry is broken.
    InputError
        When the scanned recordings are not those of the registry.
    CohortError
        When no stay is left, or none with or without an arrest.
    """
    tables, recordings, pieces, candidates = _listed(registry, scanned)
    reasons = _stay_reasons(candidates, recordings, pieces, options)
    steps = pd.read_csv(reference("arrest_exclusions.csv"), keep_default_na=False)
    steps_of = reasons.map(steps.set_index("reason")["step"]).fillna("")
    counted = _left(candidates, steps_of)
    beside = _left_out(steps, candidates, reasons, recordings, pieces, tables)
    shown = shown_sets(
        {name: rows[IDS].drop_duplicates() for name, (_, rows, _) in {**counted, **beside}.items()},
        study.smallest_cell,
        first=[list(counted)[-1]],
    )
    counts = _table("step", counted, recordings, shown, follows="dropped")
    left_out = _table("reason", beside, recordings, shown)
    known = [*COLUMNS, *(name for name in ENDS if name in candidates)]
    cohort = candidates.loc[reasons == "", known].sort_values("stay_id")
    _check_classes(cohort, counted, beside, registry)
    log.info("%d stays, %d with an arrest", len(cohort), int(cohort["label"].sum()))
    write_parquet(cohort, stays)
    if excluded is not None:
        texts = reasons.map(steps.set_index("reason")["description"])
        lost = candidates[IDS].assign(step=steps_of, reason=texts)[reasons != ""]
        write_parquet(lost.sort_values("stay_id", ignore_index=True), excluded)
    write_csv(counts, attrition)
    write_csv(left_out, exclusions)


def reasons_of_stays(
    registry: str | Path, scanned: Sequence[str | Path], options: Mapping[str, Any]
) -> pd.DataFrame:
    """Return why each stay of the registry is left out, as `build_arrest_cohort` decides.

    Parameters
    ----------
    registry, scanned, options
        As for `build_arrest_cohort`.

    Returns
    -------
    pandas.DataFrame
        stay_id, subject_id, ``arrested`` (whether the registry lists an arrest) and ``reason``, of
        ``reference/arrest_exclusions.csv``; "" for the cohort.
    """
    _, recordings, pieces, candidates = _listed(registry, scanned)
    reasons = _stay_reasons(candidates, recordings, pieces, options)
    return candidates[["stay_id", "subject_id", "arrested"]].assign(reason=reasons)


def _listed(
    registry: str | Path, scanned: Sequence[str | Path]
) -> tuple[Registry, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the registry, its recordings, the usable parts of these, and all stays."""
    tables = read_registry(registry)
    recordings = _read_scanned(scanned, tables, registry)
    pieces = cut_overlaps(recordings[recordings["reason"] == ""])
    return tables, recordings, pieces, _candidates(tables, pieces)


def _read_scanned(
    scanned: Sequence[str | Path], tables: Registry, registry: str | Path
) -> pd.DataFrame:
    """Read the scanned recordings and see that they are those of the registry."""
    parts = [part for part in map(pd.read_parquet, scanned) if len(part)]
    listed = tables.recordings
    if parts:
        found = pd.concat(parts).sort_values("recording_id", ignore_index=True)
        keys = {"recording_id": "recording_id", "subject_id": "patient_id"}
        keys |= {"stay_id": "stay_id", "record": "record"}
        if len(found) == len(listed) and all(
            (found[name] == listed[other]).all() for name, other in keys.items()
        ):
            return found
    raise InputError(
        "the scanned recordings are not those of recordings.csv",
        file=Path(registry) / "recordings.csv",
        remedy="delete results/arrest/recordings and run again",
    )


def _candidates(tables: Registry, pieces: pd.DataFrame) -> pd.DataFrame:
    """Return all stays of stays.csv with arrest, label and what is known of their recordings."""
    stays = tables.stays.rename(columns={"patient_id": "subject_id"})
    arrests = tables.arrests.groupby("stay_id")["cpr_time"].min()
    recorded = pieces.groupby("stay_id")
    used = pieces[pieces["piece_start"] < pieces["end"]].groupby("stay_id").size()
    stay_id = stays["stay_id"]
    cpr_time = stay_id.map(arrests).astype(tables.arrests["cpr_time"].dtype)
    return stays.assign(
        monitor=stay_id.map(recorded["monitor"].first()).fillna("").astype(object),
        n_recordings=stay_id.map(used).fillna(0).astype("int64"),
        arrested=stay_id.isin(arrests.index),
        cpr_time=cpr_time,
        label=cpr_time.notna().astype("int64"),
        first_start=stay_id.map(recorded["start"].min()),
        last_end=stay_id.map(recorded["end"].max()),
    )


def _stay_reasons(
    stays: pd.DataFrame, recordings: pd.DataFrame, pieces: pd.DataFrame, options: Mapping[str, Any]
) -> pd.Series:
    """Return the first reason that applies to each stay; "" for the cohort."""
    stay_id, event = stays["stay_id"], stays["label"] == 1
    most = pd.Timedelta(hours=max(options["event_window_h"]))
    cpr_time = stays["cpr_time"]
    measurable = stay_id.isin(_measurable(stays, pieces, options))
    reasons = {
        "age_unknown": ~(stays["age"] <= _oldest()),
        "too_young": stays["age"] < options["min_age"],
        "other_icu": ~stays["icu"].isin([key_text(icu) for icu in options["icus"]]),
        "no_recording": ~stay_id.isin(recordings["stay_id"]),
        "no_usable_recording": ~stay_id.isin(pieces["stay_id"]),
        "arrest_time_unknown": stays["arrested"] & ~event,
        "arrest_before_record": event & (cpr_time <= stays["first_start"]),
        "arrest_after_record": event & (stays["last_end"] <= cpr_time - most),
        "no_epoch_before_arrest": event & ~measurable,
        "no_epoch": ~event & ~measurable,
    }
    found = pd.Series("", index=stays.index, dtype=object)
    for reason, applies in reasons.items():
        found = found.mask((found == "") & applies, reason)
    return found


def _oldest() -> float:
    """Return the highest age that is believed, in years."""
    ranges = pd.read_csv(reference("vital_ranges.csv")).set_index("vital")
    return float(ranges.loc["age", "high"])


def _measurable(stays: pd.DataFrame, pieces: pd.DataFrame, options: Mapping[str, Any]) -> pd.Series:
    """Return the stay_ids with at least one epoch, before the arrest or, without one, anywhere."""
    event = stays["label"] == 1
    before = event_windows(stays[event].set_index("stay_id")["cpr_time"], options)
    of_controls = stays[~event].set_index("stay_id")[["first_start", "last_end"]].dropna()
    anywhere = of_controls.set_axis(["window_start", "window_end"], axis="columns")
    # A control's window is drawn so that it holds an epoch wherever there is room for one.
    return whole_epochs(pieces, pd.concat([before, anywhere]), options)["stay_id"].drop_duplicates()


def _left(stays: pd.DataFrame, dropped_by: pd.Series) -> _Counted:
    """Return what every step of ``reference/arrest_attrition.csv`` leaves."""
    steps = pd.read_csv(reference("arrest_attrition.csv"))
    left = pd.Series(True, index=stays.index)
    found: _Counted = {}
    for step, description in zip(steps["step"], steps["description"], strict=True):
        left &= dropped_by != step
        found[step] = (description, stays[left], None)
    return found


def _left_out(
    facts: pd.DataFrame,
    stays: pd.DataFrame,
    reasons: pd.Series,
    recordings: pd.DataFrame,
    pieces: pd.DataFrame,
    tables: Registry,
) -> _Counted:
    """Return the stays by reason, then the recordings that cannot be used, then what is odd."""
    texts = pd.read_csv(reference("recording_reasons.csv"), keep_default_na=False)
    unusable = recordings[recordings["reason"] != ""]
    if unknown := sorted(set(unusable["reason"]) - set(texts["reason"])):
        raise InputError(
            f"the scan gives reasons without a text: {', '.join(unknown)}",
            remedy="delete results/arrest/recordings and run again",
        )
    lies_within = pieces["piece_start"] >= pieces["end"]
    shortened = (pieces["piece_start"] > pieces["start"]) & ~lies_within
    listed = recordings[~recordings["stay_id"].isin(stays["stay_id"])]
    arrests = tables.arrests.merge(recordings[IDS].drop_duplicates(), on="stay_id", how="left")
    lossy = recordings[(recordings["reason"] == "") & (recordings["lost_share"] > 0)]
    beside = {
        "segments_lost": (lossy, lossy),
        "overlap_whole": (pieces[lies_within], pieces[lies_within]),
        "overlap_part": (pieces[shortened], pieces[shortened]),
        "later_arrests": (_arrested_again(stays, tables), recordings[:0]),
        "recording_without_stay": (listed, listed),
        "arrest_without_stay": (
            arrests[~arrests["stay_id"].isin(stays["stay_id"])],
            listed[listed["stay_id"].isin(arrests["stay_id"])],
        ),
    }
    found: _Counted = {
        fact.reason: (fact.description, stays[reasons == fact.reason], None)
        for fact in facts[facts["step"] != ""].itertuples()
    }
    for fact in texts[texts["reason"].isin(unusable["reason"])].itertuples():
        of_reason = unusable[unusable["reason"] == fact.reason]
        found[fact.reason] = (fact.description, of_reason, of_reason)
    for fact in facts[facts["step"] == ""].itertuples():
        found[fact.reason] = (fact.description, *beside[str(fact.reason)])
    return found


def _table(
    name: str, counted: _Counted, recordings: pd.DataFrame, shown: set[str], follows: str = ""
) -> pd.DataFrame:
    """Count the stays and patients of each row, and the recordings of these stays."""
    rows = [
        {
            name: key,
            "description": description,
            "recordings": int(
                (recordings if of is None else of)["stay_id"].isin(found["stay_id"]).sum()
            ),
            "stays": found["stay_id"].nunique(),
            "patients": found["subject_id"].nunique(),
        }
        for key, (description, found, of) in counted.items()
    ]
    table = pd.DataFrame(rows)
    if follows:
        table[follows] = -table["patients"].diff().fillna(0).astype("int64")
    else:
        table = table[[name, "description", "stays", "patients", "recordings"]]
    hidden = ~table[name].isin(shown)
    return hide_rows(table, hidden, ["recordings", "stays", "patients"], follows)


def _arrested_again(stays: pd.DataFrame, tables: Registry) -> pd.DataFrame:
    again = tables.arrests.groupby("stay_id").size()
    return stays[stays["stay_id"].isin(again.index[again > 1])]


def _check_classes(
    cohort: pd.DataFrame, left: _Counted, left_out: _Counted, registry: str | Path
) -> None:
    """Refuse a cohort on which nothing can be learnt."""
    n_events = int(cohort["label"].sum())
    if 0 < n_events < len(cohort):
        return
    steps, lost = (
        pd.Series({name: len(rows.drop_duplicates("stay_id")) for name, (_, rows, _) in of.items()})
        for of in (left, left_out)
    )
    which = "" if cohort.empty else " without an arrest" if n_events else " with an arrest"
    raise CohortError(
        f"no stay{which} is left; the steps left\n{steps.to_string()}"
        f"\nand the reasons were\n{lost[lost > 0].to_string()}",
        file=registry,
        remedy="check that the three files belong together and data.waveforms in config.yaml, "
        "and arrest.cohort and arrest.epochs there",
    )
