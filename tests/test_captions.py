"""Captions of results ask their rule for nothing that it does not have."""

import re
from dataclasses import fields

import pytest

from mimicflow.evaluation.study import Study

ASKED = re.compile(r"snakemake\.(params|wildcards)\.(\w+)(?:\.(\w+))?")


@pytest.fixture(scope="module")
def uses(repository):
    """Return the captions, and for each the text of the rules that have it."""
    chapters = "\n".join(path.read_text() for path in sorted(repository.glob("rules/*.smk")))
    rules = re.split(r"^(?=(?:use )?rule )", chapters, flags=re.M)[1:]
    captions = sorted((repository / "workflow/report").rglob("*.rst"))
    return {
        path: [rule for rule in rules if f'"../{path.relative_to(repository)}"' in rule]
        for path in captions
    }


def test_every_caption_is_of_a_rule(uses):
    assert len(uses) > 40
    assert [path.name for path, rules in uses.items() if not rules] == []


def test_what_a_caption_asks_for_is_there(uses):
    asked = 0
    for path, rules in uses.items():
        for kind, name, part in ASKED.findall(path.read_text()):
            asked += 1
            for rule in rules:
                there = f"{{{name}}}" if kind == "wildcards" else f"\n        {name}="
                assert there in rule, f"{path.name} asks {rule.split(':')[0]} for {kind}.{name}"
            if name == "study":
                assert part in {field.name for field in fields(Study)}, path.name
    assert asked > 20
