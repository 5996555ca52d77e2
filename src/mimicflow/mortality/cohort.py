"""Build the cohort of mortality: first ICU stays with prediction time and label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from mimicflow.concepts import Paths, opened, sql, used_by
from mimicflow.concepts.code_checks import with_unknown_codes
from mimicflow.concepts.excluded_stays import write_excluded_stays
from mimicflow.errors import CohortError
from mimicflow.evaluation.competing import count_competing_events
from mimicflow.evaluation.smallest_cell import hide_rows, shown_sets
from mimicflow.evaluation.study import Study
from mimicflow.reference import reference
from mimicflow.running.writing import write_csv, write_parquet

COUNTS = ("admissions", "stays", "patients")
"""What is counted at each step, by distinct hadm_id, stay_id, subject_id."""
_IDS = ("hadm_id", "stay_id", "subject_id")
SIGNS = [
    *("times_in_order", "died_in_admission", "expire_flag", "died_location", "dod_by_discharge"),
    "any_icu_deathtime",
]
"""True or false: the times of the index stay are in order; signs of death in that admission, the
first a deathtime; a deathtime of any admission with an ICU stay, later ones among them."""
_DIED_AT = "died_at"
"""When a patient died in the index admission; its end where no time is given."""
_DIED_LATER = "died_later"
"""The day of a death in a later admission, by any sign: for who has no ``dod``."""
_HOSPICE = "hospice"
"""Whether the patient left that admission for hospice: counted, and no reason to exclude."""
_CLOCKS_DIFFER = pd.Timedelta(hours=6)
"""By how much those of ward and ICU may: ``icu_overhang`` of ``first_icu_stay.sql``."""
_CLOCKS = {"hospital_discharge": "dischtime", "icu_out": "outtime"}


def build_icu_cohort(
    tables: Mapping[str, Paths],
    options: Mapping[str, Any],
    stays: str | Path,
    steps: str | Path,
    memory_mb: int = 1000,
) -> None:
    """Write the first ICU stay of every adult patient.

    Parameters
    ----------
    tables : mapping of str to path or paths
        Parquet shards of patients, admissions, icustays.
    options : mapping
        ``min_age`` (years at admission) and ``horizon`` (days).
    stays : path-like
        Parquet to write, one row per patient by stay_id: stay_id, subject_id, hadm_id, admittime,
        dischtime, intime, outtime, dod, age (years), gender, race, insurance, icu_los (days),
        n_prior_icu (ICU stays that began earlier), label (died 1 to ``horizon`` days after the end
        of the ICU stay, or in that admission after it), `SIGNS`, by which a protocol may exclude a
        patient, died_at (the time of a death in that admission), died_later (the day of one in a
        later admission) and hospice (whether that admission ended there).
    steps : path-like
        Parquet to write, by step of ``reference/icu_attrition.csv``: step, and the ids of whatever
        it leaves (hadm_id, stay_id, subject_id; before ICU stays are looked for, all those of an
        admission).
    memory_mb : int
        Limit of the database, in MB.

    Raises
    ------
    CohortError
        When nobody is left.
    """
    with opened(tables, options, memory_mb, uses=used_by("first_icu_stay")) as connection:
        connection.execute(sql("first_icu_stay"))
        left = _left_by_step(connection)
        rows = connection.sql("FROM stays ORDER BY stay_id").df()
    if rows.empty:
        raise CohortError(
            "no ICU stay is left in the cohort; the steps lost them so:\n"
            f"{_sizes(left).to_string()}",
            remedy="check that the hosp and icu folders belong to the same patients, and "
            "mortality.min_age in config.yaml",
        )
    write_parquet(rows, stays)
    write_parquet(left, steps)


def _left_by_step(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Return step, hadm_id, stay_id, subject_id of what each step leaves."""
    parts = []
    for step in pd.read_csv(reference("icu_attrition.csv"))["step"]:
        # Before ICU stays are looked for, the steps hold admissions: theirs are counted.
        has_stays = "stay_id" in connection.table(step).columns
        source = step if has_stays else f"{step} LEFT JOIN icustays USING (subject_id, hadm_id)"
        found = connection.sql(f"SELECT DISTINCT {', '.join(_IDS)} FROM {source} ORDER BY ALL").df()
        parts.append(found.astype(dict.fromkeys(_IDS, "Int64")).assign(step=step))
    return pd.concat(parts, ignore_index=True)[["step", *_IDS]]


