from datetime import datetime

import duckdb
import pytest

from mimicflow.concepts.point_in_time import keep_known_events, left_out


@pytest.mark.parametrize(
    ("available", "known"),
    [
        ("2150-01-01 11:59:59", True),
        ("2150-01-01 12:00:00", True),  # both ends meet
        ("2150-01-01 12:00:01", False),
        (None, False),  # never written down
    ],
)
def test_an_event_counts_if_it_was_available_by_the_prediction(available, known):
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE spine (stay_id INT, prediction_time TIMESTAMP)")
        connection.execute("INSERT INTO spine VALUES (1, '2150-01-01 12:00')")
        connection.execute("CREATE TABLE events (stay_id INT, available_time TIMESTAMP, value INT)")
        connection.execute("INSERT INTO events VALUES (1, ?, 7), (2, '2149-01-01', 8)", [available])
        keep_known_events(connection)
        values = connection.execute("SELECT value FROM known_events").fetchall()
    assert values == ([(7,)] if known else [])


def test_for_the_audit_alone_events_count_until_the_end_of_the_stay():
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE spine AS SELECT 1 AS stay_id, "
            "TIMESTAMP '2150-01-01 12:00' AS prediction_time, "
            "TIMESTAMP '2150-01-01 20:00' AS outtime"
        )
        connection.execute(
            """
            CREATE TABLE events AS
            SELECT 1 AS stay_id, TIMESTAMP '2150-01-01' + to_hours(value) AS available_time, value
            FROM (SELECT unnest([11, 13, 20, 21]) AS value)
            """
        )
        known = {}
        for until in ("prediction", "stay_end"):
            keep_known_events(connection, until)
            rows = connection.execute("SELECT value FROM known_events ORDER BY ALL").fetchall()
            known[until] = [value for (value,) in rows]
            connection.execute("DROP TABLE known_events")
    assert known == {"prediction": [11], "stay_end": [11, 13, 20]}


def test_an_event_that_bears_a_reason_is_left_out_whatever_its_time_and_counted():
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE spine AS SELECT 1 AS stay_id, now()::TIMESTAMP AS prediction_time"
        )
        connection.execute(
            """
            CREATE TABLE events AS
            SELECT
                1 AS stay_id, TIMESTAMP '1999-01-01' AS available_time,
                unnest([NULL, 'old']) AS left_out
            """
        )
        keep_known_events(connection)
        assert connection.table("known_events").fetchall() == [(1, datetime(1999, 1, 1), None)]
        assert left_out(connection) == [("old", 1)]
        connection.execute("ALTER TABLE events DROP left_out")
        assert left_out(connection) == []


def test_no_other_code_compares_a_time_of_availability(repository):
    """The cut-off is in one place: elsewhere available_time is given, put in order or counted.

    The audit counts what lies beyond the prediction: there it has to be compared.
    """
    package = repository / "src" / "mimicflow"
    users = [
        str(path.relative_to(package))
        for path in [*package.rglob("*.py"), *package.rglob("*.sql")]
        if not path.name.endswith("_counts.sql") and package / "audit" not in path.parents
        for line in path.read_text(encoding="utf-8").splitlines()
        if "available_time <" in line or "available_time >" in line
        if not line.lstrip().startswith(("--", "#"))
    ]
    assert users == ["concepts/point_in_time.py"]
