"""The sequence of vital signs. The stay: arrival 10:00, prediction 12:00."""

import logging

import pandas as pd
import pytest
from made_hospital_tables import extract, spine, table

NORMAL = "98.6         80         16        99     120  80   "
VITALS = "temperature  heartrate  resprate  o2sat  sbp  dbp  "


def vitalsigns(triage, vitalsign=None, **options):
    return extract("vitalsigns", spine(), options, triage=triage, vitalsign=vitalsign)


def triage(pain="0", **values):
    row = {"stay_id": 30, "temperature": 98.6, "heartrate": 80, "resprate": 16, "o2sat": 99}
    return pd.DataFrame([{**row, "sbp": 120, "dbp": 80, "pain": pain, **values}])


def test_triage_comes_first_without_time_then_readings_by_time_until_the_prediction():
    readings = vitalsigns(
        triage(),
        table("""
        stay_id  charttime            heartrate  pain
        30       2150-01-01 11:00:00  90         5
        30       2150-01-01 10:30:00  85         4
        30       2150-01-01 12:00:00  95         6
        30       2150-01-01 12:00:01  99         9   # after the prediction
        30       2150-01-01 09:00:00  70         3   # an hour before arrival: clocks differ
        30       2149-01-01 09:00:00  60         3   # of another stay
        31       2150-01-01 11:00:00  77         3   # another stay
        """),
    )
    assert readings["source"].tolist() == [1, 2, 3, 4, 5]
    assert readings["heartrate"].tolist() == [80, 70, 85, 90, 95]
    assert readings["charttime"].isna().tolist() == [True, False, False, False, False]


def test_readings_dated_long_before_arrival_are_counted(caplog):
    early = table("""
        stay_id  charttime            heartrate
        30       2150-01-01 08:59:59  70
        30       2149-01-01 09:00:00  60
    """)
    with caplog.at_level(logging.INFO):
        assert len(vitalsigns(triage(), early)) == 1
    assert "vitalsigns: 2 rows left out: dated long before arrival" in caplog.text
    assert len(vitalsigns(triage(), early, before_arrival_hours=1.5)) == 2


def test_triage_that_is_known_too_late_leaves_an_empty_reading():
    late = vitalsigns(triage(), triage_delay_minutes=121)  # the prediction is after 120
    assert late["source"].tolist() == [1]
    assert late[["heartrate", "charttime"]].isna().all(axis=None)
    assert late[["pain", "sleeping", "uta", "real_pain", "real_sbp"]].iloc[0].tolist() == [
        *(-1, 0, 0, 0, 0)
    ]
    assert vitalsigns(triage(), triage_delay_minutes=120)["heartrate"].tolist() == [80]

    bedside = table("""
        stay_id  charttime            heartrate
        30       2150-01-01 11:00:00  90
    """)
    assert vitalsigns(triage(), bedside, triage_delay_minutes=121)["heartrate"].tolist() == [90]


def test_columns_bear_the_published_names():
    assert vitalsigns(triage()).columns.tolist() == [
        *("stay_id", "source", "charttime"),
        *("temperature", "heartrate", "resprate", "o2sat", "sbp", "dbp"),
        *("pain", "sleeping", "uta", "real_pain"),
        *("real_temperature", "real_heartrate", "real_resprate"),
        *("real_o2sat", "real_sbp", "real_dbp"),
    ]


def test_a_triage_row_repeated_at_the_bedside_is_dropped_and_the_rest_renumbered():
    readings = vitalsigns(
        triage(),
        table(f"""
        stay_id  charttime         {VITALS}  pain
        30       2150-01-01 10:10  {NORMAL}  0
        30       2150-01-01 10:20  {NORMAL}  0    # repeats a bedside reading: stays
        """),
    )
    assert readings["source"].tolist() == [1, 2]
    assert readings["charttime"].notna().all()


def test_missing_equals_missing_when_readings_are_compared():
    readings = vitalsigns(
        triage(temperature=None, pain=None),
        table("""
        stay_id  charttime         heartrate  resprate  o2sat  sbp  dbp  pain
        30       2150-01-01 10:10  80         16        99     120  80   -
        """),
    )
    assert len(readings) == 1


def test_a_different_pain_keeps_the_triage_row():
    readings = vitalsigns(
        triage(pain="7"),
        table(f"""
        stay_id  charttime         {VITALS}  pain
        30       2150-01-01 10:10  {NORMAL}  2
        """),
    )
    assert readings["pain"].tolist() == [7, 2]


