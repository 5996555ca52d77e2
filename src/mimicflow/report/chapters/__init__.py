"""The chapters of the page: they turn result tables into sections."""

from __future__ import annotations

from collections.abc import Sequence

from mimicflow.report.blocks import Block, Section
from mimicflow.report.inputs import words


def section(
    key: str, blocks: Sequence[Block] = (), sections: Sequence[Section] = (), system: str = ""
) -> Section:
    """Make the section of a key of ``sections.csv``, with its title and words for the system."""
    row = words("sections", key, system)
    name = f"{system}-{key}" if system else key
    return Section(name, row["title"], row["text"], blocks, sections)