def _sizes(left: pd.DataFrame) -> pd.DataFrame:
    """Count what each step leaves, in its order."""
    found = left.groupby("step")[list(_IDS)].nunique().set_axis(list(COUNTS), axis="columns")
    steps = pd.read_csv(reference("icu_attrition.csv"))["step"]
    return found.reindex(steps, fill_value=0)


def count_competing_icu_stays(stays: str | Path, output: str | Path, study: Study) -> None:
    """Write how many first ICU stays end in a death in hospital or in hospice.

    Parameters
    ----------
    stays : path-like
        Parquet of `build_icu_cohort`, with the label that counts from the end of the ICU stay.
    output : path-like
        CSV, see `mimicflow.evaluation.competing.count_competing_events`.
    study : Study
        Who may be shown.
    """
    rows = pd.read_parquet(stays)
    found = {
        "died_in_icu": rows[_DIED_AT] <= rows["outtime"],
        "died_in_hospital": rows[_DIED_AT] > rows["outtime"],
        "hospice": rows[_HOSPICE],
    }
    count_competing_events(rows, found, output, study, system="mortality")


def label_deaths(
    spine: str | Path,
    steps: str | Path,
    options: Mapping[str, Any],
    output: str | Path,
    attrition: str | Path,
    study: Study,
    manifest: str | Path | None = None,
    beside: Sequence[str | Path] = (),
    excluded: str | Path | None = None,
) -> None:
    """Write the patients of one protocol with their prediction time and label.

    By dates the outcome is death 1 to ``horizon`` days after the day from which the protocol
    counts. ``dod`` is a date without a time: a death on that day may be before or after, so those
    patients are dropped, not counted as survivors. Elapsed days, as published, are whole periods of
    24 hours from the clock's time to the midnight with which ``dod`` begins: a death on the next
    day is none, and who died by then is a survivor.

    ``survivors: up_to_prediction`` excludes who is known dead at the prediction and nobody else. A
    death in hospital afterwards has a time, and is an outcome on the day of the prediction too.

    Parameters
    ----------
    spine : path-like
        Parquet of `build_icu_cohort` with the column ``split``.
    steps : path-like
        Parquet of `build_icu_cohort`.
    options : mapping
        ``horizon`` (days), ``prediction_time`` (hospital_discharge or icu_out), ``reversed_times``
        (ordered or as_written), ``survivors`` (every_sign, up_to_prediction, deathtime or
        any_icu_deathtime), ``label_clock`` (prediction_time or icu_out) and ``label_days`` (dates
        or elapsed).
    output : path-like
        Parquet to write: the same columns but `SIGNS` and times of death, with ``prediction_time``,
        and ``label`` by the clock.
    attrition : path-like
        CSV to write: step, description, admissions, stays, patients, dropped (patients),
        suppressed, of all steps and of what is counted beside them. The counts of a step are hidden
        where they, or a difference to those of others, are of a few patients; first of all the
        cohort is shown.
    study : Study
        Who may be shown.
    manifest : path-like, optional
        Manifest of the run. Tables in it whose codes match nothing are named in ``attrition``.
    beside : sequence of path-like
        Parquet of the cohorts of other protocols, of which readers know.
    excluded : path-like, optional
        Parquet to write, see `mimicflow.concepts.excluded_stays.write_excluded_stays`: the ICU
        stays that are no first one among them.

    Raises
    ------
    CohortError
        When nobody is left.
    """
    stays = pd.read_parquet(spine)
    stays["prediction_time"] = stays[_CLOCKS[options["prediction_time"]]]
    predicted, counted = _predicted(stays, options)
    days = _days_to_death(predicted, options)
    alive, lost = _left_alive(predicted, options["survivors"])
    if options["survivors"] != "deathtime":
        counted["left_alive"] = (_SURVIVORS[options["survivors"]], predicted[alive])
    dated = options["label_days"] == "dates"
    kept = alive & ~(days <= 0) if dated else alive
    label = days[kept].between(1, options["horizon"]).astype("int8")
    labelled = predicted[kept].assign(label=label)
    cohort = labelled.drop(columns=[*SIGNS, _DIED_AT, _DIED_LATER, _HOSPICE])
    lost |= _lost(predicted, days) if dated else {}
    before = pd.read_parquet(steps)
    steps_of = {**counted, **_cohort(cohort, options), **lost, **_outcomes(labelled, options)}
    table, hidden = _attrition(before, steps_of, beside, study)
    if cohort.empty:
        raise CohortError(
            f"nobody is left in the cohort; the steps lost them so:\n{table.to_string()}",
            file=spine,
            remedy="choose another mortality.protocols prediction_time, or use more patients",
        )
    write_parquet(cohort, output)
    if excluded is not None:
        left = dict(iter(before.groupby("step", sort=False)))
        left |= {step: rows for step, (_, rows) in counted.items()} | {"cohort": cohort}
        write_excluded_stays("mortality", left, excluded)
    table = hide_rows(table, hidden, COUNTS, follows="dropped")
    write_csv(with_unknown_codes(table, manifest), attrition)


