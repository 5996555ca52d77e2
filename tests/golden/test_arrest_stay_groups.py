"""Groups of stays with a bedside ECG, on a table small enough to be worked out by hand."""

import pandas as pd
import pytest

from mimicflow.concepts.groups import describe_groups
from mimicflow.evaluation.groups import GROUPS


@pytest.mark.parametrize(
    ("sex", "age", "icu", "monitor", "expected"),
    [
        ("F", 44.9, "MICU", "IntelliVue", ["Female", "18-44", "MICU", "IntelliVue"]),
        ("male", 45.0, "SICU", "Solar8000M", ["Male", "45-64", "SICU", "Solar8000M"]),
        ("", float("nan"), "", "", ["Unknown", "Unknown", "Unknown", "Unknown"]),
        (None, 80.0, None, None, ["Unknown", "80+", "Unknown", "Unknown"]),
    ],
)
def test_what_is_not_known_is_unknown(tmp_path, sex, age, icu, monitor, expected):
    stay = {"stay_id": ["s1"], "sex": [sex], "age": [age], "icu": [icu], "monitor": [monitor]}
    pd.DataFrame(stay).astype(dict.fromkeys(["sex", "icu", "monitor"], "string")).to_parquet(
        tmp_path / "spine.parquet"
    )

    describe_groups(
        tmp_path / "spine.parquet", {}, tmp_path / "groups.parquet", concept="arrest_stay_groups"
    )

    groups = pd.read_parquet(tmp_path / "groups.parquet").set_index("stay_id")
    assert list(groups) == ["sex", "age_band", "icu", "monitor"]
    assert set(groups) <= set(GROUPS)
    assert groups.loc["s1"].tolist() == expected


def test_a_monitor_spelled_in_two_ways_is_one_group(tmp_path):
    monitors = ["intellivue", "IntelliVue", "Solar8000M", ""]
    stays = pd.DataFrame({"stay_id": list("abcd"), "sex": "F", "age": 60.0, "icu": "MICU"})
    stays.assign(monitor=monitors).to_parquet(tmp_path / "spine.parquet")

    output = tmp_path / "groups.parquet"
    describe_groups(tmp_path / "spine.parquet", {}, output, concept="arrest_stay_groups")

    found = pd.read_parquet(output).sort_values("stay_id")["monitor"].tolist()
    assert found == ["IntelliVue", "IntelliVue", "Solar8000M", "Unknown"]
