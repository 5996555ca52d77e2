"""Who is left out is counted by reason and outcome; a stay that is lost in silence is found."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from mimicflow.audit import dropped
from mimicflow.audit.dropped import audit_dropped, bounds, outcomes
from mimicflow.audit.findings import read_findings
from mimicflow.evaluation.study import Study

LOST = "at the step “ECGs whose waveform can be read (or all: cohort.unreadable_ecgs)”"
REACHED = pd.DataFrame(
    {
        "stay_id": range(60),
        "subject_id": range(60),
        "disposition": ["ADMITTED", "HOME"] * 30,
        "step": ["cohort"] * 40 + ["with_record"] * 12 + ["ed_stays"] * 8,
    }
)


@pytest.fixture
def audited(tmp_path, monkeypatch):
    """Return a function: the findings of the admission system, whose steps the SQL reached."""

    def run(reached=REACHED, listed=60, cohort=range(40), synthetic=True):
        monkeypatch.setattr(dropped, "steps_of_stays", lambda *given: reached)
        tables = {
            "edstays": pd.DataFrame({"stay_id": range(listed)}),
            "cohort": pd.DataFrame({"stay_id": list(cohort)}),
            "predictions": pd.DataFrame(
                {"split": "test", "label": [1, 0, 1, 0], "probability": [0.9, 0.1, 0.4, 0.6]}
            ),
        }
        paths = {}
        for name, frame in tables.items():
            paths[name] = tmp_path / f"{name}.parquet"
            frame.to_parquet(paths[name])
        edstays = {"edstays": [paths.pop("edstays")]}
        audit_dropped(
            tmp_path / "dropped.csv",
            Study(synthetic=synthetic),
            admission={"tables": edstays, "records": "", **paths},
            options={"cohort": {}, "seed": 0},
        )
        return read_findings(tmp_path / "dropped.csv").set_index("what")

    return run


def test_a_row_says_how_many_are_left_out_and_what_became_of_them(audited):
    row = audited().loc[f"left out: {LOST}"]

    assert row[["number", "events", "without_event", "event_share"]].tolist() == [12, 6, 6, 0.5]
    assert row["belongs"] == "would belong"
    assert audited()["passed"].dropna().all()


def test_bounds_are_of_those_who_would_belong(audited):
    number = audited()["number"]

    # 20 × 20 pairs, 75 % of them right; 6 of either kind more.
    assert number["AUROC of those tested"] == 0.75
    wrong, right = (number[f"AUROC if all who would belong were predicted {how}"]
                    for how in ("wrong", "right"))  # fmt: skip
    assert (wrong, right) == (round(300 / 26**2, 3), round((300 + 276) / 26**2, 3))


def test_bounds_are_what_the_worst_and_best_predictions_give():
    draw = np.random.default_rng(0)
    label, score = np.array([1] * 30 + [0] * 50), draw.normal(size=80)
    score[:30] += 1
    lost = np.array([1] * 7 + [0] * 4)

    low, high = bounds(roc_auc_score(label, score), (30, 50), (7, 4))

    both = np.r_[label, lost]
    assert low == pytest.approx(roc_auc_score(both, np.r_[score, np.where(lost == 1, -99, 99)]))
    assert high == pytest.approx(roc_auc_score(both, np.r_[score, np.where(lost == 1, 99, -99)]))


@pytest.mark.parametrize("fault", [{"listed": 61}, {"cohort": range(39)}, {"cohort": range(41)}])
def test_a_stay_that_is_lost_in_silence_is_found(audited, fault):
    assert not audited(**fault)["passed"].dropna().all()


def test_few_real_patients_and_what_would_give_them_away_are_hidden(audited):
    found = audited(synthetic=False)
    lost = found.loc[f"left out: {LOST}"]

    assert lost[["number", "events", "without_event", "event_share"]].isna().all()
    assert found.filter(like="if all", axis=0)["number"].isna().all()
    assert found["passed"].dropna().all()


def test_an_unknown_outcome_is_counted_apart():
    units = pd.DataFrame({"subject_id": range(4), "reason": ["", "", "x", "x"], "scope": "s",
                          "event": [1, 0, np.nan, 1]})  # fmt: skip

    cohort, left = outcomes(units, "stays", Study(synthetic=True))

    assert (cohort["number"], cohort["event_share"]) == (2, 0.5)
    assert (left["number"], left["outcome_unknown"], left["event_share"]) == (2, 1, 1.0)


def test_arrests_that_were_left_out_count_as_missed_at_the_threshold_of_the_model(tmp_path):
    units = pd.DataFrame({"event": 1, "scope": "would belong", "reason": [""] * 8 + ["no ECG"] * 2})
    alarms = pd.DataFrame(
        {"model": "hrv", "measure": "event_sensitivity", "silence_min": [60, 60, 0],
         "rule": ["specificity_0.8", "sweep", "specificity_0.8"], "value": [0.5, 0.9, 0.7]}
    )  # fmt: skip
    alarms.to_csv(tmp_path / "alarms.csv", index=False)

    found, with_them = dropped._missed(units, [tmp_path / "alarms.csv"], 60, Study(synthetic=True))

    assert (found["number"], with_them["number"]) == (0.5, 0.4)
