"""Earlier stays in the emergency department. This stay, 30: arrival 10:00, prediction 12:00."""

import functools
import logging
import re

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from made_hospital_tables import OPTIONS, extract, spine, table, typed

from mimicflow.concepts import opened, sql

COLUMNS = ["n_prior_stays", "previous_home", "previous_else", "first_stay"]


def prior_stays(edstays, stay=None, **options):
    features = extract("prior_stays", spine(stay or {}), options, edstays=edstays)
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


def test_the_latest_earlier_stay_says_how_it_ended_and_all_are_counted():
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


def test_a_stay_that_ends_before_it_begins_ended_when_it_began(caplog):
    reversed_stay = table("""
        subject_id  stay_id  intime            outtime           disposition
        1           29       2150-03-01 10:00  2149-03-01 20:00  HOME
    """)
    with caplog.at_level(logging.INFO):
        assert prior_stays(reversed_stay) == [0, 0, 0, 1]
    assert "1 stays whose end lies before their beginning" in caplog.text


def test_stays_of_the_own_admission_are_no_history(caplog):
    edstays = table("""
        subject_id  hadm_id  stay_id  intime            outtime           disposition
        1           20       27       2148-01-01 08:00  2148-01-01 10:00  ADMITTED
        1           -        28       2149-01-01 08:00  2149-01-01 10:00  HOME
        1           100      29       2150-01-01 08:00  2150-01-01 09:00  TRANSFER
        1           100      30       2150-01-01 10:00  2150-01-01 20:00  ADMITTED
    """)
    with caplog.at_level(logging.INFO):
        assert prior_stays(edstays, {"hadm_id": 100}) == [2, 1, 0, 0]
    assert "1 stays of the own admission that ended before arrival, left out" in caplog.text
    assert prior_stays(edstays) == [3, 0, 1, 0]  # sent home: there is no own admission


# In time once --------------------------------------------------------------------------------


def one_against_all(stays, edstays, options):
    """The same by its definition: every stay of the cohort against every stay of the patient."""
    rows = []
    for stay in stays.itertuples():
        of_patient = edstays[edstays["subject_id"] == stay.subject_id].assign(
            end=edstays[["intime", "outtime"]].max(axis=1)
            if options["reversed_times"] == "ordered"
            else edstays["outtime"]
        )
        others = of_patient[of_patient["stay_id"] != stay.stay_id]
        if options["own_admission"] == "exclude" and not pd.isna(stay.hadm_id):
            others = others[~(others["hadm_id"] == stay.hadm_id).fillna(False)]
        others = others.sort_values(["end", "stay_id"])
        earlier = others[others["end"] < getattr(stay, options["prior_stays_before"])]
        home = len(earlier) > 0 and earlier["disposition"].iloc[-1] == "HOME"
        n_before = int((others["end"] < stay.intime).sum())
        rows.append([n_before, int(home), int(len(earlier) > 0 and not home), int(earlier.empty)])
    return rows


HOUR = st.integers(0, 6)
SEVERAL = st.lists(
    st.tuples(
        st.sampled_from([1, 2]),
        HOUR,
        HOUR,
        st.sampled_from([None, 100, 200]),
        st.sampled_from(["HOME", "ADMITTED"]),
        HOUR,
    ),
    min_size=2,
    max_size=9,
)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    drawn=SEVERAL,
    own_admission=st.sampled_from(["exclude", "keep"]),
    reversed_times=st.sampled_from(["ordered", "as_written"]),
    prior_stays_before=st.sampled_from(["intime", "prediction_time"]),
)
def test_one_pass_in_time_finds_what_the_definition_says(drawn, **options):
    edstays = pd.DataFrame(
        drawn, columns=["subject_id", "intime", "outtime", "hadm_id", "disposition", "waited"]
    )
    hours = functools.partial(pd.to_timedelta, unit="h")
    for time in ("intime", "outtime"):
        edstays[time] = pd.Timestamp("2150-01-01") + hours(edstays[time])
    prediction_time = edstays["intime"] + hours(edstays.pop("waited"))
    edstays = typed("edstays", edstays.assign(stay_id=range(len(drawn))))
    of_cohort = edstays.assign(prediction_time=prediction_time).iloc[::2]
    columns = ["stay_id", "subject_id", "hadm_id", "intime", "outtime", "prediction_time"]
    stays = spine(*of_cohort[columns].to_dict("records"))

    found = extract("prior_stays", stays, options, edstays=edstays)[COLUMNS]
    # What is seen after the prediction is not known: an end never lies before the prediction then.
    assert found.to_numpy().tolist() == one_against_all(stays, edstays, options)


def test_ten_thousand_stays_of_a_patient_give_two_rows_each(tmp_path):
    """Held against each other they would give a hundred million."""
    days = pd.Timestamp("2150-01-01") + pd.to_timedelta(range(10_000), unit="D")
    stays = pd.DataFrame({"stay_id": range(10_000), "subject_id": 1, "intime": days})
    stays = stays.assign(outtime=days + pd.Timedelta(hours=3), hadm_id=None, disposition="HOME")
    typed("edstays", stays).to_parquet(tmp_path / "edstays.parquet")
    spine_rows = stays.assign(prediction_time=days + pd.Timedelta(hours=1))
    spine_rows.astype({"hadm_id": "Int64"}).to_parquet(tmp_path / "spine.parquet")
    paths = {name: tmp_path / f"{name}.parquet" for name in ("edstays", "spine")}
    with opened(paths, OPTIONS, 200) as connection:
        plan = connection.execute(f"EXPLAIN ANALYZE {sql('prior_stays')}").fetchall()[0][1]
        events = connection.sql(sql("prior_stays"))
        assert events.aggregate("count(*), max(n_earlier)").fetchall() == [(20_000, 9_999)]
    rows = [int(n.replace(",", "")) for n in re.findall(r"([\d,]+) [Rr]ows", plan)]
    assert rows and max(rows) <= 30_000  # ends and looks
