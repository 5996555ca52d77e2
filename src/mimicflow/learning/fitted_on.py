"""Say in a fitted file whom it was fitted on, without naming anybody."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

FITTED_ON = "fitted_on"
"""The key under which a model keeps it."""


def patients_of(subject_ids: Iterable[Any]) -> dict[str, Any]:
    """Return how many different patients these are, and the SHA-256 of their ids in order.

    Two sets of patients have the same hash only if they are the same set. Nobody can be read off
    it, but whoever has the split can look whether it is this set.
    """
    distinct = sorted({str(subject_id) for subject_id in subject_ids})
    digest = hashlib.sha256("\n".join(distinct).encode()).hexdigest()
    return {"patients": len(distinct), "sha256": digest}


def fitted_on(**patients: Iterable[Any]) -> dict[str, dict[str, Any]]:
    """Return `patients_of` by what was fitted: ``training=..., stopping=...``."""
    return {role: patients_of(subject_ids) for role, subject_ids in patients.items()}
