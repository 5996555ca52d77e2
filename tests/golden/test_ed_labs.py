"""Laboratory features, worked out by hand. The stay: arrival 10:00, prediction 12:00."""

import pytest
from hand_made import extract, spine, table


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


def test_without_storetime_the_drawing_counts():
    features = ed_labs(
        table("""
        subject_id  itemid  charttime         storetime  valuenum
        1           51003   2150-01-01 11:00  -          0.40
        1           50912   2150-01-01 12:30  -          1.10
        """)
    )
    assert features["tropT_first"] == 0.40
    assert features["creat_missing"] == 1


def test_a_result_is_not_known_before_it_was_drawn():
    features = ed_labs(
        table("""
        subject_id  itemid  charttime         storetime         valuenum
        1           51003   2150-01-01 12:30  2150-01-01 11:00  0.40   # a clock was wrong
        """)
    )
    assert features["tropT_missing"] == 1


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


@pytest.mark.parametrize(
    ("value", "valuenum", "expected"),
    [
        ("0.30", "0.25", 0.25),  # the number of the laboratory comes first
        ("0.30", "-", 0.30),
        (" 1,2 ", "-", None),
        ("<0.01", "-", 0.005),
        ("< 0.01", "-", 0.005),
        ("LESS THAN 0.01", "-", 0.005),
        ("<0.01 ng/mL", "-", 0.005),
        (">25000", "-", None),
        ("HEMOLYZED", "-", None),
        ("___", "-", None),
        ("-", "-", None),
        ("nan", "-", None),
    ],
)
def test_a_result_without_number_is_half_its_limit_or_missing(value, valuenum, expected):
    labs = table(f"""
        subject_id  itemid  charttime         storetime         value  valuenum
        1           51003   2150-01-01 10:05  2150-01-01 10:50  {value.strip()}  {valuenum}
    """)
    features = ed_labs(labs)
    assert features["tropT_missing"] == (expected is None)
    if expected is not None:
        assert features["tropT_first"] == expected


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
