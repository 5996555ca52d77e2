"""The report: one self-contained page that opens offline, for a clinician and for a reviewer."""

from mimicflow.report.inputs import ProtocolFiles, SharedFiles, SystemFiles, sort_files
from mimicflow.report.page import build_report
from mimicflow.report.run_manifest import describe_run

__all__ = [
    "ProtocolFiles",
    "SharedFiles",
    "SystemFiles",
    "build_report",
    "describe_run",
    "sort_files",
]
