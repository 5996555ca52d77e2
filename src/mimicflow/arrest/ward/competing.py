"""Count stays that die or have their treatment limited: an arrest may not have been listed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mimicflow.arrest.ward.doubtful import doubtful_controls
from mimicflow.evaluation.competing import count_competing_events
from mimicflow.evaluation.study import Study


def count_competing_stays(
    spine: str | Path,
    plan: str | Path,
    options: Mapping[str, Any],
    output: str | Path,
    study: Study,
) -> None:
    """Write how many of the planned stays have something that competes with the arrest.

    Parameters
    ----------
    spine, plan, options
        As `mimicflow.arrest.ward.doubtful.count_doubtful_controls` takes them.
    output : path-like
        CSV, see `mimicflow.evaluation.competing.count_competing_events`.
    study : Study
        Who may be shown.
    """
    stays = pd.read_parquet(spine)
    planned = pd.read_parquet(plan, columns=["stay_id"])["stay_id"]
    stays = stays[stays["stay_id"].isin(planned)].reset_index(drop=True)
    doubtful = doubtful_controls(spine, plan, options).set_index("stay_id")
    found = {
        event: stays["stay_id"].isin(doubtful.index[doubtful[event]])
        for event in ("death", "limits", "either")
        if event in doubtful
    }
    if "limits_time" in stays:
        found["limits_before_arrest"] = stays["limits_time"] <= stays["cpr_time"]
    count_competing_events(stays, found, output, study, system="arrest")