_Counted = dict[str, tuple[str, pd.DataFrame]]
_UP_TO_PREDICTION = "up_to_prediction"
_SURVIVORS = {
    _UP_TO_PREDICTION: "No sign of death up to the prediction; who dies in hospital later is kept",
    "every_sign": "No other sign of death in that admission than deathtime either",
    "any_icu_deathtime": "No deathtime in a later admission with an ICU stay (looks ahead)",
}
_DEATH_SIGNS = {
    "expire_flag": "hospital_expire_flag",
    "died_location": "discharge_location",
    "dod_by_discharge": "a dod up to the day of the discharge",
}


def _predicted(stays: pd.DataFrame, options: Mapping[str, Any]) -> tuple[pd.DataFrame, _Counted]:
    """Return who can be predicted at all, and what each step leaves."""
    counted: _Counted = {}
    if options["survivors"] != _UP_TO_PREDICTION:
        stays = stays[~stays["died_in_admission"]]
        words = "Patients who left that admission alive (no deathtime)"
        counted["survived_admission"] = (words, stays)
    stays = stays[stays["prediction_time"].notna()]
    counted["with_prediction_time"] = ("Time of the prediction recorded", stays)
    if options["reversed_times"] == "ordered":
        stays = stays[stays["times_in_order"]]
        counted["times_in_order"] = (
            "Times in order: nothing ends before it begins, the ICU stay overlaps its admission "
            "and reaches out of it by six hours at most",
            stays,
        )
    return stays, counted


def _cohort(cohort: pd.DataFrame, options: Mapping[str, Any]) -> _Counted:
    """Return the cohort as a step, and where days are elapsed who of it was dead by the first."""
    day = "the ICU stay ended" if _by_icu_stay(options) else "of the hospital discharge"
    if options["label_days"] == "dates":
        untimed = ", at no known time," if options["survivors"] == _UP_TO_PREDICTION else ""
        return {"cohort": (f"Not dead{untimed} on or before the day {day}: the cohort", cohort)}
    died_by_then = cohort[cohort["dod"] <= cohort[_clock(options)].dt.normalize()]
    words = f"Of the cohort: died by the day {day}, counted as survivors"
    return {"cohort": ("The cohort", cohort), "of_which_died_by_then": (words, died_by_then)}


def _outcomes(cohort: pd.DataFrame, options: Mapping[str, Any]) -> _Counted:
    """Return who of the cohort died within the horizon, and how that is known."""
    dead = cohort[cohort["label"] == 1]
    counted = {"of_which_positive": (f"Of the cohort: died within {options['horizon']} days", dead)}
    if options["survivors"] in ("every_sign", _UP_TO_PREDICTION):
        later = dead[dead["dod"].isna() & dead[_DIED_AT].isna()]
        words = "Of these: without dod, the death told by a later admission"
        counted["of_which_without_dod"] = (words, later)
    if options["survivors"] == _UP_TO_PREDICTION:
        after = dead[_DIED_AT] - dead["prediction_time"]
        words = "Of these: died in that admission, after the prediction"
        counted["of_which_in_hospital"] = (words, dead[after.notna()])
        words = "Of these: within six hours after it, by which clocks of ward and ICU may differ"
        counted["of_which_within_hours"] = (words, dead[after <= _CLOCKS_DIFFER])
    return counted


