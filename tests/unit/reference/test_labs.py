"""The tables of laboratory groups fit each other, and the made-up results lie inside."""

import pandas as pd
import pytest

from mimicflow.concepts import opened
from mimicflow.reference import reference

LABS = pd.read_csv(reference("labs.csv"))
RANGES = pd.read_csv(reference("lab_ranges.csv")).set_index("group")
UNITS = pd.read_csv(reference("lab_units.csv"))


def test_every_group_has_one_range_with_its_source():
    assert RANGES.index.is_unique
    assert set(RANGES.index) == set(LABS["group"])
    assert (RANGES["low"] < RANGES["high"]).all()
    assert RANGES["source"].notna().all()
    vitals = pd.read_csv(reference("vital_ranges.csv"))["vital"]
    assert not set(RANGES.index) & set(vitals)  # one macro looks up both


def test_the_official_unit_is_that_of_the_items_and_needs_no_conversion():
    official = LABS.groupby("group")["unit"].unique()
    assert {group: list(units) for group, units in official.items()} == {
        group: [unit] for group, unit in RANGES["unit"].items()
    }
    factors = UNITS.set_index(["group", "unit"])["factor"]
    assert factors.index.is_unique
    assert (factors > 0).all()
    for group, unit in RANGES["unit"].items():
        assert factors[group, unit.lower()] == 1


def test_units_are_spelled_as_they_are_looked_up():
    with opened({}, {}, 200, uses=["lab_items"]) as connection:
        spelled = connection.sql("SELECT DISTINCT unit, unit_text(unit) FROM lab_units").fetchall()
    assert all(unit == looked_up for unit, looked_up in spelled)


@pytest.mark.parametrize("group", RANGES.index)
def test_the_open_demo_lies_inside_and_has_units_that_are_known(shared_data, group):
    items = LABS.loc[(LABS["group"] == group) & (LABS["ours"] == "yes"), "itemid"]
    file = shared_data / "mimic-iv-demo-2.2/hosp/labevents.csv.gz"
    with opened({}, {}, 400, uses=["lab_items"]) as connection:
        inside, known, n = connection.execute(
            """
            SELECT
                count(*) FILTER (WHERE valuenum BETWEEN $low AND $high),
                count(*) FILTER (WHERE unit_text(valueuom) IN
                    (SELECT unit FROM lab_units WHERE lab = $group)),
                count(*)
            FROM read_csv($file) WHERE itemid IN $items AND valuenum IS NOT NULL
            """,
            {
                **{"file": str(file), "items": items.tolist(), "group": group},
                **RANGES.loc[group, ["low", "high"]].to_dict(),
            },
        ).fetchall()[0]
    assert inside == known == n
