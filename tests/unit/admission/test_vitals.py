import pandas as pd
from made_hospital_tables import OPTIONS, spine, typed, write

from mimicflow.admission.vitals import VITALS, assemble_vitals
from mimicflow.concepts.extract import extract_concept
from mimicflow.reference import reference


def test_every_vital_sign_has_a_plausible_range():
    ranges = pd.read_csv(reference("vital_ranges.csv"))
    assert tuple(ranges["vital"][:6]) == VITALS
    assert (ranges["low"] < ranges["high"]).all()


def test_shards_are_joined_by_stay_and_number(tmp_path):
    stays = spine({"stay_id": 31, "subject_id": 2}, {"stay_id": 30, "subject_id": 3})
    readings = pd.DataFrame(
        {
            "stay_id": [31, 30],
            "charttime": "2150-01-01 11:00",
            "heartrate": [81.0, 80.0],
        }
    )
    tables = {
        "spine": write(stays, tmp_path, "spine"),
        "triage": write(typed("triage", pd.DataFrame({"stay_id": [30, 31]})), tmp_path, "triage"),
        "vitalsign": write(typed("vitalsign", readings), tmp_path, "vitalsign"),
    }
    outputs = [tmp_path / f"{shard}.parquet" for shard in range(2)]
    for shard, output in enumerate(outputs):
        extract_concept("vitalsigns", tables, OPTIONS, output, shard=shard, shards=2)
    assemble_vitals(outputs, tmp_path / "all.parquet")
    joined = pd.read_parquet(tmp_path / "all.parquet")
    assert joined[["stay_id", "source"]].to_numpy().tolist() == [[30, 1], [30, 2], [31, 1], [31, 2]]
    assert joined["heartrate"].dropna().tolist() == [80, 81]
    assert joined["pain"].dtype == "float64"
