"""Laboratory features, worked out by hand. The stay: arrival 10:00, prediction 12:00."""

import logging
import shutil

import pandas as pd
import pytest
from made_hospital_tables import extract, spine, table

from mimicflow import concepts


def ed_labs(labs, stays=None, **options):
    return extract("ed_labs", spine() if stays is None else stays, options, labevents=labs).iloc[0]


def test_first_is_the_earliest_result_and_peak_the_highest():
    features = ed_labs(
        table("""
        subject_id  itemid  charttime         storetime         valuenum
        1           51003   2150-01-01 11:00  2150-01-01 11:40  0.20
        1           51003   2150-01-01 10:05  2150-01-01 10:50  0.04
        1           51003   2150-01-01 10:30  2150-01-01 11:10  0.90
        """)
    )
    assert features["tropT_first"] == 0.04
    assert features["tropT_peak"] == 0.90
    assert features["tropT_missing"] == 0


def test_a_result_stored_after_the_prediction_is_not_known():
    features = ed_labs(
        table("""
        subject_id  itemid  charttime         storetime         valuenum
        1           51003   2150-01-01 10:05  2150-01-01 10:50  0.40
        1           51003   2150-01-01 11:40  2150-01-01 12:20  0.90   # known too late
        """)
    )
    assert features["tropT_first"] == 0.40
    assert features["tropT_peak"] == 0.40


def test_a_result_stored_in_the_second_of_the_prediction_is_known():
    features = ed_labs(
        table("""
        subject_id  itemid  charttime            storetime            valuenum
        1           51003   2150-01-01 10:05:00  2150-01-01 12:00:00  0.40
        1           50912   2150-01-01 10:05:00  2150-01-01 12:00:01  1.10
        """)
    )
    assert features["tropT_missing"] == 0
    assert features["creat_missing"] == 1


WITHOUT_STORETIME = table("""
    subject_id  itemid  charttime         storetime         valuenum
    1           51003   2150-01-01 11:00  -                 0.40
    1           51003   2150-01-01 10:10  2150-01-01 11:10  0.10
    1           50912   2150-01-01 12:00  -                 1.10
    1           50971   2150-01-01 12:01  -                 4.00   # drawn too late
""")


def test_a_result_without_storetime_is_never_known_and_is_counted(caplog):
    with caplog.at_level(logging.INFO):
        features = ed_labs(WITHOUT_STORETIME)
    assert features["tropT_first"] == features["tropT_peak"] == 0.10
    assert features["creat_missing"] == features["k_missing"] == 1
    assert "1 results of tropT without storetime: never known" in caplog.text
    assert "1 results of creat without storetime: never known" in caplog.text
    assert "results of k without storetime" not in caplog.text


@pytest.mark.parametrize(
    "options", [{"missing_storetime": "charttime"}, {"availability": "charttime"}]
)
def test_on_request_a_result_without_storetime_is_known_when_drawn(options):
    features = ed_labs(WITHOUT_STORETIME, **options)
    assert features["tropT_peak"] == 0.40
    assert features["creat_first"] == 1.10
    assert features["k_missing"] == 1


def test_on_request_the_delay_of_its_group_is_added_to_the_drawing(tmp_path, monkeypatch):
    folder = shutil.copytree(concepts.REFERENCE, tmp_path / "reference")
    ranges = pd.read_csv(folder / "lab_ranges.csv")
    assert (ranges["delay_minutes"] == 0).all()
    ranges.assign(delay_minutes=30).to_csv(folder / "lab_ranges.csv", index=False)
    monkeypatch.setattr(concepts, "REFERENCE", folder)
    features = ed_labs(WITHOUT_STORETIME, missing_storetime="charttime")
    assert features["tropT_peak"] == 0.40  # known at 11:30
    assert features["creat_missing"] == 1  # known at 12:30


def test_a_result_is_not_known_before_it_was_drawn(caplog):
    with caplog.at_level(logging.INFO):
        features = ed_labs(
            table("""
            subject_id  itemid  charttime         storetime         valuenum
            1           51003   2150-01-01 12:30  2150-01-01 11:00  0.40   # a clock was wrong
            1           50912   2150-01-01 11:00  2149-01-01 11:30  1.10
            """)
        )
    assert features["tropT_missing"] == 1
    assert features["creat_first"] == 1.10
    seen = [line for line in caplog.text.splitlines() if "stored before" in line]
    assert len(seen) == 1
    assert seen[0].endswith(" 1 results of creat stored before they were drawn: known when drawn")


def test_blood_drawn_before_arrival_belongs_to_no_window():
    features = ed_labs(
        table("""
        subject_id  itemid  charttime            storetime            valuenum
        1           51222   2150-01-01 09:59:59  2150-01-01 10:30:00  9.0
        1           51222   2150-01-01 10:00:00  2150-01-01 10:30:00  8.0
        """)
    )
    assert features["hgb_first"] == features["hgb_peak"] == 8.0


