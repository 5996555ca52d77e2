"""Build the page of the audit: the same blocks as the report's, the checks alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mimicflow.evaluation.study import Study
from mimicflow.report.chapters import audit
from mimicflow.report.chapters.models import System
from mimicflow.report.inputs import SystemFiles
from mimicflow.report.page import write_page


def build_audit(
    title: str, systems: Mapping[str, SystemFiles], output: str | Path, study: Study
) -> None:
    """Write the audit as one HTML page that opens offline.

    Parameters
    ----------
    title : str
        Heading of the page.
    systems : mapping of str to SystemFiles
        Key of ``systems.csv`` -> files, of which those of the audit are shown.
    output : path-like
        The page.
    study : Study
        Whose audit it is: of synthetic data the page says so on top.

    Raises
    ------
    InputError
        A file that is missing or is no table of the audit.
    """
    known = [System(name, files, study.smallest_cell) for name, files in systems.items()]
    write_page(title, audit.chapters(known), output, study)
