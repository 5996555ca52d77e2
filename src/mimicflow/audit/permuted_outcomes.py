"""Exchange the dispositions of stays in the table itself, so that nothing can predict them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mimicflow.concepts import opened
from mimicflow.running.database import read_parquet
from mimicflow.running.writing import atomic_output

EXCHANGED = ("ADMITTED", "HOME")
"""The dispositions that make a cohort; stays with others keep them, and nobody joins or leaves."""


def permute_outcomes(
    edstays: Sequence[str | Path],
    permutation: int,
    seed: int,
    outputs: Sequence[str | Path],
    memory_mb: int = 1000,
) -> None:
    """Write the stays of the emergency department with their outcomes exchanged.

    Single stays exchange, not whole patients: how earlier stays of a patient ended says nothing of
    the next one then, which it otherwise may, without any leak.

    Parameters
    ----------
    edstays : sequence of path-like
        Shards of the table ``edstays``.
    permutation, seed : int
        Number of the permutation, and the seed; the same give the same, whatever the shards.
    outputs : sequence of path-like
        Parquet to write: the same shards with another ``disposition``.
    memory_mb : int
        Limit of the database, in MB.
    """
    with opened({"edstays": edstays}, {}, memory_mb) as connection:
        stays = connection.sql(
            f"""
            SELECT stay_id, key_text(disposition) AS disposition FROM edstays
            WHERE key_text(disposition) IN {EXCHANGED} ORDER BY stay_id
            """
        ).df()
        generator = np.random.default_rng([seed, permutation])
        stays["disposition"] = generator.permutation(stays["disposition"].to_numpy())
        connection.register("exchanged", stays)
        for shard, output in zip(edstays, outputs, strict=True):
            read_parquet(connection, [str(shard)]).create_view("shard", replace=True)
            rows = connection.sql(
                """
                SELECT shard.* REPLACE (
                    coalesce(exchanged.disposition, shard.disposition) AS disposition
                )
                FROM shard LEFT JOIN exchanged USING (stay_id) ORDER BY stay_id
                """
            )
            with atomic_output(output) as path:
                rows.write_parquet(str(path))
