import re

import pytest
from made_hospital_tables import CONFIG

from mimicflow.admission import protocols
from mimicflow.concepts import FOLDER, sql_files
from mimicflow.concepts.catalogue import CONCEPTS
from mimicflow.raw.needs import tables_of
from mimicflow.raw.tables import TABLES
from mimicflow.running.scenarios import Scenarios

OF_ADMISSION = [name for name in CONCEPTS if name != "visit_codes"]


@pytest.fixture(scope="module")
def scenarios() -> Scenarios:
    return Scenarios(CONFIG, protocols.scenarios(CONFIG))


def sql_of(concept: str) -> str:
    return "".join(file.read_text() for file in FOLDER.rglob(f"{concept}*.sql"))


@pytest.mark.parametrize("concept", CONCEPTS)
def test_a_concept_has_its_sql_and_reads_raw_tables_that_there_are(concept):
    for name in (concept, f"{concept}_features"):
        assert len(list(FOLDER.rglob(f"{name}.sql"))) == 1
    assert set(CONCEPTS[concept].tables) <= set(TABLES)


@pytest.mark.parametrize("concept", CONCEPTS)
def test_the_tables_of_a_concept_are_those_that_its_sql_names(concept):
    words = set(re.findall(r"\w+", re.sub("--.*", "", sql_of(concept))))
    raw = {name.partition("/")[2] for name in TABLES}

    assert set(CONCEPTS[concept].table_names) == words & raw


def test_a_system_ingests_the_tables_of_its_concepts():
    for concept in OF_ADMISSION:
        assert set(CONCEPTS[concept].tables) <= set(tables_of("admission", CONFIG)), concept
    assert set(CONCEPTS["visit_codes"].tables) <= set(tables_of("mortality", CONFIG))


@pytest.mark.parametrize("concept", OF_ADMISSION)
def test_the_keys_of_a_concept_are_named_as_its_stage(concept, scenarios):
    keys = scenarios.own_keys(f"features/{concept}/")

    assert all(name in CONFIG[section] for section, name in (key.split(".") for key in keys))
    read = set(re.findall(r"option\('(\w+)'\)", sql_of(concept)))
    assert read <= {key.split(".")[1] for key in keys}


def test_a_concept_that_is_not_there_has_no_sql():
    with pytest.raises(FileNotFoundError, match=r"no admission\.cohort\.sql"):
        sql_files("admission.cohort")
