"""Earlier stays in the emergency department. This stay, 30: arrival 10:00, prediction 12:00."""

from hand_made import extract, spine, table

COLUMNS = ["n_prior_stays", "previous_home", "previous_else", "first_stay"]


def prior_stays(edstays, **options):
    features = extract("prior_stays", spine(), options, edstays=edstays)
    return features[COLUMNS].iloc[0].tolist()


def test_without_earlier_stay_it_is_the_first():
    assert prior_stays(
        table("""
        subject_id  stay_id  intime            outtime           disposition
        1           30       2150-01-01 10:00  2150-01-01 20:00  ADMITTED
        1           31       2151-01-01 10:00  2151-01-01 20:00  HOME   # later
        2           32       2149-01-01 10:00  2149-01-01 20:00  HOME   # somebody else
        """)
    ) == [0, 0, 0, 1]


def test_the_latest_earlier_stay_tells_how_it_ended_and_all_are_counted():
    assert prior_stays(
        table("""
        subject_id  stay_id  intime            outtime           disposition
        1           28       2148-01-01 10:00  2148-01-01 20:00  ADMITTED
        1           29       2149-01-01 10:00  2149-01-01 20:00  HOME
        1           30       2150-01-01 10:00  2150-01-01 20:00  ADMITTED
        """)
    ) == [2, 1, 0, 0]


def test_any_other_end_is_else_even_an_empty_one():
    for disposition in ("ADMITTED", "ELOPED", "-"):
        assert prior_stays(
            table(f"""
            subject_id  stay_id  intime            outtime           disposition
            1           29       2149-01-01 10:00  2149-01-01 20:00  {disposition}
            """)
        ) == [1, 0, 1, 0]


def test_a_stay_that_ends_as_this_one_begins_is_not_earlier():
    assert prior_stays(
        table("""
        subject_id  stay_id  intime            outtime           disposition
        1           29       2150-01-01 08:00  2150-01-01 10:00  HOME
        """)
    ) == [0, 0, 0, 1]


def test_equal_ends_are_ordered_by_id():
    assert prior_stays(
        table("""
        subject_id  stay_id  intime            outtime           disposition
        1           28       2149-01-01 08:00  2149-01-01 10:00  HOME
        1           29       2149-01-01 09:00  2149-01-01 10:00  ELOPED
        """)
    ) == [2, 0, 1, 0]
