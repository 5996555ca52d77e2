"""Stays exchange their dispositions, nothing else, and no other stay joins in."""

import numpy as np
import pandas as pd
import pytest
from made_hospital_tables import typed

from mimicflow.admission.baselines import fit_baseline
from mimicflow.audit.findings import read_findings, verdict
from mimicflow.audit.permuted_labels import audit_permuted_labels
from mimicflow.audit.permuted_outcomes import EXCHANGED, permute_outcomes
from mimicflow.concepts import static_features
from mimicflow.evaluation.study import Study
from mimicflow.learning.splits import split_patients

SPLIT = {"test": 0.3, "validation": 0.1, "stratified": True}
TREES = {"n_estimators": 20, "learning_rate": 0.1, "num_leaves": 4}


def edstays(n=400):
    endings = ["ADMITTED", "HOME", "home ", "ELOPED", None]
    return typed(
        "edstays",
        pd.DataFrame(
            {
                "subject_id": [1 + number // 2 for number in range(n)],
                "stay_id": [5000 - number for number in range(n)],
                "intime": "2150-01-01 10:00",
                "outtime": "2150-01-01 20:00",
                "disposition": [endings[number % 5] for number in range(n)],
            }
        ),
    )


@pytest.fixture
def permuted(tmp_path):
    def run(permutation=1, shards=1, seed=0):
        stays = edstays()
        paths = [tmp_path / f"{shard}.parquet" for shard in range(shards)]
        outputs = [tmp_path / f"out_{shard}.parquet" for shard in range(shards)]
        for shard, path in enumerate(paths):
            stays[stays["subject_id"] % shards == shard].to_parquet(path, index=False)
        permute_outcomes(paths, permutation, seed, outputs)
        read = typed("edstays", pd.concat([pd.read_parquet(path) for path in outputs]))
        return read.sort_values("stay_id", ignore_index=True)

    return run


def test_only_dispositions_change_and_each_outcome_stays_as_frequent(permuted):
    before = edstays().sort_values("stay_id", ignore_index=True)
    after = permuted()
    same = before.columns.drop("disposition")
    pd.testing.assert_frame_equal(after[same], before[same])
    spelled = before["disposition"].str.strip().str.upper()
    assert after["disposition"].value_counts().to_dict() == spelled.value_counts().to_dict()
    others = ~spelled.isin(["ADMITTED", "HOME"])
    assert after.loc[others, "disposition"].equals(before.loc[others, "disposition"])
    changed = (after["disposition"] != spelled)[~others]
    assert 0.3 < changed.mean() < 0.6  # 2/3 HOME: 4 of 9 change by chance


def test_another_permutation_is_another_and_shards_are_of_no_account(permuted):
    assert permuted(1)["disposition"].equals(permuted(1, shards=3)["disposition"])
    assert not permuted(1)["disposition"].equals(permuted(2)["disposition"])
    assert not permuted(1)["disposition"].equals(permuted(1, seed=1)["disposition"])


@pytest.fixture
def judged(permuted, tmp_path):
    """Give a function: what the audit says of models that learn from these features."""

    def run(plant=None, exchanged=True):
        before = edstays().sort_values("stay_id", ignore_index=True)
        ended = before["disposition"].str.strip().str.upper().isin(EXCHANGED)
        runs = {}
        for permutation in (1, 2, 3):
            after = permuted(permutation) if exchanged else before
            stays = after.loc[ended, ["stay_id", "subject_id"]].assign(
                label=_admitted(after)[ended], n_ecg=1
            )
            stays.to_parquet(tmp_path / "stays.parquet")
            split_patients(tmp_path / "stays.parquet", SPLIT, 0, tmp_path / "spine.parquet")
            names = static_features()["name"]
            features = pd.DataFrame(0.0, index=stays.index, columns=names)
            noise = np.random.default_rng(permutation).normal(0, 0.7, len(before))
            features["age"] = (_admitted(before) + noise)[ended]  # what models may know
            if plant is not None:
                features["acuity"] = _admitted({"before": before, "after": after}[plant])[ended]
            features.attrs = {"drug_dictionary": "a hash"}
            features.assign(stay_id=stays["stay_id"]).to_parquet(tmp_path / "final.parquet")
            folder = tmp_path / f"{permutation}_{plant}"
            outputs = {"predictions": "p.parquet", "importance": "i.csv", "config": "c.yaml"}
            outputs = {key: folder / file for key, file in (outputs | {"model": "m.txt"}).items()}
            fit_baseline(
                *("lightgbm", "all", tmp_path / "final.parquet", tmp_path / "spine.parquet"),
                *(TREES, outputs),
            )
            runs[permutation, "", "lightgbm_all"] = outputs["predictions"]
        audit_permuted_labels(runs, (), 55, tmp_path / "found.csv", Study(synthetic=True))
        return verdict(read_findings(tmp_path / "found.csv"))

    return run


def _admitted(stays):
    return (stays["disposition"].str.strip() == "ADMITTED").astype(float)


def test_models_of_exchanged_outcomes_pass_and_of_others_fail(judged):
    assert judged().passed
    assert judged(exchanged=False).failed == 3


def test_what_is_made_of_the_exchanged_outcome_is_found_and_what_was_made_before_is_not(judged):
    """The latter is the true outcome: single features name it, docs/audit.md says so."""
    assert judged(plant="after").failed == 3
    assert judged(plant="before").passed
