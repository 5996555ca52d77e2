import duckdb
import pandas as pd
import pytest
from made_hospital_tables import OPTIONS, STATIC, extract, spine, typed, write

from mimicflow.concepts.extract import extract_concept
from mimicflow.reference import reference


def test_the_concepts_give_the_354_published_features():
    names = {"n_pmh_rows", "etcdesc", "stay_id"}
    published = set(pd.read_csv(reference("static_features.csv"))["name"])
    given = [name for concept in STATIC for name in extract(concept, spine()) if name not in names]
    assert len(given) == len(set(given)) == 354
    assert set(given) == published


@pytest.mark.parametrize("concept", STATIC)
def test_every_stay_of_the_shard_has_a_row_even_without_events(concept):
    stays = spine(*({"stay_id": 30 + n, "subject_id": n} for n in (5, 4, 3, 2)))
    shards = [extract(concept, stays, shard=shard, shards=2)["stay_id"] for shard in range(2)]
    assert [list(shard) for shard in shards] == [[32, 34], [33, 35]]


def test_a_shard_without_stays_is_empty_and_keeps_its_columns():
    stays = spine({"stay_id": 30, "subject_id": 2})
    empty = extract("ed_labs", stays, shard=1, shards=2)
    assert len(empty) == 0
    assert list(empty) == list(extract("ed_labs", stays))


def test_an_option_that_was_not_handed_over_is_an_error(tmp_path):
    labs = pd.DataFrame(
        {"subject_id": [1], "itemid": [51003], "charttime": ["2150-01-01 11:00"], "valuenum": [1]}
    )
    tables = {
        "spine": write(spine(), tmp_path, "spine"),
        "labevents": write(typed("labevents", labs), tmp_path, "labevents"),
    }
    options = {key: value for key, value in OPTIONS.items() if key != "availability"}
    output = tmp_path / "features.parquet"
    with pytest.raises(duckdb.InvalidInputException, match="option availability is missing"):
        extract_concept("ed_labs", tables, options, output)
    assert not output.exists()


def test_two_runs_write_the_same_bytes(tmp_path):
    tables = {"spine": write(spine(), tmp_path, "spine")}
    outputs = [tmp_path / "one.parquet", tmp_path / "two.parquet"]
    for output in outputs:
        extract_concept("ed_stay", tables, OPTIONS, output)
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
