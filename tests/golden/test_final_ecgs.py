"""The table of all static features, put together from its parts."""

import numpy as np
import pandas as pd
import pytest
from made_hospital_tables import OPTIONS, STATIC, extract, gsn_etc, spine

from mimicflow.admission.static_features import assemble_static_features
from mimicflow.errors import InputError

STAYS = spine({"stay_id": 31, "acuity": None}, {"stay_id": 30, "subject_id": 2, "acuity": 2.0})
ECGS = pd.DataFrame(
    [
        (30, 1, 400, "2150-01-01 10:30", "files/400"),
        (30, 2, 401, "2150-01-01 12:00", "files/401"),
        (31, 1, 402, "2150-01-01 12:00", "files/402"),
    ],
    columns=["stay_id", "position", "study_id", "ecg_time", "path"],
).assign(ecg_time=lambda rows: pd.to_datetime(rows["ecg_time"]))


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """The concepts' shards of two stays, 31 before 30 in the cohort's file."""
    folder = tmp_path_factory.mktemp("parts")
    STAYS.to_parquet(folder / "stays.parquet")
    ECGS.to_parquet(folder / "ecgs.parquet")
    gsn_etc(folder, None)
    for concept in STATIC:
        for shard in range(2):
            rows = extract(concept, STAYS, shard=shard, shards=2)
            rows.to_parquet(folder / f"{concept}_{shard}.parquet")
    return folder


def final_ecgs(parts, output, **options):
    assemble_static_features(
        {
            concept: [parts / f"{concept}_{shard}.parquet" for shard in range(2)]
            for concept in STATIC
        },
        parts / "stays.parquet",
        parts / "ecgs.parquet",
        {**OPTIONS, **options},
        output,
        drugs={},  # classed already
        dictionary=parts / "gsn_etc.parquet",
    )
    return pd.read_parquet(output)


def test_columns_are_the_published_ones_in_order(parts, tmp_path, repository):
    listed = pd.read_csv(repository / "src/mimicflow/reference/static_features.csv")
    table = final_ecgs(parts, tmp_path / "final.parquet")
    assert table.columns.tolist() == [
        *("subject_id", "hadm_id", "stay_id", "intime", "outtime", "ecg_time", "final_ecg_path"),
        *("path_1", "path_2", "path_3", "path_4", "path_5"),
        *("los", "disposition_HOME", "disposition_ADMITTED"),
        *listed["name"],
        "n_pmh_rows",
    ]
    assert len(listed) == 354
    assert (table[listed.loc[listed["kind"] == "numeric", "name"]].dtypes == np.float64).all()
    assert (table[listed.loc[listed["kind"] == "boolean", "name"]].dtypes == np.int8).all()


def test_paths_are_oldest_first_and_the_prediction_ecg_is_apart(parts, tmp_path):
    table = final_ecgs(parts, tmp_path / "final.parquet").set_index("stay_id")
    assert table.index.tolist() == [30, 31]
    assert table.loc[30, ["path_1", "final_ecg_path"]].tolist() == ["files/400", "files/401"]
    assert table.loc[30, "ecg_time"] == pd.Timestamp("2150-01-01 12:00")
    assert table.loc[31, "final_ecg_path"] == "files/402"
    assert table.loc[31, [f"path_{k}" for k in range(1, 6)]].isna().all()
    assert table["los"].tolist() == [10, 10]
    assert table["disposition_ADMITTED"].tolist() == [1, 1]


def test_what_was_not_measured_stays_missing(parts, tmp_path):
    table = final_ecgs(parts, tmp_path / "final.parquet").set_index("stay_id")
    assert np.isnan(table.loc[31, "acuity"])
    assert table["missing_acuity"].tolist() == [0, 1]
    assert table["tropT_first"].isna().all()


def test_a_shard_that_is_not_of_this_cohort_is_refused(parts, tmp_path):
    with pytest.raises(InputError, match="feature shards of ed_stay"):
        assemble_static_features(
            {"ed_stay": parts / "ed_stay_0.parquet"},
            parts / "stays.parquet",
            parts / "ecgs.parquet",
            OPTIONS,
            tmp_path / "final.parquet",
            drugs={},
            dictionary=parts / "gsn_etc.parquet",
        )
    assert not (tmp_path / "final.parquet").exists()