def test_each_stay_of_a_patient_has_its_own_window():
    stays = spine(
        {"stay_id": 30},
        {
            "stay_id": 31,
            "intime": "2150-03-01 10:00",
            "outtime": "2150-03-01 20:00",
            "prediction_time": "2150-03-01 12:00",
        },
    )
    labs = table("""
        subject_id  itemid  charttime         storetime         valuenum
        1           50971   2150-01-01 10:05  2150-01-01 10:50  4.0
        1           50971   2150-03-01 10:05  2150-03-01 10:50  5.0
    """)
    features = extract("ed_labs", stays, labevents=labs).set_index("stay_id")
    assert features.loc[30, "k_first"] == 4.0
    assert features.loc[31, "k_first"] == 5.0


def of_patients(rows, **options):
    """Features of as many stays as there are results: one patient and one result each."""
    numbers = range(1, len(rows) + 1)
    stays = spine(*({"stay_id": 30 + number, "subject_id": number} for number in numbers))
    times = {"charttime": "2150-01-01 10:05", "storetime": "2150-01-01 10:50"}
    labs = pd.DataFrame(rows).assign(subject_id=numbers, **times)
    return extract("ed_labs", stays, options, labevents=labs)


TEXTS = [
    ("0.30", 0.25, 0.25),  # the number of the laboratory comes first
    ("0.30", None, 0.30),
    (" 1,2 ", None, None),
    ("<0.01", None, 0.005),
    ("< 0.01", None, 0.005),
    ("LESS THAN 0.01", None, 0.005),
    ("<0.01 ng/mL", None, 0.005),
    (">70000", None, 70000),
    ("GREATER THAN 500", None, 500),
    ("\u2265\u00a01,000 pg/mL", None, 1000),
    ("more than or equal to 12", None, 12),
    ("<1,000", None, 500),
    ("<1,00", None, None),
    (">5.0.1", None, None),
    (">", None, None),
    ("HEMOLYZED", None, None),
    ("___", None, None),
    (None, None, None),
    ("nan", None, None),
    # What could belong to the number, and so change it.
    *((text, None, None) for text in (">70 000", ">70K", ">1.5e3", ">1:10", "< 1/10", "<5*10")),
    (">70 k/uL", None, 70.0),
    (">or=500", None, 500.0),
]


def test_a_result_without_number_is_half_its_limit_the_limit_above_it_or_missing():
    rows = [{"itemid": 50963, "value": value, "valuenum": number} for value, number, _ in TEXTS]
    features = of_patients(rows)
    found = features["bnp_first"].astype(object).where(features["bnp_missing"] == 0, None)
    assert dict(zip(TEXTS, found, strict=True)) == {text: text[2] for text in TEXTS}


def test_an_unreadable_result_hides_no_readable_one():
    features = ed_labs(
        table("""
        subject_id  itemid  charttime         storetime         value      valuenum  flag
        1           50960   2150-01-01 10:05  2150-01-01 10:50  HEMOLYZED  -         -
        1           50960   2150-01-01 10:20  2150-01-01 11:00  2.1        2.1       -
        """)
    )
    assert features["mg_first"] == 2.1
    assert features["mg_missing"] == 0


EMPTY = "1           50960   2150-01-01 10:05  2150-01-01 10:50  -      -"


@pytest.mark.parametrize("missing_labs", ["training_mean", "zero"])
def test_as_published_a_result_without_number_and_text_is_0_and_missing(missing_labs):
    features = ed_labs(
        table(f"""
        subject_id  itemid  charttime         storetime         value  valuenum
        {EMPTY}
        """),
        lab_text="zero",
        missing_labs=missing_labs,
    )
    assert features[["mg_first", "mg_peak", "mg_missing"]].tolist() == [0, 0, 1]


def test_as_published_a_text_is_0_and_not_missing_and_nothing_written_hides_no_result():
    features = ed_labs(
        table(f"""
        subject_id  itemid  charttime         storetime         value      valuenum
        {EMPTY}
        1           50960   2150-01-01 10:20  2150-01-01 11:00  2.1        2.1
        1           50912   2150-01-01 10:20  2150-01-01 11:00  HEMOLYZED  -
        """),
        lab_text="zero",
    )
    assert features[["mg_first", "mg_peak", "mg_missing"]].tolist() == [2.1, 2.1, 0]
    assert features[["creat_first", "creat_missing"]].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("flag", "expected"), [("abnormal", 1), (" Abnormal", 1), ("delta", 0), ("-", 0)]
)
def test_abnormal_is_any_row_flagged_so(flag, expected):
    labs = table(f"""
        subject_id  itemid  charttime         storetime         valuenum  flag
        1           51301   2150-01-01 10:05  2150-01-01 10:50  7.0       -
        1           51301   2150-01-01 10:20  2150-01-01 11:00  17.0      {flag}
    """)
    assert ed_labs(labs)["wbc_abn"] == expected


