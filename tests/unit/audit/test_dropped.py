"""Who is left out is counted by reason and outcome; a stay that is lost in silence is found."""

import numpy as np
import pandas as pd
import pytest
from made_hospital_tables import MORTALITY
from sklearn.metrics import roc_auc_score

from mimicflow.audit import dropped
from mimicflow.audit.dropped import audit_dropped, bounds, outcomes
from mimicflow.audit.findings import read_findings
from mimicflow.evaluation.study import Study
from mimicflow.mortality.cohort import SIGNS

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


DAY = pd.Timedelta(days=1)


def test_an_epoch_after_the_arrest_of_its_stay_is_counted():
    """By the registry itself, whatever the plan says; of several arrests by the first."""
    arrests = pd.DataFrame({"stay_id": ["A", "A", "B"], "cpr_time": [OUT, OUT + DAY, pd.NaT]})
    ends = [OUT - DAY, OUT, OUT + DAY / 2, OUT, OUT]
    epochs = pd.DataFrame({"stay_id": list("AAABC"), "end": ends})

    assert dropped._too_late(epochs, arrests) == 1


OUT = pd.Timestamp("2150-01-05 12:00")


@pytest.fixture
def followed(tmp_path):
    """Return a function: the findings of a protocol of mortality; the last stay is not in it."""

    def run(protocol="audited", **last):
        stays = pd.DataFrame({"stay_id": range(1, 5), "subject_id": range(1, 5)}).assign(
            outtime=OUT, dischtime=OUT + 3 * DAY, dod=pd.NaT, died_later=pd.NaT, died_at=pd.NaT,
            times_in_order=True, **dict.fromkeys(SIGNS[1:], False),
        )  # fmt: skip
        times = ["dod", "died_later", "died_at"]
        stays[times] = stays[times].astype("datetime64[us]")
        for column, value in last.items():
            stays.loc[3, column] = value
        cohort = stays[:3].assign(label=[1, 0, 0], split="test", probability=[0.9, 0.1, 0.2])
        paths = [tmp_path / f"{name}.parquet" for name in ("stays", "spine", "predictions")]
        for path, frame in zip(paths, (stays, cohort, cohort), strict=True):
            frame.to_parquet(path)
        audit_dropped(
            tmp_path / "dropped.csv",
            Study(synthetic=True),
            mortality={protocol: paths},
            options={"horizon": 365, "protocols": MORTALITY["protocols"]},
        )
        found = read_findings(tmp_path / "dropped.csv").set_index("what")
        [left] = [what for what in found.index if "left out" in what]
        passed = found.loc[f"{protocol}: first ICU stays that no reason accounts for", "passed"]
        return left.partition("left out: ")[2], bool(passed)

    return run


@pytest.mark.parametrize(
    ("protocol", "last", "reason"),
    [
        ("audited", {"dod": OUT + 2 * DAY}, "dead on or before"),
        ("audited", {"died_in_admission": True, "died_at": OUT + DAY}, "died in that"),
        ("audited", {"expire_flag": True}, "another sign"),
        ("audited", {"times_in_order": False}, "times out of order"),
        ("audited", {"dischtime": pd.NaT}, "no time of the prediction"),
        ("audited_icu_out", {"died_in_admission": True, "died_at": OUT - DAY}, "died in that"),
        ("audited_icu_out", {"dod": OUT}, "dead on or before"),
    ],
)
def test_a_patient_who_is_not_followed_has_the_reason_of_the_protocol(
    followed, protocol, last, reason
):
    found, passed = followed(protocol, **last)

    assert found.startswith(reason) and passed


@pytest.mark.parametrize(
    ("protocol", "last"),
    [
        ("audited", {}),
        ("audited", {"dod": OUT + 40 * DAY}),
        ("audited", {"any_icu_deathtime": True}),
        ("audited_icu_out", {"dod": OUT + 2 * DAY}),
        ("audited_icu_out", {"died_in_admission": True, "died_at": OUT + DAY}),
    ],
)
def test_a_patient_who_is_lost_though_the_protocol_follows_him_is_found(followed, protocol, last):
    assert followed(protocol, **last) == ("no reason that the protocol knows", False)
