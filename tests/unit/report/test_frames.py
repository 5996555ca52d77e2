"""Tables of a run as frames."""

import pandas as pd
import pytest

import mimicflow
from mimicflow.errors import InputError
from mimicflow.report.columns import describe_column


@pytest.fixture
def results(tmp_path):
    for name, rows in {
        "cohort/stays.parquet": {"stay_id": [1, 2], "intime": pd.to_datetime(["2150-01-01"] * 2)},
        "tables/hosp/admissions/0.parquet": {"hadm_id": [20]},
        "tables/hosp/admissions/1.parquet": {"hadm_id": [21]},
        "arrest/epochs.parquet": {"epoch_id": [7]},
        "logs/odd.parquet": {"a": [1]},
        ".awaited/odd.parquet": {"a": [1]},
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows).to_parquet(tmp_path / name)
    (tmp_path / "arrest/epochs.csv").write_text("reason,epochs\nno_ecg,3\n")
    (tmp_path / "scores.csv").write_text("model,auroc,auroc_low\nlstm,0.7,0.6\n")
    (tmp_path / "times.csv").write_text("stay_id,intime\n1,2150-01-01 10:00:00\n")
    return mimicflow.load(tmp_path)


def test_tables_by_name(results):
    assert list(results) == [
        *("arrest/epochs.csv", "arrest/epochs", "cohort/stays", "scores", "times"),
        "tables/hosp/admissions",
    ]
    assert len(results) == 6
    assert "6 tables" in repr(results) and "cohort/stays" in repr(results)
    assert results["tables/hosp/admissions"]["hadm_id"].tolist() == [20, 21]
    assert results["arrest/epochs"].columns.tolist() == ["epoch_id"]
    assert results["arrest/epochs.csv"].columns.tolist() == ["reason", "epochs"]
    assert results["cohort/stays.parquet"].equals(results["cohort/stays"])


def test_types_units_and_meanings(results):
    assert results["times"]["intime"].dtype == results["cohort/stays"]["intime"].dtype
    scores = results["scores"]
    assert scores.attrs["units"]["auroc_low"] == "0 to 1"
    assert scores.attrs["meanings"]["auroc_low"].endswith("lower bound of the 95 % interval")


def test_what_is_not_there_is_named(results, tmp_path):
    assert "cohort/stays" in results and "cohort/stay" not in results
    with pytest.raises(InputError, match="did you mean cohort/stays"):
        results["cohort/stay"]
    with pytest.raises(InputError, match="no table is called zzz"):
        results["zzz"]
    with pytest.raises(InputError, match="no table is called 3: they are asked for by name"):
        results[3]
    for folder in ("nowhere", "logs"):
        with pytest.raises(InputError, match="no tables of a run"):
            mimicflow.load(tmp_path / folder / "below")


@pytest.mark.parametrize(
    ("table", "column", "unit", "words"),
    [
        ("groups", "race", "", "Group of race"),
        ("stays", "race", "", "as the hospital wrote it"),
        ("features", "RMSSD", "ms", "successive"),
        ("features", "hr_slope_6h", "/min per h", "slope over the last 6 h"),
        ("final_ecgs", "pre_los", "", "hours from intime"),
        ("comparison", "auroc_sd", "0 to 1", "standard deviation over repeats"),
    ],
)
def test_what_a_column_is(table, column, unit, words):
    found = describe_column(table, column)

    assert found.unit == unit
    assert words in found.what


def test_nobody_makes_up_what_a_column_is():
    assert describe_column("stays", "nobody_knows") is None
    assert describe_column("stays", "nobody_low") is None
