"""What would a leak have gained? The same model, whose features see what follows the prediction."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mimicflow.audit.settings import Pair, audit_settings
from mimicflow.evaluation.study import Study


def audit_future_only(
    system: str, runs: Mapping[tuple[str, str], Pair], output: str | Path, study: Study
) -> None:
    """Write the score of a model that sees the future, less that of the run: a reading.

    Parameters and errors are those of `mimicflow.audit.settings.audit_settings`; ``other`` is the
    model of the future.
    """
    audit_settings(system, runs, output, study)
