"""Choose the best trial of a search: all of them side by side, and its keys as an overlay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from mimicflow.errors import DivergenceError
from mimicflow.evaluation.statistics.metrics import Estimate
from mimicflow.evaluation.study import Study
from mimicflow.learning.tuning.figure import draw_trials
from mimicflow.learning.tuning.space import Settings, nested, read_space
from mimicflow.learning.tuning.trials import COMPLETE, SCORE, read_trials
from mimicflow.running.writing import atomic_output, write_csv

BOUNDS = [SCORE, f"{SCORE}_low", f"{SCORE}_high"]
_COLUMNS = ["number", "round", "state", *BOUNDS, "chosen", "data"]


def choose_trial(
    model: str,
    trials: Sequence[str | Path],
    *,
    of_round: int,
    space: Mapping[str, Settings],
    own: Settings,
    table: str | Path,
    best: str | Path,
    figure: str | Path,
    study: Study,
) -> None:
    """Write all trials of a search, the keys of the best one, and a figure.

    Parameters
    ----------
    model : str
        Whose search it is.
    trials : sequence of path-like
        As `mimicflow.learning.tuning.trials.run_trial` wrote them.
    of_round : int
        Trials of each round.
    space, own : mapping
        As `mimicflow.learning.tuning.space.read_space` takes them.
    table : path-like
        CSV, a row per trial: its round, state, AUROC on validation patients with its 95 % interval,
        whether it is ``chosen``, and a column for each key.
    best : path-like
        YAML, to be laid over the configuration: the keys of the trial with the greatest AUROC, the
        first of equals.
    figure : path-like
        PNG: AUROC by trial, and by each key.
    study : Study
        Whose scores they are.

    Raises
    ------
    DivergenceError
        No trial has a score.
    InputError
        A file that is no trial.

    Notes
    -----
    The best of many scores is too good: it says which trial to take, not how good the model is.
    """
    found = read_trials(trials)
    keys = sorted(space)
    rows = [
        {**trial, "round": trial["number"] // of_round, "data": study.data, **trial["parameters"]}
        for trial in found
    ]
    frame = pd.DataFrame(rows).reindex(columns=[*_COLUMNS, *keys])
    scored = frame.loc[frame["state"] == COMPLETE, SCORE]
    if scored.empty:
        raise DivergenceError(
            f"all {len(frame)} trials of {model} diverged",
            remedy="lower the learning rates of the space under 'tuning'",
        )
    winner = int(scored.idxmax())
    frame["chosen"] = frame.index == winner
    if study.smallest_cell:  # to its last digit an AUROC says of how many pairs it is
        frame[BOUNDS] = frame[BOUNDS].round(3)
    write_csv(frame, table)
    _write_overlay(best, found[winner], frame.loc[[winner, 0]])
    draw_trials(frame, read_space(space, own), figure, title=study.title(model), study=study)


def _write_overlay(path: str | Path, trial: Mapping[str, Any], rows: pd.DataFrame) -> None:
    """Write the keys of a trial, and above them how it scored beside the configuration itself."""
    chosen, configured = (
        str(Estimate(*row)) if pd.notna(row[0]) else "diverged"
        for row in rows[BOUNDS].to_numpy(dtype=float)
    )
    head = (
        f"# Trial {trial['number']} of trials.csv, on validation patients the best of all:\n"
        f"# AUROC {chosen}; of the configuration itself {configured}.\n"
    )
    with atomic_output(path) as temporary:
        text = yaml.safe_dump(nested(trial["parameters"]), sort_keys=False)
        temporary.write_text(head + text, encoding="utf-8")
