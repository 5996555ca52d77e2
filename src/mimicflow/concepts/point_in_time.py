"""Cut the time, here and nowhere else: an event counts if it was known at the prediction."""

from __future__ import annotations

import duckdb

ENDS = {"prediction": "prediction_time", "stay_end": "outtime"}
"""Until when events count (``features.until``): the column of ``spine``. Only the audit asks what
a leak of all that follows the prediction would gain."""


def keep_known_events(connection: duckdb.DuckDBPyConnection, until: str = "prediction") -> None:
    """Create ``known_events``: the rows of ``events`` available when their stay was predicted.

    Both ends meet: what becomes available in the very second of the prediction is known. An event
    without a time of availability is never known. Nor does an event count that bears a reason why
    it is ``left_out``: rows of the stay's own admission, readings long before arrival.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Holds ``events`` (stay_id, event_time, available_time, ... and perhaps left_out, a text,
        NULL where the event counts) and ``spine`` (stay_id, prediction_time, ...).
    until : {"prediction", "stay_end"}
        Key of `ENDS`.
    """
    counts = "left_out IS NULL" if "left_out" in connection.table("events").columns else "TRUE"
    connection.execute(
        f"""
        CREATE TEMP TABLE known_events AS
        SELECT events.*
        FROM events
        JOIN spine USING (stay_id)
        WHERE events.available_time <= spine.{ENDS[until]} AND {counts}
        """
    )


def left_out(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    """Return the reasons for which events are left out whatever their time, with their numbers."""
    if "left_out" not in connection.table("events").columns:
        return []
    return connection.execute(
        """
        SELECT left_out, count(*) FROM events WHERE left_out IS NOT NULL GROUP BY ALL ORDER BY ALL
        """
    ).fetchall()