def test_readings_of_the_same_minute_are_ordered_by_their_values():
    rows = table("""
        stay_id  charttime         heartrate
        30       2150-01-01 10:10  90
        30       2150-01-01 10:10  85
    """)
    expected = [80, 85, 90]
    assert vitalsigns(triage(), rows)["heartrate"].tolist() == expected
    assert vitalsigns(triage(), rows[::-1])["heartrate"].tolist() == expected


PAIN = [
    # text, score, sleeping, unable to answer
    ("7", 7, 0, 0),
    (" 7 ", 7, 0, 0),
    ("2.5", 2.5, 0, 0),
    ("3-5", 4, 0, 0),
    ("3 - 4", 3.5, 0, 0),
    ("8/10", 8, 0, 0),
    ("7.5 / 10", 7.5, 0, 0),
    ("8/20", -1, 0, 0),
    ("asleep", -1, 1, 0),
    ("Sleeping 5", -1, 1, 0),
    ("UTA", -1, 0, 1),
    ("ua", -1, 0, 1),
    ("unable to answer", -1, 0, 1),
    ("unable, sleeping", -1, 1, 1),
    ("guard", -1, 0, 0),  # holds ua, but not as a word
    ("denies", -1, 0, 0),
    ("", -1, 0, 0),
    (None, -1, 0, 0),
    ("nan", -1, 0, 0),
    ("10", 10, 0, 0),
    ("11", -1, 0, 0),
    ("-3", -1, 0, 0),
    ("12-20", -1, 0, 0),
    ("99/10", -1, 0, 0),
]

RANGES = [
    # vital sign, value, value kept
    ("temperature", 86.0, 86.0),
    ("temperature", 85.9, None),
    ("temperature", 113.1, None),
    ("temperature", 40.0, 104.0),  # written in Celsius
    ("temperature", 29.9, None),
    ("heartrate", 20, 20),
    ("heartrate", 301, None),
    ("resprate", 2, None),
    ("o2sat", 0, None),
    ("o2sat", 100, 100),
    ("o2sat", 101, None),
    ("sbp", 39, None),
    ("dbp", 201, None),
    ("sbp", None, None),
]


def one_stay_each(rows):
    """Read the triage rows of as many stays in one go."""
    stays = spine(*({"stay_id": stay_id} for stay_id in range(len(rows))))
    rows = pd.concat(rows, ignore_index=True).assign(stay_id=range(len(rows)))
    return extract("vitalsigns", stays, triage=rows).set_index("stay_id")


@pytest.fixture(scope="module")
def pain_readings():
    return one_stay_each([triage(pain=pain) for pain, *_ in PAIN])


@pytest.fixture(scope="module")
def range_readings():
    return one_stay_each([triage(**{vital: value}) for vital, value, _ in RANGES])


@pytest.mark.parametrize("case", range(len(PAIN)), ids=[repr(case[0]) for case in PAIN])
def test_pain_text_is_read_by_these_rules(pain_readings, case):
    _, score, sleeping, uta = PAIN[case]
    reading = pain_readings.loc[case]
    assert reading["pain"] == score
    assert reading["real_pain"] == (score != -1)
    assert (reading["sleeping"], reading["uta"]) == (sleeping, uta)


@pytest.mark.parametrize("case", range(len(RANGES)), ids=[f"{v} {x}" for v, x, _ in RANGES])
def test_a_value_outside_its_plausible_range_is_missing(range_readings, case):
    vital, _, expected = RANGES[case]
    reading = range_readings.loc[case]
    assert reading[f"real_{vital}"] == (expected is not None)
    if expected is None:
        assert pd.isna(reading[vital])
    else:
        assert reading[vital] == pytest.approx(expected)


def test_what_no_patient_has_is_missing_and_counted(caplog):
    with caplog.at_level(logging.INFO):
        vitalsigns(triage(pain="15", heartrate=999, temperature=37.0, o2sat=-1, sbp=None))
    for vital in ("heartrate", "o2sat", "pain"):
        assert f"1 readings of {vital} outside the plausible range: missing" in caplog.text
    assert "1 readings of temperature converted from Celsius" in caplog.text
    assert caplog.text.count("readings of") == 4


def test_as_published_nothing_is_left_out_or_counted(caplog):
    with caplog.at_level(logging.INFO):
        readings = vitalsigns(triage(pain="15", heartrate=999), ranges="none")
    assert readings[["heartrate", "pain"]].iloc[0].tolist() == [999, 15]
    assert "readings of" not in caplog.text
