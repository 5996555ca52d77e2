"""Score a model in every group of patients.

Unless the patients are synthetic, a level of a group is shown only when its events come from at
least as many patients as the smallest cell, and its non-events too; else its row keeps the name of
the level and nothing more. Because the levels of a group add up to everybody, the levels that are
not shown must together pass the same rule; while they do not, the smallest level still shown is
hidden as well. Whatever `mimicflow.evaluation.smallest_cell` hides of the same counts by outcome
(in Table 1) is hidden too, so that neither table completes the other. Nor is a level shown of which
a few patients more are in Table 1, or in the same level of another subset of the stays. Sensitivity
and PPV say how many are flagged: they are left out where those would be few.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.errors import InputError
from mimicflow.evaluation.figures.subgroups import draw_subgroups
from mimicflow.evaluation.groups import GROUPS, LAST_LEVELS
from mimicflow.evaluation.models import read_models
from mimicflow.evaluation.smallest_cell import ShownSets, to_hide
from mimicflow.evaluation.statistics.calibration import calibration_line, enough_patients
from mimicflow.evaluation.statistics.clusters import patients_behind
from mimicflow.evaluation.statistics.jackknife import estimate, jackknife
from mimicflow.evaluation.statistics.metrics import Rules, scores
from mimicflow.evaluation.study import Study
from mimicflow.evaluation.thresholds import choose_by_fold, decide, rule_to_act_by
from mimicflow.running.writing import write_csv

SCORES = ("auroc", "calibration_intercept", "calibration_slope")
ACTING = ("sensitivity", "ppv")
"""At the threshold to act by, where the model has one."""

COLUMNS = ["group", "level", "patients", "n", "events", "score", "threshold_rule"]
COLUMNS += ["value", "low", "high", "suppressed"]

_NOT_A_NUMBER = float("nan")


def score_subgroups(
    predictions: Mapping[str, str | Path],
    subsets: Mapping[str, str],
    groups: str | Path,
    cohort: str | Path,
    subgroups: str | Path,
    figures: Mapping[str, str | Path],
    study: Study,
    rules: Rules | None = None,
    names: Sequence[str] = GROUPS,
) -> None:
    """Write the scores of every model in every group of patients.

    Parameters
    ----------
    predictions, subsets
        As `mimicflow.evaluation.models.read_models` takes them.
    groups : path-like
        Parquet with ``stay_id`` and the columns ``names``, or those that the system has.
    cohort : path-like
        Parquet of all stays, as Table 1 counts them: ``stay_id, subject_id, label``.
    subgroups : path-like
        CSV to write: ``model, title, group, level, patients, n, events, score, threshold_rule,
        value, low, high, suppressed``. Scores are NaN where they are not defined (one class only).
        All have 95 % intervals by jackknife of patients.
    figures : mapping of str to path-like
        PNG to write, by model name; models without one are not drawn.
    study : Study
        Whose scores they are, who may be shown.
    rules : mapping, optional
        How thresholds are chosen, on validation patients, see
        `mimicflow.evaluation.statistics.metrics.choose_thresholds`: sensitivity and PPV are those
        at the threshold of `mimicflow.evaluation.thresholds.rule_to_act_by`.
    names : sequence of str
        Columns of groups.

    Raises
    ------
    ConfigError, PredictionsError, InputError
        A model without an entry in ``subsets``, a table that cannot be scored, stays without a
        group.
    """
    members = pd.read_parquet(groups).set_index("stay_id")
    members = members[[group for group in names if group in members.columns]]
    levels = _Levels(pd.read_parquet(cohort).set_index("stay_id"), members, study.smallest_cell)
    tables = []
    for model in read_models(predictions, subsets, study):
        unknown = ~model.table["stay_id"].isin(members.index)
        if unknown.any():
            raise InputError(
                f"{int(unknown.sum())} stays with predictions have no row in the groups",
                file=groups,
                remedy="make the groups again from the cohort that the models were fitted on",
            )
        everyone = model.table.join(members, on="stay_id")
        thresholds = choose_by_fold(model.file, rules, key=study.key) if rules else {}
        rule = rule_to_act_by(thresholds)
        if rule:
            everyone["flagged"] = decide(model.table, thresholds)[rule]
        rows = [
            {**row, "threshold_rule": rule if row["score"] in ACTING else ""}
            for group in members.columns
            for row in _rows(everyone, group, levels.hidden(everyone, group), study)
        ]
        table = model.named(pd.DataFrame(rows)[COLUMNS])
        tables.append(table)
        if model.name in figures:
            overall = _values(everyone) | {
                score: _found(everyone, study)[score][0] for score in _scores(everyone)[3:]
            }
            draw_subgroups(table, overall, model.subset, figures[model.name], study)
    result = pd.concat(tables)
    counts = ["patients", "n", "events"]
    write_csv(result.astype(dict.fromkeys(counts, "Int64")), subgroups)


def suppressed_levels(rows: pd.DataFrame, group: str, smallest: int) -> set[str]:
    """Return the levels of a group that may not be shown.

    Parameters
    ----------
    rows : pandas.DataFrame
        ``subject_id``, ``label`` and the column ``group``; one row per stay.
    group : str
        Column with the levels.
    smallest : int
        Fewest patients with an event, and fewest without, of a level that is shown. 0 shows all.
    """
    if not smallest:
        return set()
    by_level = {str(level): part for level, part in rows.groupby(group)}
    elsewhere = _hidden_by_outcome(list(by_level.values()), smallest)
    hidden = {
        level
        for (level, part), too in zip(by_level.items(), elsewhere, strict=True)
        if too or not _may_be_shown(part, smallest)
    }
    # Smallest first, by the rarer outcome; the name decides between equals.
    shown = sorted(by_level.keys() - hidden, key=lambda level: (_rarer(by_level[level]), level))
    # A single hidden level never passes, so that at least two are hidden.
    while hidden and shown and not _may_be_shown(rows[rows[group].isin(hidden)], smallest):
        hidden.add(shown.pop(0))
    return hidden


def _hidden_by_outcome(parts: list[pd.DataFrame], smallest: int) -> np.ndarray:
    """Return which levels have a cell that is hidden in a table of levels by outcome."""
    columns = [[part[part["label"] == 0], part[part["label"] == 1], part] for part in parts]
    counts = np.array([[len(cell) for cell in row] for row in columns])
    patients = np.array([[cell["subject_id"].nunique() for cell in row] for row in columns])
    return np.asarray(to_hide(counts, patients, smallest, total=True).any(axis=1))


def _may_be_shown(part: pd.DataFrame, smallest: int) -> bool:
    return enough_patients(part["label"], part["subject_id"], smallest)


def _rarer(part: pd.DataFrame) -> int:
    """Return the number of patients with the rarer outcome."""
    patients = part.groupby("label")["subject_id"].nunique()
    return int(min(patients.get(outcome, 0) for outcome in (0, 1)))


class _Levels:
    """Decides which levels are hidden, and remembers what readers see of other stays."""

    def __init__(self, cohort: pd.DataFrame, members: pd.DataFrame, smallest: int) -> None:
        self._cohort, self._members, self._smallest = cohort, members, smallest
        self._shown: dict[str, ShownSets] = {}
        self._decided: dict[tuple[str, bytes], set[str]] = {}

    def hidden(self, rows: pd.DataFrame, group: str) -> set[str]:
        """Return the levels of a group that are hidden of these rows; models may share them."""
        if not self._smallest:
            return set()
        each = rows[["stay_id", "label"]].drop_duplicates().sort_values(["stay_id", "label"])
        key = group, each.to_numpy().tobytes()
        if key not in self._decided:
            self._decided[key] = self._decide(rows, group)
        return self._decided[key]

    def _decide(self, rows: pd.DataFrame, group: str) -> set[str]:
        if group not in self._shown:
            self._shown[group] = self._of_table_one(group)
        shown = self._shown[group]
        hidden = suppressed_levels(rows, group, self._smallest)
        self._may_be(shown, rows)
        parts = {str(level): part for level, part in rows.groupby(group)}
        for level in sorted(
            parts.keys() - hidden, key=lambda level: (-_rarer(parts[level]), level)
        ):
            if not self._may_be(shown, parts[level]):
                hidden.add(level)
        return hidden

    def _may_be(self, shown: ShownSets, rows: pd.DataFrame) -> bool:
        """Return whether readers may know how many stays of the cohort these are, by outcome."""
        everyone, *outcomes = (
            np.asarray(self._cohort.index.isin(part["stay_id"]))
            for part in (rows, rows[rows["label"] == 0], rows[rows["label"] == 1])
        )
        return shown.may_be(*outcomes, patients=False) and shown.may_be(everyone)

    def _of_table_one(self, group: str) -> ShownSets:
        """Return what Table 1 shows of a group."""
        level, label = self._members[group].reindex(self._cohort.index), self._cohort["label"]
        of = [(level == name).to_numpy() for name in level.dropna().unique()]
        of.append(level.isna().to_numpy())
        columns = [np.asarray(label == outcome) for outcome in (0, 1)]
        columns.append(columns[0] | columns[1])
        patients = self._cohort["subject_id"]
        cells = [[row & column for column in columns] for row in of]
        counts, people = (
            np.array([[size(cell) for cell in row] for row in cells])
            for size in (np.sum, lambda cell: patients[cell].nunique())
        )
        hide = to_hide(counts, people, self._smallest, total=True)
        shown = ShownSets(patients, self._smallest)
        known = [cells[row][column] for row, column in np.argwhere(~hide)]
        shown.are_known(*columns, *known, patients=False)
        return shown


def _rows(
    everyone: pd.DataFrame, group: str, hidden: set[str], study: Study
) -> Iterator[dict[str, object]]:
    """Yield one row per level and score."""
    names = _scores(everyone)
    parts = {str(level): part for level, part in everyone.groupby(group)}
    silent = _silent(everyone, {name: parts[name] for name in parts if name not in hidden}, study)
    for level in sorted(parts, key=lambda level: (level in LAST_LEVELS, level)):
        part = parts[level]
        suppressed = level in hidden
        found = {} if suppressed else _estimates(part, study)
        for score in names:
            shown = found.get(score) if level not in silent or score in SCORES else None
            value, low, high = shown or (_NOT_A_NUMBER,) * 3
            yield {
                "group": group,
                "level": level,
                "patients": None if suppressed else part["subject_id"].nunique(),
                "n": None if suppressed else len(part),
                "events": None if suppressed else int(part["label"].sum()),
                "score": score,
                "value": value,
                "low": low,
                "high": high,
                "suppressed": suppressed,
            }


def _scores(everyone: pd.DataFrame) -> tuple[str, ...]:
    return (*SCORES, *ACTING) if "flagged" in everyone else SCORES


def _silent(everyone: pd.DataFrame, parts: Mapping[str, pd.DataFrame], study: Study) -> set[str]:
    """Return the levels of which nobody may know how many are flagged, of those that are shown."""
    if "flagged" not in everyone or not study.smallest_cell:
        return set()
    event, flagged = (everyone[name].to_numpy() == 1 for name in ("label", "flagged"))
    shown = ShownSets(everyone["subject_id"], study.smallest_cell)
    of = {level: np.asarray(everyone.index.isin(part.index)) for level, part in parts.items()}
    sizes = [inside & one for inside in of.values() for one in (event, ~event)]
    shown.are_known(event, flagged & event, flagged & ~event, *sizes, patients=False)
    silent = set()
    for level in sorted(parts, key=lambda level: (-_rarer(parts[level]), level)):
        cells = [of[level] & one & two for one in (event, ~event) for two in (flagged, ~flagged)]
        if not shown.may_be(*cells, patients=False):
            silent.add(level)
    return silent


def _estimates(part: pd.DataFrame, study: Study) -> dict[str, tuple[float, float, float]]:
    """Return the scores of a level with the ends of their intervals; NaN where not defined."""
    found, values = _found(part, study), _values(part)
    label, patient = part["label"].to_numpy(), part["subject_id"].to_numpy()
    estimates = {
        score: estimate(
            score, found[score], patients_behind(score, label, patient, part.get("flagged"))
        )
        for score in _scores(part)
    }
    # A score without a value has no interval.
    return {
        score: (of.value, of.low, of.high)
        if score in ACTING
        else (values[score], of.low, of.high)
        if not np.isnan(values[score])
        else (_NOT_A_NUMBER,) * 3
        for score, of in estimates.items()
    }


def _found(part: pd.DataFrame, study: Study) -> dict[str, np.ndarray]:
    """Return every score of every weighting of the patients, (weightings,) each."""
    label, probability = part["label"].to_numpy(), part["probability"].to_numpy()
    flagged = part[["flagged"]].to_numpy(dtype=bool) if "flagged" in part else None
    found = jackknife(label, probability, part["subject_id"].to_numpy(), study.seed, flagged)
    return {score: of.reshape(len(of), -1)[:, 0] for score, of in found.items()}


def _values(part: pd.DataFrame) -> dict[str, float]:
    """Return the scores; NaN where they are not defined."""
    label, probability = part["label"].to_numpy(), part["probability"].to_numpy()
    line = calibration_line(label, probability)
    auroc = scores(label, probability)["auroc"] if part["label"].nunique() > 1 else _NOT_A_NUMBER
    return {
        "auroc": auroc,
        "calibration_intercept": line.intercept,
        "calibration_slope": line.slope,
    }
