"""The chapters of the page: from result tables to sections."""

from __future__ import annotations

from collections.abc import Sequence

from mimicflow.report.blocks import Block, Section
from mimicflow.report.inputs import reference


def section(
    key: str, blocks: Sequence[Block] = (), sections: Sequence[Section] = (), prefix: str = ""
) -> Section:
    """Make the section of a key of ``sections.csv``, with its title and words."""
    words = reference("sections").loc[key]
    return Section(f"{prefix}{key}", words["title"], words["text"], blocks, sections)
