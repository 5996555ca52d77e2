"""Write the model card of a system from the files of its run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from mimicflow.evaluation.documents.facts import environment, gather
from mimicflow.evaluation.study import Study
from mimicflow.running.writing import atomic_output


def write_model_card(
    system: str,
    files: Mapping[str, str | Path],
    output: str | Path,
    study: Study,
    models: Iterable[str | Path] = (),
    protocol: str = "nested",
    judged_by: str | None = None,
    changed: Mapping[str, Any] | None = None,
) -> None:
    """Write the model card, built as in Mitchell et al. (FAT* 2019, doi 10.1145/3287560.3287596).

    Every figure comes from ``files``; a section whose file is absent is absent.

    Parameters
    ----------
    system, files, study, models, protocol, judged_by, changed
        As in `mimicflow.evaluation.documents.facts.gather`.
    output : path-like
        Markdown.
    """
    facts = gather(
        system, files, study, models, protocol=protocol, judged_by=judged_by, changed=changed
    )
    if facts["config"]:
        facts["config_text"] = yaml.safe_dump(facts["config"], sort_keys=False, allow_unicode=True)
    text = environment().get_template("model_card.md.j2").render(facts)
    with atomic_output(output) as temporary:
        temporary.write_text(text, encoding="utf-8")
