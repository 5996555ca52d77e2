"""Scores by group, and what of them may be shown of real patients."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_predictions import TITLES, table, write
from sklearn.metrics import roc_auc_score

from mimicflow.errors import ConfigError, InputError
from mimicflow.evaluation.smallest_cell import to_hide
from mimicflow.evaluation.statistics.calibration import calibration_line
from mimicflow.evaluation.statistics.clusters import rarer
from mimicflow.evaluation.statistics.jackknife import estimate, jackknife
from mimicflow.evaluation.study import Study
from mimicflow.evaluation.subgroups import (
    ACTING,
    SCORES,
    _estimates,
    score_subgroups,
    suppressed_levels,
)
from mimicflow.evaluation.thresholds import choose_by_fold, rule_to_act_by

GROUPS = ["sex", "age_band", "race", "arrival", "insurance"]


def stays(levels: dict[str, tuple[int, int]]) -> pd.DataFrame:
    """One patient per stay, of each level so many with an event and so many without."""
    rows = [
        (level, label)
        for level, (events, others) in levels.items()
        for label in [1] * events + [0] * others
    ]
    frame = pd.DataFrame(rows, columns=["group", "label"])
    return frame.assign(subject_id=np.arange(len(frame)))


@pytest.mark.parametrize(
    ("levels", "hidden"),
    [
        # All large: nothing is hidden.
        ({"a": (10, 10), "b": (50, 40), "c": (20, 90)}, ""),
        # One small level: the next smallest goes with it, or the total would give it away.
        ({"a": (3, 4), "b": (50, 40), "c": (20, 30)}, "ac"),
        # Few events, few non-events, none of either: all count as small.
        ({"a": (9, 500), "b": (50, 40), "c": (60, 90)}, "ab"),
        ({"a": (500, 9), "b": (50, 40), "c": (60, 90)}, "ab"),
        ({"a": (0, 500), "b": (50, 40), "c": (60, 90)}, "ab"),
        # Two small ones that are large together need no third.
        ({"a": (6, 7), "b": (5, 9), "c": (60, 90)}, "ab"),
        # Two small ones that are small together do.
        ({"a": (2, 3), "b": (3, 2), "c": (60, 90), "d": (70, 90)}, "abc"),
        # Smallest is whose rarer outcome is the rarest; the name decides between equals.
        ({"a": (3, 3), "b": (80, 12), "c": (11, 11), "d": (99, 99)}, "ac"),
        ({"a": (3, 3), "c": (11, 11), "b": (11, 11), "d": (99, 99)}, "ab"),
        # Of two levels, both or none; a single one is the whole cohort.
        ({"a": (3, 40), "b": (50, 40)}, "ab"),
        ({"a": (50, 40)}, ""),
        ({"a": (5, 4)}, "a"),
    ],
)
def test_levels_that_may_not_be_shown(levels, hidden):
    rows = stays(levels)
    assert suppressed_levels(rows, "group", 10) == set(hidden)
    assert suppressed_levels(rows.sample(frac=1, random_state=0), "group", 10) == set(hidden)
    assert suppressed_levels(rows, "group", 0) == set()


def test_patients_count_not_their_stays():
    rows = stays({"a": (40, 40), "b": (40, 40), "c": (40, 40)})
    of_a = rows["group"] == "a"
    rows.loc[of_a, "subject_id"] = rows.loc[of_a, "subject_id"] // 5  # 8 patients of each outcome
    assert suppressed_levels(rows, "group", 10) == {"a", "b"}


@settings(deadline=None, max_examples=100)
@given(
    st.dictionaries(
        st.sampled_from("abcdef"), st.tuples(st.integers(0, 25), st.integers(0, 25)), min_size=1
    )
)
def test_no_count_below_ten_can_be_worked_out(levels):
    levels = {level: levels[level] for level in sorted(levels) if sum(levels[level])}
    if not levels:
        return
    hidden = suppressed_levels(stays(levels), "group", 10)
    shown = levels.keys() - hidden
    assert all(min(levels[level]) >= 10 for level in shown)
    if hidden and shown:
        assert len(hidden) > 1
        assert min(sum(levels[level][outcome] for level in hidden) for outcome in (0, 1)) >= 10
    # Nothing that is hidden in a table by outcome is shown here.
    counts = np.array([(others, events, events + others) for events, others in levels.values()])
    elsewhere = to_hide(counts, counts, 10, total=True).any(axis=1)
    assert {level for level, hide in zip(levels, elsewhere, strict=True) if hide} <= hidden


@pytest.fixture
def groups(tmp_path):
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"stay_id": np.arange(400)})
    frame["sex"] = np.where(np.arange(400) // 2 % 2, "Female", "Male")
    for group in GROUPS[1:]:
        frame[group] = generator.choice(["Unknown", "One", "Two"], 400, p=[0.3, 0.3, 0.4])
    frame.loc[:3, "race"] = "Rare"
    path = tmp_path / "groups.parquet"
    frame.to_parquet(path)
    return path


@pytest.fixture
def run(groups, tmp_path):
    def run(synthetic, figures=(), tables=None, rules=None):
        tables = tables or {"b": table(400, 2), "a": table(200, seed=1)}
        cohort = tmp_path / "cohort.parquet"
        everyone = max(tables.values(), key=len)
        everyone[everyone["split"] == "test"].to_parquet(cohort)
        score_subgroups(
            write(tmp_path, tables),
            {"a": "multi", "b": "all"},
            groups,
            cohort,
            tmp_path / "subgroups.csv",
            {model: tmp_path / f"{model}.png" for model in figures},
            Study(synthetic=synthetic, seed=2, titles=TITLES),
            rules,
        )
        return pd.read_csv(tmp_path / "subgroups.csv")

    return run


def test_the_scores_of_a_level_are_those_of_its_stays(run, groups):
    found = run(synthetic=True)
    assert list(found.columns) == [
        *("model", "title", "group", "level", "patients", "n", "events"),
        *("score", "threshold_rule", "value", "low", "high", "suppressed"),
    ]
    assert found["model"].drop_duplicates().tolist() == ["b", "a"]
    assert found["group"].drop_duplicates().tolist() == GROUPS
    assert not found["suppressed"].any()
    assert found[(found["model"] == "b") & (found["group"] == "race")]["level"].tolist() == [
        level for level in ("One", "Rare", "Two", "Unknown") for _ in SCORES
    ]
    frame = table(400, 2)
    women = frame[(frame["split"] == "test") & (frame["subject_id"] % 2 == 1)]
    rows = found[(found["model"] == "b") & (found["level"] == "Female")].set_index("score")
    assert (rows["title"] == "Model B").all()
    assert (rows["patients"] == 100).all() and (rows["n"] == 200).all()
    assert (rows["events"] == women["label"].sum()).all()
    auroc = roc_auc_score(women["label"], women["probability"])
    assert rows.loc["auroc", "value"] == pytest.approx(auroc)
    line = calibration_line(women["label"], women["probability"])
    assert tuple(rows["value"][["calibration_intercept", "calibration_slope"]]) == pytest.approx(
        line
    )
    of_women = jackknife(women["label"], women["probability"], women["subject_id"])
    patients = rarer(women["label"], women["subject_id"])
    for score in SCORES:
        ends = estimate(score, of_women[score], patients)[1:]
        assert tuple(rows.loc[score, ["low", "high"]]) == pytest.approx(ends)


def test_real_patients_in_small_groups_are_not_shown(run, tmp_path):
    found = run(synthetic=False, figures=["b"])
    race = found[(found["model"] == "b") & (found["group"] == "race")]
    hidden = race[race["suppressed"]]
    assert len(hidden["level"].unique()) == 2 and "Rare" in set(hidden["level"])
    empty = ["patients", "n", "events", "value", "low", "high"]
    assert hidden[empty].isna().all(axis=None)
    assert race.loc[~race["suppressed"], empty].notna().all(axis=None)
    assert not found.loc[found["group"] == "sex", "suppressed"].any()
    assert (tmp_path / "b.png").exists() and not (tmp_path / "a.png").exists()


RULES = {"youden": True, "specificity": [0.6], "confidence": "none"}


def test_groups_are_scored_at_the_threshold_to_act_by(run, tmp_path):
    found = run(synthetic=True, figures=["b"], rules=RULES)
    assert found.groupby("score")["threshold_rule"].first().dropna().to_dict() == dict.fromkeys(
        ACTING, "specificity_0.6"
    )
    frame = table(400, 2)
    frame.to_parquet(tmp_path / "again.parquet")
    thresholds = choose_by_fold(tmp_path / "again.parquet", RULES)
    women = frame[(frame["split"] == "test") & (frame["subject_id"] % 2 == 1)]
    at = women["fold"].map({fold: of["specificity_0.6"] for fold, of in thresholds.items()})
    flagged = women["probability"] >= at
    rows = found[(found["model"] == "b") & (found["level"] == "Female")].set_index("score")
    assert rows.loc["sensitivity", "value"] == pytest.approx(flagged[women["label"] == 1].mean())
    assert rows.loc["ppv", "value"] == pytest.approx(women.loc[flagged, "label"].mean())
    assert (rows["low"] < rows["value"]).all() and (rows["value"] < rows["high"]).all()
    assert (tmp_path / "b.png").exists()


def test_a_share_is_known_by_those_of_whom_it_is():
    """Of a level whose six flagged patients all have events: 0.54 to 1."""
    rows = pd.DataFrame({"subject_id": range(100), "label": np.repeat([1, 0], [30, 70])})
    rows = rows.assign(probability=np.where(rows.index < 6, 0.9, 0.2), flagged=rows.index < 6)
    found = _estimates(rows, Study(synthetic=True))
    assert found["ppv"] == pytest.approx((1, 0.025 ** (1 / 6), 1))


def test_where_few_are_flagged_nobody_knows_how_many(run):
    """Of a level that is shown, hence of others too: the sums over levels are known."""
    frame = table(400, 2)
    events = (frame["subject_id"] % 2 == 1) & (frame["label"] == 1)  # of women
    frame.loc[events, "probability"] = 0.99
    few = frame.loc[events, "subject_id"].unique()[:3]
    frame.loc[events & frame["subject_id"].isin(few), "probability"] = 0.01  # these are missed
    tables = {"b": frame}
    shown = run(synthetic=True, tables=tables, rules=RULES)
    assert shown[shown["score"].isin(ACTING)]["value"].notna().all()
    found = run(synthetic=False, tables=tables, rules=RULES)
    sex = found[found["group"] == "sex"].set_index(["level", "score"])
    assert not sex["suppressed"].any() and sex["n"].notna().all()
    assert sex.loc[(slice(None), ACTING), ["value", "low", "high"]].isna().all(axis=None)
    assert sex.loc[(slice(None), ["auroc"]), "value"].notna().all()


def test_without_a_promise_youden_stands_in():
    promised = {0: {"youden": 0.4, "specificity_0.9": 0.7, "ppv_0.8": np.nan}}
    assert rule_to_act_by(promised) == "specificity_0.9"
    missing = {1: {"youden": 0.3, "specificity_0.9": np.nan, "ppv_0.8": np.nan}}
    assert rule_to_act_by(promised | missing) == "youden"
    assert rule_to_act_by({}) == rule_to_act_by({0: {"ppv_0.8": np.nan}}) == ""


def test_scores_of_one_class_are_empty(run):
    frame = table(400, 2)
    frame.loc[frame["stay_id"] < 4, "label"] = 1
    found = run(synthetic=True, tables={"b": frame})
    rare = found[found["level"] == "Rare"]
    assert (rare["n"] == 4).all() and (rare["events"] == 4).all()
    assert rare[["value", "low", "high"]].isna().all(axis=None)


def test_every_stay_needs_its_groups(run, groups):
    pd.read_parquet(groups).iloc[5:].to_parquet(groups)
    with pytest.raises(InputError, match=r"5 stays .* no row in the groups"):
        run(synthetic=True)


def test_every_model_needs_a_subset(run):
    with pytest.raises(ConfigError, match="no subset of stays given for c"):
        run(synthetic=True, tables={"c": table(40)})
