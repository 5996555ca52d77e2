"""Scores by monitor, against scikit-learn on the epochs of one monitor."""

from __future__ import annotations

import made_arrest_predictions as made
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, recall_score, roc_auc_score

from mimicflow.arrest.results.monitors import COLUMNS, SCORES, score_monitors
from mimicflow.arrest.thresholds import choose_threshold
from mimicflow.errors import InputError
from mimicflow.evaluation.statistics.clusters import FEWEST, patients_behind
from mimicflow.evaluation.study import Study

OPTIONS = {"horizons_h": [24, 18, 12, 6, 3, 1], "specificity": 0.8, "confidence": "none"}
MADE = Study(synthetic=True)


def with_monitors(table: pd.DataFrame, rare: int = 0) -> pd.DataFrame:
    """Return the monitor of each stay; the first ``rare`` held-out stays have one of their own."""
    stays = pd.Series(table["stay_id"].unique(), name="stay_id").to_frame()
    number = stays["stay_id"].str[1:].astype(int)
    stays["monitor"] = np.where(number % 3 == 0, "Solar8000M", "IntelliVue")
    stays.loc[(number % 2 == 0) & (number < 2 * rare), "monitor"] = "Antique"
    return stays


def scored(folder, table, groups, study=MADE):
    paths = made.write(folder, {"hrv": table, "clinical": table, "groups": groups})
    output = folder / "monitors.csv"
    models = {model: paths[model] for model in ("hrv", "clinical")}
    score_monitors(models, paths["groups"], OPTIONS, output, study)
    return pd.read_csv(output)


@pytest.fixture(scope="module")
def table():
    return made.predictions()


def test_each_monitor_is_scored_on_its_own_epochs_at_the_threshold_of_all(tmp_path, table):
    groups = with_monitors(table)
    found = scored(tmp_path, table, groups)

    assert list(found.columns) == COLUMNS
    assert len(found) == 2 * 6 * 2
    test = table[table["split"] == "test"].merge(groups, on="stay_id")
    validation = table[table["split"] == "validation"]
    for (hours, monitor), rows in found[found["model"] == "hrv"].groupby(["horizon_h", "monitor"]):
        part = test[test["monitor"] == monitor]
        label = (part["hours_to_arrest"] <= hours).astype(int)
        threshold = choose_threshold(validation, hours, OPTIONS)
        flagged = part["probability"] >= threshold
        [row] = rows.to_dict("records")
        assert row["threshold"] == pytest.approx(threshold)
        assert [row["n"], row["events"]] == [len(part), label.sum()]
        assert row["event_stays"] == part.loc[label == 1, "stay_id"].nunique()
        assert [row[score] for score in SCORES] == pytest.approx(
            [
                roc_auc_score(label, part["probability"]),
                average_precision_score(label, part["probability"]),
                recall_score(label, flagged),
                recall_score(label, flagged, pos_label=0),
            ]
        )
        for score in SCORES:
            few = patients_behind(score, label, part["subject_id"]) < FEWEST
            low, high = row[f"{score}_low"], row[f"{score}_high"]
            assert np.isnan([low, high]).all() if few else low <= row[score] <= high


def test_a_monitor_without_event_epochs_has_counts_and_no_scores(tmp_path, table):
    groups = with_monitors(table)
    last = table[(table["split"] == "test") & (table["label"] == 0)]["stay_id"].unique()[-5:]
    groups.loc[groups["stay_id"].isin(last), "monitor"] = "Unknown"
    found = scored(tmp_path, table, groups)

    unknown = found[found["monitor"] == "Unknown"]
    assert (unknown["n"] > 0).all() and (unknown["events"] == 0).all()
    assert unknown[list(SCORES)].isna().all(axis=None)
    assert list(found["monitor"].head(3)) == ["IntelliVue", "Solar8000M", "Unknown"]


def test_few_real_patients_are_not_shown_nor_given_away(tmp_path):
    table = made.predictions(stays=160, events=80, per_stay=10)
    groups = with_monitors(table, rare=3)
    found = scored(tmp_path, table, groups, Study())

    first = found[(found["model"] == "hrv") & (found["horizon_h"] == 24)].set_index("monitor")
    # All monitors together are known: one that is hidden alone would follow from them.
    assert first["suppressed"].to_dict() == {
        "Antique": True,
        "IntelliVue": False,
        "Solar8000M": True,
    }
    hidden = first[first["suppressed"]].drop(
        columns=["model", "title", "horizon_h", "threshold", "suppressed", "data"]
    )
    assert hidden.isna().all(axis=None)
    assert first.loc["IntelliVue", "auroc"] > 0.5


def test_a_monitor_of_few_controls_is_shown_at_no_horizon(tmp_path):
    """15 event stays and 3 controls: at shorter horizons, stays less event stays would be 3."""
    table = made.predictions(stays=240, events=120, per_stay=10, minutes=120)
    groups = with_monitors(table, rare=15)
    number = groups["stay_id"].str[1:].astype(int)
    groups.loc[number.isin([120, 122, 124]), "monitor"] = "Antique"
    found = scored(tmp_path, table, groups, Study())
    assert found.loc[found["monitor"] == "Antique", "suppressed"].all()


def test_event_stays_are_not_counted_where_a_few_have_no_epoch_so_near(tmp_path):
    table = made.predictions(stays=240, events=120, per_stay=10, minutes=120)
    groups = with_monitors(table)
    few = groups.loc[groups["monitor"] == "IntelliVue", "stay_id"].iloc[:6]  # half are held out
    far = table[~(table["stay_id"].isin(few) & (table["hours_to_arrest"] <= 6))]
    found = scored(tmp_path, far, groups, Study())
    assert not found["suppressed"].any()
    counted = found["event_stays"].notna().groupby(found["horizon_h"]).mean()
    # Of the other monitor nobody is missing, but all of both are known.
    assert counted.to_dict() == {24: 1, 18: 1, 12: 1, 6: 0, 3: 0, 1: 0}


def test_a_stay_without_a_monitor_stops(tmp_path, table):
    with pytest.raises(InputError, match=r"groups\.parquet: 1 stays of .*hrv\.parquet"):
        scored(tmp_path, table, with_monitors(table).iloc[1:])
