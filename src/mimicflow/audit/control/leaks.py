"""The leaks that are planted: ``reference/audit_leaks.csv``."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mimicflow.reference import reference


@dataclass(frozen=True)
class Leak:
    """A line of ``audit_leaks.csv``: a leak, and the check that has to find it."""

    leak: str
    """Its name: a function of `mimicflow.audit.control.plants`, unless it has ``options``."""
    system: str
    what: str
    check: str
    concept: str
    """Whose options let it in; empty where files do."""
    options: Mapping[str, Any]
    says: str
    """Words of the row that has to fail."""


def audit_leaks(system: str) -> list[Leak]:
    """Return the leaks of a system."""
    with reference("audit_leaks.csv").open(encoding="utf-8", newline="") as file:
        lines = [line for line in csv.DictReader(file) if line["system"] == system]
    return [Leak(**{**line, "options": json.loads(line["options"] or "{}")}) for line in lines]
