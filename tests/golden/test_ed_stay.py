"""The stay itself: who, how, with which complaint."""

import logging

import pytest
from made_hospital_tables import extract, spine

FLAGS = ["Chest Pain", "Dyspnea", "Presyncope", "Syncope"]


def ed_stay(options=None, **stay):
    return extract("ed_stay", spine(**stay), options).iloc[0]


def test_numbers_of_the_stay():
    features = ed_stay(n_ecg=3, prediction_time="2150-01-01 11:30", acuity=2, age=71)
    assert features["n_ecg"] == 3
    assert features["pre_los"] == 1.5  # hours since arrival at 10:00
    assert (features["acuity"], features["missing_acuity"]) == (2, 0)
    assert features["age"] == 71


def test_a_missing_acuity_stays_missing_and_is_flagged():
    features = ed_stay(acuity=None)
    assert features.isna()["acuity"]
    assert features["missing_acuity"] == 1


@pytest.mark.parametrize("acuity", [0, 6, 33, -1])
def test_an_acuity_that_no_triage_gives_is_missing_and_counted(acuity, caplog):
    with caplog.at_level(logging.INFO):
        features = ed_stay(acuity=acuity)
    assert features.isna()["acuity"]
    assert features["missing_acuity"] == 1
    assert "1 acuities outside of 1 to 5: missing" in caplog.text


def test_acuity_is_known_at_triage_all_else_on_arrival():
    late = ed_stay({"triage_delay_minutes": 121}, acuity=2)  # the prediction is after 120
    assert late.isna()["acuity"]
    assert (late["missing_acuity"], late["Chest Pain"], late["age"]) == (1, 1, 60)
    assert ed_stay({"triage_delay_minutes": 120}, acuity=2)["acuity"] == 2


@pytest.mark.parametrize(("gender", "expected"), [("M", 1), ("F", 0)])
def test_gender_m(gender, expected):
    assert ed_stay(gender=gender)["gender_M"] == expected


@pytest.mark.parametrize("arrival", ["AMBULANCE", "HELICOPTER", "WALK IN", "UNKNOWN", "OTHER"])
def test_arrival_sets_one_of_three_flags_or_none(arrival):
    features = ed_stay(arrival_transport=arrival).filter(like="arrival_transport_")
    expected = [f"arrival_transport_{arrival}"] if arrival not in ("UNKNOWN", "OTHER") else []
    assert [name for name, value in features.items() if value == 1] == expected


@pytest.mark.parametrize(
    ("complaint", "flags"),
    [
        ("CHEST PAIN", ["Chest Pain"]),
        ("R Chest wall injury", ["Chest Pain"]),
        ("Cardiac arrest", ["Chest Pain"]),
        ("c/p", ["Chest Pain"]),
        ("CPAP issue", ["Chest Pain"]),  # the substring cp, as published
        ("Dyspnea, Chest pain", ["Chest Pain", "Dyspnea"]),
        ("Syncope", ["Syncope"]),
        ("PRESYNCOPE", ["Presyncope"]),
        ("Presyncope, Syncope", ["Presyncope", "Syncope"]),
        ("SOB", []),
    ],
)
def test_complaint_flags(complaint, flags):
    features = ed_stay(chiefcomplaint=complaint)
    assert [flag for flag in FLAGS if features[flag] == 1] == flags