def test_without_any_row_the_values_are_missing_and_flagged():
    features = ed_labs(None)
    assert features.filter(regex="_(first|peak)$").isna().all()
    assert (features.filter(regex="_missing$") == 1).all()
    assert (features.filter(regex="_abn$") == 0).all()
    assert len(features) == 1 + 36


def test_two_results_drawn_at_once_the_one_stored_first_is_first():
    features = ed_labs(
        table("""
        subject_id  itemid  charttime         storetime         valuenum
        1           50889   2150-01-01 10:05  2150-01-01 11:00  30
        1           50889   2150-01-01 10:05  2150-01-01 10:40  50
        """)
    )
    assert features["crp_first"] == 50


LACTATE, CREATININE, TROPONIN, HAEMOGLOBIN, POTASSIUM, PROBNP, CRP = (
    *("50813", "50912", "51003", "51222", "50971", "50963", "50889"),
)


def one_result(itemid, valuenum=None, value=None, unit=None, **options):
    """Features of a stay with this one result."""
    row = {
        "subject_id": 1,
        "itemid": itemid,
        "charttime": "2150-01-01 10:05",
        "storetime": "2150-01-01 10:50",
        "value": value,
        "valuenum": valuenum,
        "valueuom": unit,
    }
    return ed_labs(pd.DataFrame([row]), **options)


@pytest.mark.parametrize("value", [1276103, -1, 50.1, 0])
def test_a_lactate_that_cannot_be_is_missing_and_counted(value, caplog):
    with caplog.at_level(logging.INFO):
        features = one_result(LACTATE, value, unit="mmol/L")
    assert features["lact_missing"] == 1
    assert "1 results of lact outside the plausible range: missing" in caplog.text
    assert one_result(LACTATE, value, lab_ranges="none")["lact_first"] == value


def test_an_impossible_result_hides_no_possible_one():
    features = ed_labs(
        table("""
        subject_id  itemid  charttime         storetime         valuenum
        1           50813   2150-01-01 10:05  2150-01-01 10:50  1276103
        1           50813   2150-01-01 10:20  2150-01-01 11:00  1.5
        """)
    )
    assert features[["lact_first", "lact_peak", "lact_missing"]].tolist() == [1.5, 1.5, 0]


UNITS = [
    (CREATININE, "creat", 88.4, "umol/L", 1.0),
    (CREATININE, "creat", 88.4, " \u00b5mol / L\u00a0", 1.0),
    (CREATININE, "creat", 88.4, "\u03bcmol/l", 1.0),
    (TROPONIN, "tropT", 14, "ng/L", 0.014),
    (HAEMOGLOBIN, "hgb", 130, "g/L", 13.0),
    (POTASSIUM, "k", 4.1, "mmol/L", 4.1),
    (LACTATE, "lact", 18.0, "mg/dL", 2.0),
    (PROBNP, "bnp", 100, "pmol/L", 845.7),
    (CRP, "crp", 1.2, "mg/dL", 12.0),
]


def test_a_unit_is_converted_and_counted(caplog):
    rows = [{"itemid": row[0], "valuenum": row[2], "valueuom": row[3]} for row in UNITS]
    with caplog.at_level(logging.INFO):
        converted = of_patients(rows)
    as_written = of_patients(rows, lab_units="as_written", lab_ranges="none")
    for place, (_, lab, number, _, expected) in enumerate(UNITS):
        assert converted[f"{lab}_first"][place] == pytest.approx(expected, rel=0.002), lab
        assert as_written[f"{lab}_first"][place] == number
    assert "3 results of creat converted from umol/l" in caplog.text
    assert "results of k converted" not in caplog.text


def test_an_unknown_unit_makes_a_result_missing_and_an_empty_one_is_the_official(caplog):
    with caplog.at_level(logging.INFO):
        assert one_result(CREATININE, 1.1, unit="furlong")["creat_missing"] == 1
        assert one_result(CREATININE, 1.1, unit=" ")["creat_first"] == 1.1
    assert "1 results of creat in the unknown unit furlong: missing" in caplog.text
    assert "1 results of creat without a unit: taken as the official one" in caplog.text


def test_a_limit_is_converted_before_it_is_checked():
    below = one_result(TROPONIN, value="<6", unit="ng/L")
    above = one_result(TROPONIN, value=">10000", unit="ng/L")
    assert below["tropT_first"] == pytest.approx(0.003)
    assert above["tropT_first"] == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [("<6", "below the limit of the method"), (">6", "above the limit of the method"),
     ("HEMOLYZED", "without a number")],
)  # fmt: skip
def test_results_without_a_number_are_counted_by_kind(value, text, caplog):
    with caplog.at_level(logging.INFO):
        one_result(PROBNP, value=value, unit="pg/mL")
    assert f"1 results of bnp {text}" in caplog.text
    assert caplog.text.count("results of bnp") == 1
