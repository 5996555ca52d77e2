"""docs/limits.md says where a run counts each share; it must be counted there."""

import re

import pandas as pd
import pytest
import yaml

from mimicflow.concepts import FOLDER
from mimicflow.reference import reference


@pytest.fixture
def page(repository):
    return (repository / "docs/limits.md").read_text(encoding="utf-8")


def test_every_quoted_line_of_a_log_is_written(page):
    sources = [*FOLDER.rglob("*.sql"), *FOLDER.parent.rglob("*.py")]
    written = " ".join(" ".join(file.read_text(encoding="utf-8").split()) for file in sources)
    quoted = re.findall(r'"([a-z0-9 ]+)"', page)
    assert len(quoted) > 4
    assert [phrase for phrase in quoted if phrase not in written] == []


def test_every_step_and_key_exists(page, repository):
    steps = set(pd.read_csv(reference("attrition.csv"))["step"])
    named = re.findall(r"attrition.csv`: `(\w+)`", page)
    assert named and set(named) <= steps
    source = (FOLDER.parent / "mortality/cohort.py").read_text(encoding="utf-8")
    steps = re.findall(r"`(\w+)` in `mortality/\w+/attrition.csv`", page)
    assert len(steps) == 8 and [step for step in steps if f'"{step}"' not in source] == []
    config = yaml.safe_load((repository / "config.yaml").read_text(encoding="utf-8"))
    keys = re.findall(r"`(features|cohort)\.(\w+)", page)
    assert keys and [key for section, key in keys if key not in config[section]] == []


NO_HISTORY = {
    "visit_codes": "the index admission is what the mortality system predicts from",
    "cohort": "the stays themselves",
    "first_icu_stay": "the cohort of mortality",
    "cardiac_arrest": "the outcome of arrest",
    "icu_registry": "the stays of arrest, with the death that no feature reads",
}


def test_a_concept_of_history_says_which_rows_are_of_the_own_admission():
    """So that no new one forgets it: whoever reads a table of admissions uses the macro."""
    read = r"(FROM|JOIN) (prescriptions|diagnoses_icd|procedures_icd|admissions|edstays)\b"
    found = r"\b(own_admission|visit_of)\(|hadm_id IS DISTINCT FROM spine.hadm_id"
    concepts = {file.stem: file.read_text(encoding="utf-8") for file in FOLDER.rglob("*.sql")}
    readers = {
        name
        for name, text in concepts.items()
        if re.search(read, text) and not name.endswith("_counts")
    }
    assert {name for name in readers if not re.search(found, concepts[name])} == set(NO_HISTORY)
