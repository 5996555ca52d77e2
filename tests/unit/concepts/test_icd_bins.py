import pandas as pd
import pytest

from mimicflow.concepts.icd_bins import icd_bins
from mimicflow.reference import reference


@pytest.fixture(scope="module")
def bins():
    return icd_bins().set_index(["icd_version", "icd_code"])["bin"]


@pytest.mark.parametrize(
    ("version", "code", "expected"),
    [
        (9, "4280", "108"),  # congestive heart failure
        (9, "01000", "001"),  # tuberculosis: three digits, leading zeros of the code kept
        (9, "E8859", "2603"),  # fall
        (10, "I10", "CIR"),
        (10, "A000", "DIG"),  # first category of several
    ],
)
def test_a_code_has_the_bin_that_hcup_gives_it(bins, version, code, expected):
    assert bins[version, code] == expected


@pytest.mark.parametrize(
    ("code", "category"),
    [
        ("30301", "066"),  # alcohol dependence
        ("30400", "067"),  # opioid dependence
        ("2900", "068"),  # senile dementia
        ("29620", "069"),  # depression
        ("29500", "070"),  # schizophrenia
        ("30000", "072"),  # anxiety
        ("31400", "073"),  # attention deficit
        ("3099", "074"),  # adjustment reaction
        ("V110", "075"),  # history of schizophrenia
        ("E9500", "662"),  # self-harm had no category of its own: kept, and reported as unlisted
    ],
)
def test_mental_health_is_translated_to_the_older_categories(bins, code, category):
    assert bins[9, code] == category


def test_every_code_is_listed_once(bins):
    assert bins.index.is_unique
    assert bins.notna().all()
    assert bins.groupby(level="icd_version").size().to_dict() == {9: 15072, 10: 74549}


def test_the_places_are_those_of_the_lists_icd_9_first(bins):
    places = icd_bins().set_index(["icd_version", "icd_code"])["place"]
    assert places[9, "01000"] == 0  # HCUP lists by category: tuberculosis is the first
    assert places[9, "0845"] < places[9, "00845"] < places[10, "A000"]
    assert places.is_unique


def test_46_codes_exist_in_both_systems(bins):
    assert len(bins[9].index.intersection(bins[10].index)) == 46


def test_every_published_bin_can_be_reached(bins):
    listed = pd.read_csv(reference("static_features.csv"))
    listed = listed[(listed["group"] == "pmh") & (listed["kind"] == "boolean")]["name"]
    assert set(listed.str.removeprefix("pmh_")) <= set(bins)
    assert len(listed) == 253


def test_a_warning_names_the_translation(caplog):
    icd_bins.__wrapped__()
    assert "ccs_legacy_map.csv" in caplog.text


def test_padding_loses_the_published_share_of_the_open_demo(shared_data, bins):
    """46.8 % of the ICD-9 and 55.8 % of the ICD-10 rows have fewer than five characters."""
    diagnoses = pd.read_csv(
        shared_data / "mimic-iv-demo-2.2/hosp/diagnoses_icd.csv.gz", dtype={"icd_code": str}
    )
    rows = pd.MultiIndex.from_arrays([diagnoses["icd_version"], diagnoses["icd_code"].str.strip()])
    padded = pd.MultiIndex.from_tuples([(version, code.zfill(5)) for version, code in bins.index])
    lost = pd.Series(~rows.isin(padded)).groupby(diagnoses["icd_version"]).mean()
    assert rows.isin(bins.index).all()
    assert lost.round(3).to_dict() == {9: 0.468, 10: 0.558}
