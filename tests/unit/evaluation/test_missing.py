"""Missing values by feature and outcome; few real patients are hidden, the others rounded."""

import numpy as np
import pandas as pd
import pytest

from mimicflow.evaluation.missing import COLUMNS, VITALS, count_missing
from mimicflow.evaluation.study import Study
from mimicflow.reference import reference


def counted(tmp_path, system="admission", lacking=(24, 14), vitals=False, **study):
    """Two hundred stays, the first eighty with the outcome; so many without and with it lack."""
    stays = pd.DataFrame({"stay_id": np.arange(200), "subject_id": np.arange(200)})
    stays["label"] = (stays["stay_id"] < 80).astype(int)
    without, with_event = lacking
    table = stays[["stay_id", "subject_id"]].assign(acuity=3.0, tropT_peak=1.0, n_ecg=1)
    table.loc[table["stay_id"] < with_event, "acuity"] = np.nan
    table.loc[table["stay_id"] >= 200 - without, "acuity"] = np.nan
    readings = pd.DataFrame({"stay_id": [0, 0, 1], "source": [1, 2, 1]})
    for vital in VITALS:
        readings[vital] = 90.0
        readings[f"real_{vital}"] = [1, 1, 0]
    paths = {name: tmp_path / f"{name}.parquet" for name in ("cohort", "features", "vitals")}
    for path, frame in zip(paths.values(), (stays, table, readings), strict=True):
        frame.to_parquet(path)
    of_vitals = {"vitals": paths["vitals"]} if vitals else {}
    count_missing(
        paths["features"],
        paths["cohort"],
        tmp_path / "missing.csv",
        Study(**study),
        system=system,
        **of_vitals,
    )
    found = pd.read_csv(tmp_path / "missing.csv")
    assert found.columns.tolist() == COLUMNS
    return found.set_index("feature")


def test_missing_values_are_counted_by_outcome(tmp_path):
    found = counted(tmp_path, synthetic=True)

    assert found.index.tolist() == ["acuity", "tropT_peak"]  # ECGs cannot be missing
    assert found.loc["acuity", ["n", "missing"]].tolist() == [200, 38]
    shares = found.loc["acuity", ["share", "share_without_event", "share_with_event"]]
    assert shares.tolist() == pytest.approx([0.19, 0.2, 0.175])
    assert "median of training patients" in found.loc["acuity", "handling"]
    assert found.loc["tropT_peak", "missing"] == 0


def test_of_vital_signs_the_first_reading_is_looked_at(tmp_path):
    found = counted(tmp_path, vitals=True, synthetic=True)

    assert found.loc["first reading, sbp", "missing"] == 199  # the second stay has none of its own
    assert "chained equations" in found.loc["first reading, sbp", "handling"]


def test_few_real_patients_are_hidden_and_others_rounded(tmp_path):
    found = counted(tmp_path)
    assert found.loc["acuity", ["n", "missing"]].tolist() == [200, 40]
    assert found.loc["acuity", "share_without_event"] == pytest.approx(20 / 120)
    found = counted(tmp_path, lacking=(24, 9))
    hidden = ["missing", "share", "share_without_event", "share_with_event"]
    assert found.loc["acuity", "suppressed"] and found.loc["acuity", hidden].isna().all()
    assert not found.loc["tropT_peak", "suppressed"]


def test_every_system_says_what_it_does_with_missing_values():
    listed = pd.read_csv(reference("missing.csv"))
    assert set(listed["system"]) == {"admission", "mortality", "arrest"}
    assert listed["handling"].notna().all()
