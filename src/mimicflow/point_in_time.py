"""The one place where time is cut: an event counts if it was known at the prediction."""

from __future__ import annotations

import duckdb


def keep_known_events(connection: duckdb.DuckDBPyConnection) -> None:
    """Create ``known_events``: the rows of ``events`` available when their stay was predicted.

    Both ends meet: what becomes available in the very second of the prediction is known. An event
    without a time of availability is never known.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Holds ``events`` (stay_id, event_time, available_time, ...) and ``spine`` (stay_id,
        prediction_time, ...).
    """
    connection.execute(
        """
        CREATE TEMP TABLE known_events AS
        SELECT events.*
        FROM events
        JOIN spine USING (stay_id)
        WHERE events.available_time <= spine.prediction_time
        """
    )
