"""Look at a target as a whole: configuration, machine, raw files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mimicflow.admission.agreement import disagreements as of_admission
from mimicflow.arrest.agreement import disagreements as of_arrest
from mimicflow.audit.agreement import disagreements as of_audit
from mimicflow.mortality.agreement import disagreements as of_mortality
from mimicflow.raw.needs import needs_of, problem_of
from mimicflow.readiness.inputs import count_rows, disk_of, look_at
from mimicflow.readiness.looks import Look
from mimicflow.readiness.machine import look_at_machine
from mimicflow.readiness.targets import systems_of
from mimicflow.running.agreement import check_agreement
from mimicflow.running.configuration import read_config
from mimicflow.running.place import workflow_folder


def check_target(targets: Sequence[str], overlays: Sequence[Path]) -> tuple[list[Look], list[str]]:
    """Look at all that targets need, before any job.

    Parameters
    ----------
    targets : sequence of str
        See `mimicflow.readiness.targets.systems_of`.
    overlays : sequence of Path
        Laid over the workflow's ``config.yaml`` and that of the project here, in this order.

    Returns
    -------
    looks : list of Look
        The table.
    problems : list of str
        What would end a run, with remedies; empty if nothing would.

    Raises
    ------
    ConfigError
        A configuration that no run would take.
    StorageError
        The package was installed without the workflow.
    """
    systems = systems_of(targets)
    files = [*_of_project(), *overlays]
    config = read_config(*files, repository=workflow_folder())
    check_agreement(config, of_admission, of_mortality, of_arrest, of_audit)
    needs, rows = count_rows({system: needs_of(system, config) for system in systems})
    disk = disk_of(needs, rows, config["synthetic"])
    named = {need.name: need for found in needs.values() for need in found}
    looks = [
        Look("configuration", ", ".join(map(str, ["config.yaml", *files])), "as its schema"),
        *look_at_machine(Path("results"), disk),
        *(look_at(need, rows) for need in named.values()),
    ]
    of_machine = [
        f"{look.part}: {look.found}; {look.remedy}"
        for look in looks
        if look.ends_runs and look.remedy
    ]
    of_files = {system: problem_of(found) for system, found in needs.items()}
    return looks, [
        *of_machine,
        *(f"{system}: {problem}" for system, problem in of_files.items() if problem),
    ]


def _of_project() -> list[Path]:
    """Return what differs here: the configuration of a folder that `mimicflow init` made."""
    here, workflows = Path("config.yaml"), workflow_folder() / "config.yaml"
    return [here] if here.is_file() and not here.samefile(workflows) else []
