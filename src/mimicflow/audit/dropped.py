"""Say who is left out, what became of them, and how far they could move the scores."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from mimicflow.admission.cohort import steps_of_stays
from mimicflow.arrest.cohort import reasons_of_stays
from mimicflow.arrest.hrv_features import EPOCH_REASONS
from mimicflow.audit.findings import finding, none_of, write_findings
from mimicflow.bedside.registry import read_registry
from mimicflow.evaluation.smallest_cell import is_few, to_hide, to_tens
from mimicflow.evaluation.study import Study
from mimicflow.reference import reference

COHORT = ""
"""The reason of those who are not left out."""
_SCOPE = "another question"
"""What is said of a reason by which somebody does not belong to the question at all."""
_LOST = "would belong"
Row = dict[str, Any]


def audit_dropped(
    output: str | Path,
    study: Study,
    *,
    admission: Mapping[str, Any] | None = None,
    mortality: Mapping[str, Sequence[str | Path]] | None = None,
    arrest: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> None:
    """Write the outcome of those who are left out, by reason, and the scores with them.

    Parameters
    ----------
    output : path-like
        CSV to write.
    study : Study
        Whose patients they are: small cells, and what would give them away, are hidden.
    admission : mapping, optional
        ``tables`` (as `mimicflow.admission.cohort.build_cohort` takes them), ``records``,
        ``cohort`` (the stays) and ``predictions``.
    mortality : mapping, optional
        Protocol -> Parquet of all first ICU stays, its spine, and its predictions.
    arrest : mapping, optional
        ``scanned``, ``cohort`` (the stays), ``plan``, ``measured`` and ``alarms``.
    options : mapping, optional
        Of admission section ``cohort`` and ``seed``; of mortality ``horizon`` and ``protocols``
        (by name, the options of `mimicflow.mortality.cohort.label_deaths`); of arrest
        ``registry``, ``cohort`` with ``epochs``, and ``silence_minutes``.
    """
    rows: list[Row] = []
    given = options or {}
    if admission:
        rows += _admission(admission, given, study)
    for name, files in (mortality or {}).items():
        rows += _mortality(name, files, given["horizon"], given["protocols"][name], study)
    if arrest:
        rows += _arrest(arrest, given, study)
    for row in rows:
        if row["passed"] is False and is_few(study.smallest_cell, row["number"]):
            row["number"] = np.nan
    write_findings(rows, output, study)


def outcomes(units: pd.DataFrame, unit: str, study: Study, words: str = "") -> Iterator[Row]:
    """Yield a row per reason: how many are left out, and what share of them has the outcome.

    Parameters
    ----------
    units : pandas.DataFrame
        One row per stay or epoch: ``subject_id``, ``reason`` (``COHORT`` for who stays),
        ``event`` (1, 0, or NaN where the outcome is not known) and ``scope``.
    unit : str
        What they are called.
    study : Study
        Who may be shown.
    words : str
        Put in front of what is said.
    """
    reasons = list(dict.fromkeys([COHORT, *units["reason"]]))
    counts, patients = np.zeros((len(reasons), 3), int), np.zeros((len(reasons), 3), int)
    kind = units["event"].map({1: 0, 0: 1}).fillna(2).astype(int)
    for place, reason in enumerate(reasons):
        for column in range(3):
            found = units.loc[(units["reason"] == reason) & (kind == column), "subject_id"]
            counts[place, column], patients[place, column] = len(found), found.nunique()
    hidden = to_hide(counts, patients, study.smallest_cell, rows_known=True)
    for place, reason in enumerate(reasons):
        # To tens: the cohorts of two protocols may differ by a few patients.
        known = [to_tens(n, study.smallest_cell) for n in counts[place]]
        hide = hidden[place]
        shown = [np.nan if out else n for n, out in zip(known, hide, strict=True)]
        both = sum(known[:2])
        events = known[0] / both if both and not hide[:2].any() else np.nan
        scope = units.loc[units["reason"] == reason, "scope"]
        said = f"left out: {reason}" if reason else f"{unit} that are predicted"
        yield finding(
            f"{words}{said}",
            to_tens(counts[place].sum(), study.smallest_cell) if not hide.any() else np.nan,
            belongs="" if reason == COHORT or scope.empty else scope.iloc[0],
            events=shown[0],
            without_event=shown[1],
            outcome_unknown=shown[2],
            event_share=round(float(events), 3),
        )


def bounds(auroc: float, cohort: tuple[int, int], left_out: tuple[int, int]) -> tuple[float, float]:
    """Return the AUROC if all who are left out were predicted wrong, and right.

    Parameters
    ----------
    auroc : float
        Of the cohort.
    cohort, left_out : tuple of int
        Events and others.

    Notes
    -----
    Wrong: their events below everybody else, their others above. Only pairs within the cohort
    count for the AUROC then; right, all pairs with them count too.
    """
    within = cohort[0] * cohort[1]
    pairs = (cohort[0] + left_out[0]) * (cohort[1] + left_out[1])
    return auroc * within / pairs, (auroc * within + pairs - within) / pairs


def _with_them(
    units: pd.DataFrame, predictions: str | Path, study: Study, words: str
) -> Iterator[Row]:
    """Yield the AUROC on tested patients, and its bounds with those who are left out."""
    lost = units[(units["reason"] != COHORT) & (units["scope"] == _LOST)]
    inside = units[units["reason"] == COHORT]
    sizes = [[int((part["event"] == one).sum()) for one in (1, 0)] for part in (inside, lost)]
    patients = [lost.loc[lost["event"] == one, "subject_id"].nunique() for one in (1, 0)]
    tested = pd.read_parquet(predictions).query("split == 'test'")
    auroc = float(roc_auc_score(tested["label"], tested["probability"]))
    low, high = bounds(auroc, (sizes[0][0], sizes[0][1]), (sizes[1][0], sizes[1][1]))
    # Bounds that come of a few patients would give away how many of them have the outcome.
    if is_few(study.smallest_cell, *patients):
        low = high = np.nan
    yield finding(f"{words}AUROC of those tested", round(auroc, 3))
    yield finding(f"{words}AUROC if all who would belong were predicted wrong", round(low, 3))
    yield finding(f"{words}AUROC if all who would belong were predicted right", round(high, 3))


def _accounted(what: str, listed: int, units: pd.DataFrame, cohort: set[Any]) -> Row:
    """Return how many are neither in the cohort nor left out for a reason, or both."""
    stay = set(units.loc[units["reason"] == COHORT, "stay_id"])
    return none_of(
        f"{what} that no reason accounts for", abs(listed - len(units)) + len(stay ^ cohort)
    )


def _admission(files: Mapping[str, Any], options: Mapping[str, Any], study: Study) -> Iterator[Row]:
    """Yield the stays in the emergency department that are not predicted, by step of the cohort."""
    reached = steps_of_stays(files["tables"], files["records"], options["cohort"], options["seed"])
    steps = pd.read_csv(reference("attrition.csv")).set_index("step")["description"]
    order = list(steps.index[: list(steps.index).index("cohort") + 1])
    following = dict(itertools.pairwise(order))
    lost = reached["step"].map(following)
    scope = dict.fromkeys(order[: order.index("complaining") + 1], _SCOPE)
    known = reached["disposition"].map({"ADMITTED": 1, "HOME": 0})
    units = reached.assign(
        reason=("at the step “" + lost.map(steps) + "”").fillna(COHORT),
        event=known,
        scope=lost.map(scope).fillna(_LOST),
    )
    units = units.sort_values("step", key=lambda names: names.map(order.index), kind="stable")
    raw = [pd.read_parquet(path, columns=["stay_id"]) for path in files["tables"]["edstays"]]
    listed = pd.concat(raw)["stay_id"].nunique()
    cohort = set(pd.read_parquet(files["cohort"], columns=["stay_id"])["stay_id"])
    yield _accounted("stays", listed, units, cohort)
    yield from outcomes(units, "stays", study)
    yield from _with_them(units, files["predictions"], study, "")


def _mortality(
    name: str,
    files: Sequence[str | Path],
    horizon: int,
    protocol: Mapping[str, Any],
    study: Study,
) -> Iterator[Row]:
    """Yield the first ICU stays that are not predicted; who had died is another question."""
    all_stays, spine, predictions = files
    stays, cohort = pd.read_parquet(all_stays), pd.read_parquet(spine)
    inside = stays["stay_id"].isin(cohort["stay_id"])
    end = stays["dischtime"].fillna(stays["outtime"]).dt.normalize()
    death = pd.to_datetime(stays["dod"]).fillna(pd.to_datetime(stays["died_later"]))
    within = ((death - end).dt.days <= horizon) | stays["died_in_admission"]
    reason = _why_not_followed(stays, protocol).mask(inside, COHORT)
    label = stays["stay_id"].map(cohort.set_index("stay_id")["label"])
    units = pd.DataFrame(
        {
            "stay_id": stays["stay_id"],
            "subject_id": stays["subject_id"],
            "reason": reason,
            "event": label.where(inside, within.astype(int)),
            "scope": np.where(reason.isin(_CLOCKS), _LOST, _SCOPE),
        }
    )
    words = f"{name}: "
    strangers = int((~cohort["stay_id"].isin(stays["stay_id"])).sum())
    yield none_of(f"{words}patients that no first ICU stay accounts for", strangers)
    lost = int((reason == _NO_REASON).sum())
    yield none_of(f"{words}first ICU stays that no reason accounts for", lost)
    yield from outcomes(units, "patients", study, words)
    yield from _with_them(units, predictions, study, words)


_CLOCKS = ("no time of the prediction", "times out of order")
"""Reasons by which patients of mortality are lost who would belong."""
_NO_REASON = "no reason that the protocol knows"


def _why_not_followed(stays: pd.DataFrame, protocol: Mapping[str, Any]) -> pd.Series:
    """Return why a protocol may leave each first ICU stay out, by what is known of it alone."""
    survivors, up_to = protocol["survivors"], protocol["survivors"] == "up_to_prediction"
    times = {"hospital_discharge": stays["dischtime"], "icu_out": stays["outtime"]}
    predicted = times[protocol["prediction_time"]]
    clock = times["icu_out"] if protocol["label_clock"] == "icu_out" else predicted
    signs = stays[["expire_flag", "died_location", "dod_by_discharge"]].any(axis=1)
    flagged = stays["expire_flag"] | stays["died_location"]
    dead = stays["died_at"] <= predicted
    untimed = flagged & stays["died_at"].isna() & stays["dod"].isna()
    by_then = pd.to_datetime(stays["dod"]).dt.normalize() <= clock.dt.normalize()
    reason = pd.Series(_NO_REASON, index=stays.index)
    for applies, words in (
        (
            by_then & (protocol["label_days"] == "dates"),
            "dead on or before the day of the prediction",
        ),
        (
            stays["any_icu_deathtime"] & (survivors == "any_icu_deathtime"),
            "died in a later ICU stay",
        ),
        (
            (signs & (survivors == "every_sign")) | ((dead | untimed) & up_to),
            "another sign of death in that admission",
        ),
        (predicted.isna(), _CLOCKS[0]),
        (~stays["times_in_order"] & (protocol["reversed_times"] == "ordered"), _CLOCKS[1]),
        (stays["died_in_admission"] & (dead | (not up_to)), "died in that admission"),
    ):
        reason = reason.mask(applies, words)
    return reason


def _arrest(files: Mapping[str, Any], options: Mapping[str, Any], study: Study) -> Iterator[Row]:
    """Yield the stays and the epochs that are left out, and the events that nobody could find."""
    units = reasons_of_stays(options["registry"], files["scanned"], options["cohort"])
    words = pd.read_csv(reference("arrest_exclusions.csv"), keep_default_na=False)
    words = words.set_index("reason")["description"]
    scope = units["reason"].isin(["age_unknown", "too_young", "other_icu", "no_recording"])
    units = units.assign(
        event=units["arrested"].astype(int),
        scope=np.where(scope, _SCOPE, _LOST),
        reason=units["reason"].map(words).fillna(COHORT),
    )
    cohort = set(pd.read_parquet(files["cohort"], columns=["stay_id"])["stay_id"])
    registry = read_registry(options["registry"])
    yield _accounted("stays", len(registry.stays), units, cohort)
    yield from outcomes(units, "stays", study)
    epochs = pd.read_parquet(files["plan"])
    measured = pd.concat([pd.read_parquet(path) for path in files["measured"]])
    reason = epochs["epoch_id"].map(measured.set_index("epoch_id")["reason"])
    epochs = epochs.assign(
        reason=reason.map({**EPOCH_REASONS, "": COHORT}), event=epochs["label"], scope=_LOST
    )
    unmeasured = int(epochs["reason"].isna().sum())
    yield none_of("planned epochs that were never measured", unmeasured)
    yield none_of("epochs that end after the arrest", _too_late(epochs, registry.arrests))
    yield from outcomes(epochs.dropna(subset=["reason"]), "epochs", study, "epochs: ")
    yield from _missed(units, files["alarms"], options["silence_minutes"], study)


def _too_late(epochs: pd.DataFrame, arrests: pd.DataFrame) -> int:
    """Return how many epochs show what has happened already."""
    first = arrests.groupby("stay_id")["cpr_time"].min()
    return int((epochs["end"] > epochs["stay_id"].map(first)).sum())


def _missed(
    units: pd.DataFrame, alarms: Sequence[str | Path], silence: float, study: Study
) -> Iterator[Row]:
    """Yield the event sensitivity of each model, and with the arrests that were left out missed."""
    events = units[(units["event"] == 1) & (units["scope"] == _LOST)]
    inside = int((events["reason"] == COHORT).sum())
    few = 0 < len(events) - inside < study.smallest_cell
    for path in alarms:
        table = pd.read_csv(path)
        # At the threshold of the model, not at those of the curve beside it.
        wanted = (table["measure"] == "event_sensitivity") & (table["rule"] != "sweep")
        rows = table[wanted & (table["silence_min"] == silence)]
        for row in rows.itertuples():
            yield finding(f"{row.model}: event sensitivity", round(float(row.value), 3))
            with_them = np.nan if few else float(row.value) * inside / len(events)
            yield finding(
                f"{row.model}: event sensitivity if every arrest left out counts as missed",
                round(with_them, 3),
            )
