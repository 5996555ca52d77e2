"""Stays exchange their arrests, are split anew and learned from anew; epochs stay as they are."""

import json

import pytest
from made_arrest_features import BEST, SIGNAL, make_features, write_selected, write_weights
from sklearn.metrics import roc_auc_score

from mimicflow.audit import permuted_arrests
from mimicflow.audit.findings import read_findings, verdict
from mimicflow.audit.permuted_arrests import refit_permuted_arrests
from mimicflow.audit.permuted_labels import audit_permuted_labels
from mimicflow.evaluation.predictions import read_predictions
from mimicflow.evaluation.study import Study
from mimicflow.hrv.preprocessing import Preprocessing

OPTIONS = {
    "tuning": {
        **{"initial": 2, "further": 1, "max_rounds": 40, "patience": 20, "space": "wide"},
        "min_rounds": 5,
    },
    "preprocessing": Preprocessing().as_options(),
    "epoch_minutes": 5,
    "event_window_h": [0.5, 24],
    "specificity": 0.8,
    "confidence": "none",
}
SPLIT = {"test": 0.3, "folds": 3}


@pytest.fixture(scope="module")
def features():
    return make_features(90)


def refit(folder, features, permutations):
    """Return where the predictions of each permutation of a strong signal are."""
    (folder / "best.json").write_text(json.dumps(BEST))
    features.to_parquet(folder / "features.parquet")
    outputs = {number: folder / f"{number}.parquet" for number in permutations}
    for permutation, output in outputs.items():
        refit_permuted_arrests(
            folder / "features.parquet",
            write_selected(folder, SIGNAL),
            folder / "best.json",
            write_weights(folder, features),
            OPTIONS,
            SPLIT,
            output,
            permutation=permutation,
            seeds={"split": 0, "weights": 0},
            synthetic=True,
            kind="hrv",
        )
    return outputs


@pytest.fixture(scope="module")
def outputs(tmp_path_factory, features):
    return refit(tmp_path_factory.mktemp("arrests"), features, (1, 2, 3))


@pytest.fixture(scope="module")
def refitted(outputs):
    return {number: read_predictions(path, key="epoch_id") for number, path in outputs.items()}


def judged(outputs, folder):
    """Return the verdict of the audit on these permutations."""
    runs = {(number, "", "hrv"): path for number, path in outputs.items()}
    study = Study(synthetic=True, key="epoch_id")
    audit_permuted_labels(runs, (), 55, folder / "found.csv", study)
    return verdict(read_findings(folder / "found.csv"))


def test_a_strong_signal_is_lost(refitted):
    aurocs = [roc_auc_score(table["label"], table["probability"]) for table in refitted.values()]
    assert max(aurocs) < 0.8
    assert min(aurocs) > 0.2
    assert 0.35 < sum(aurocs) / 3 < 0.65
    assert all(table["probability"].nunique() > 1 for table in refitted.values())


def test_exchanged_arrests_pass_and_arrests_that_are_not_exchanged_are_found(
    outputs, features, tmp_path, monkeypatch
):
    assert judged(outputs, tmp_path).passed
    monkeypatch.setattr(permuted_arrests, "exchange_arrests", lambda stays, generator: stays)
    assert judged(refit(tmp_path, features, (1,)), tmp_path).failed == 1


def test_stays_exchange_arrests_and_their_patients_are_split_anew(refitted, features):
    before = features.drop_duplicates("stay_id").set_index("stay_id")
    for table in refitted.values():
        of_stay = table.drop_duplicates("stay_id").set_index("stay_id")
        assert (table.groupby("stay_id")["label"].nunique() == 1).all()
        changed = of_stay["label"] != before.loc[of_stay.index, "label"]
        assert 0.2 < changed.mean() < 0.7
        assert set(table["subject_id"]) != set(
            features.loc[features["split"] == "test", "subject_id"]
        )
    assert set(refitted[1]["stay_id"]) != set(refitted[2]["stay_id"])


def test_hours_are_counted_to_the_end_of_the_last_epoch_of_a_stay_with_an_arrest(refitted):
    table = refitted[1]
    event = table["label"] == 1
    assert table.loc[~event, "hours_to_arrest"].isna().all()
    assert table.loc[event].groupby("stay_id")["hours_to_arrest"].min().eq(0.5).all()
