"""Stays exchange their dispositions, nothing else, and no other stay joins in."""

import pandas as pd
import pytest
from made_hospital_tables import typed

from mimicflow.audit.permuted_outcomes import permute_outcomes


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