def _clock(options: Mapping[str, Any]) -> str:
    """Return the column of the time from which a protocol counts."""
    return _CLOCKS["icu_out"] if options["label_clock"] == "icu_out" else "prediction_time"


def _by_icu_stay(options: Mapping[str, Any]) -> bool:
    return "icu_out" in (options["label_clock"], options["prediction_time"])


def _days_to_death(stays: pd.DataFrame, options: Mapping[str, Any]) -> pd.Series:
    """Return the days from the protocol's clock to the death; NaN for who is not known dead."""
    start = stays[_clock(options)]
    if options["label_days"] == "dates":
        start = start.dt.normalize()
    days = (stays["dod"].dt.normalize() - start).dt.days
    if options["survivors"] not in ("every_sign", _UP_TO_PREDICTION):
        return days
    # Who died in a later admission was alive at the discharge, also where both are of one day.
    days = days.fillna((stays[_DIED_LATER] - start).dt.days.clip(lower=1))
    if options["survivors"] == "every_sign":
        return days
    # So was, at the prediction, who is known to have died in hospital after it.
    return (stays[_DIED_AT].dt.normalize() - start).dt.days.clip(lower=1).fillna(days)


def _left_alive(stays: pd.DataFrame, survivors: str) -> tuple[pd.Series, _Counted]:
    """Return who counts as having left the admission alive, and the others by sign of death."""
    if survivors == "every_sign":
        lost: _Counted = {
            f"lost_{sign}": (f"Lost: death in that admission told by {words}", stays[stays[sign]])
            for sign, words in _DEATH_SIGNS.items()
        }
        return ~stays[list(_DEATH_SIGNS)].any(axis=1), lost
    if survivors == _UP_TO_PREDICTION:
        flagged = stays["expire_flag"] | stays["died_location"]
        undated = flagged & stays[_DIED_AT].isna() & stays["dod"].isna()
        words = "Lost: died in that admission, nothing says when"
        dead = stays[_DIED_AT] <= stays["prediction_time"]
        return ~dead & ~undated, {"lost_died_undated": (words, stays[undated])}
    if survivors == "any_icu_deathtime":
        return ~stays["any_icu_deathtime"], {}
    return pd.Series(True, index=stays.index), {}


def _lost(stays: pd.DataFrame, days: pd.Series) -> _Counted:
    """Return whose death is recorded up to the day from which the protocol counts."""
    before_admission = stays["dod"].dt.normalize() < stays["admittime"].dt.normalize()
    return {
        "lost_died_on_the_day": ("Lost: died on that very day", stays[days == 0]),
        "lost_died_before": ("Lost: death recorded before that day", stays[days < 0]),
        "lost_died_before_admission": (
            "Lost: death recorded before the admission itself",
            stays[(days <= 0) & before_admission],
        ),
    }


def _attrition(
    left: pd.DataFrame, counted: _Counted, others: Sequence[str | Path], study: Study
) -> tuple[pd.DataFrame, pd.Series]:
    """Count all steps (those that are none, and counted beside, lose nobody); which to hide."""
    texts = pd.read_csv(reference("icu_attrition.csv")).set_index("step")["description"].to_dict()
    found = {step: left.loc[left["step"] == step, list(_IDS)] for step in texts}
    texts |= {step: description for step, (description, _) in counted.items()}
    found |= {step: stays[list(_IDS)] for step, (_, stays) in counted.items()}
    sizes = [[rows[key].nunique() for key in _IDS] for rows in found.values()]
    table = pd.DataFrame(sizes, columns=list(COUNTS))
    table.insert(0, "step", list(found))
    table.insert(1, "description", table["step"].map(texts))
    beside = table["step"].str.match("lost_|of_which_")
    table["dropped"] = (-table["patients"].diff().fillna(0)).mask(beside).astype("Int64")
    known: dict[str, pd.DataFrame] = {}
    for path in others:  # readers know who is in them, and who of these died
        rows = pd.read_parquet(path, columns=[*_IDS, "label"])
        known |= {
            str(path): rows[list(_IDS)],
            f"{path} 1": rows.loc[rows["label"] == 1, list(_IDS)],
        }
    sets, first = {**known, **found}, [*known, "cohort"]
    return table, ~table["step"].isin(shown_sets(sets, study.smallest_cell, first=first))
