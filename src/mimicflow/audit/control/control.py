"""Plant one leak of each kind in copies of a run's files, and ask whether the audit finds it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mimicflow.audit.control.leaks import Leak, audit_leaks
from mimicflow.audit.control.plants import PLANTS
from mimicflow.audit.control.small import (
    Given,
    few_ecgs,
    few_epochs,
    few_patients,
    few_stays,
    guesses,
)
from mimicflow.audit.dropped import audit_dropped
from mimicflow.audit.duplicates import audit_duplicates
from mimicflow.audit.findings import audit_checks, finding, read_findings, write_findings
from mimicflow.audit.permuted_labels import audit_permuted_labels
from mimicflow.audit.single_features import audit_single_features
from mimicflow.audit.splits import audit_splits
from mimicflow.audit.time.attack import audit_attack
from mimicflow.audit.time.provenance import audit_provenance
from mimicflow.errors import CohortError
from mimicflow.evaluation.study import Study
from mimicflow.learning.splits import patients_tested

_CHECKS: dict[str, Callable[..., None]] = {
    "attack": audit_attack,
    "provenance": audit_provenance,
    "duplicates": audit_duplicates,
    "splits": audit_splits,
    "dropped": audit_dropped,
    "single_features": audit_single_features,
    "permuted_labels": audit_permuted_labels,
}
FOUND = "≥ 1"
"""The limit of findings in what a leak was planted in."""
Row = dict[str, Any]


def audit_control(
    output: str | Path,
    study: Study,
    *,
    system: str,
    files: Mapping[str, Mapping[str, Any]],
    options: Mapping[str, Mapping[str, Any]],
) -> None:
    """Write of each planted leak how many rows of its check fail by it.

    Parameters
    ----------
    output : path-like
        CSV to write; ``unplanted``: the same rows of the same check without the leak.
    study : Study
        Whose patients the leaks are planted among; its seed draws them.
    system : str
        Whose leaks.
    files, options : mapping of str to mapping
        Check -> the files that it is called with, and all else but output and study.
        Where there is nobody to plant a leak with, a row is for reading only.
    """
    titles = {check.check: check.title for check in audit_checks()}
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="mimicflow-") as name:
        folder = Path(name)
        small = {
            check: _small({**named, **options[check]}, study, _new(folder, check))
            for check, named in files.items()
        }
        before: dict[tuple[str, str], list[str]] = {}
        for number, leak in enumerate(audit_leaks(system)):
            place = _new(folder, str(number))
            sound = _of_concept(small[leak.check], leak.concept)
            try:
                planted = _planted(leak, sound, place)
            except CohortError as error:
                rows.append(finding(f"{leak.what}: {error.message}", np.nan, check=leak.check))
                continue
            asked = leak.check, leak.concept
            if asked not in before:
                before[asked] = _failing(leak.check, sound, study, place)
            found = _failing(leak.check, planted, study, place)
            meant = [what for what in found if leak.says in what]
            rows.append(
                finding(
                    f"{leak.what}: rows of “{titles[leak.check]}” that fail",
                    len(meant),
                    FOUND,
                    len(meant) > 0,
                    unplanted=sum(leak.says in what for what in before[asked]),
                    check=leak.check,
                    first=meant[0] if meant else "",
                )
            )
    write_findings(rows, output, study)


def _new(folder: Path, name: str) -> Path:
    place = folder / name
    place.mkdir()
    return place


def _small(given: Given, study: Study, folder: Path) -> Given:
    """Return what a check is called with, of a few patients where many would take long."""
    if given.get("concepts"):
        given["concepts"] = few_stays(given["concepts"], study.seed, folder)
    if given.get("ecgs"):
        tested = np.asarray(patients_tested(given["spine"]))
        given["ecgs"] = few_ecgs(**given["ecgs"], tested=tested, seed=study.seed, folder=folder)
    if given.get("system") and given.get("limits"):
        given["files"] = few_patients(given["files"], study.seed, folder)
    if given.get("outcomes"):
        run = 1, "", "any model"
        given["runs"] = {run: guesses(given.pop("outcomes"), study, folder)}
    if given.get("recordings"):
        given["epochs"] = few_epochs(given["epochs"], study.seed, folder)
    return given


def _of_concept(given: Given, concept: str) -> Given:
    """Return what a check is called with, for one concept alone."""
    if not concept:
        return given
    names = [name for name in given["concepts"] if name.rpartition(" ")[2] == concept][:1]
    return {**given, **{key: {name: given[key][name] for name in names}
                        for key in ("concepts", "options")}}  # fmt: skip


def _planted(leak: Leak, given: Given, folder: Path) -> Given:
    if not leak.concept:
        return PLANTS[leak.leak](given, folder)
    options = {name: {**one, **leak.options} for name, one in given["options"].items()}
    return {**given, "options": options}


def _failing(check: str, given: Given, study: Study, folder: Path) -> list[str]:
    """Return what the rows of a check say that fail."""
    _CHECKS[check](output=folder / "found.csv", study=study, **given)
    rows = read_findings(folder / "found.csv")
    return rows.loc[rows["passed"].eq(False).fillna(False).astype(bool), "what"].tolist()
