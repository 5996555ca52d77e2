"""Whose the raw files are is said by the generator's mark, never by their path."""

import pytest

from mimicflow.errors import ConfigError
from mimicflow.running import origin
from mimicflow.running.origin import is_made, mark_of, marks


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def marked(folder):
    folder.mkdir(parents=True)
    (folder / "SYNTHETIC").touch()
    return str(folder)


def test_the_workflow_makes_exactly_the_folder_that_the_generator_writes():
    assert is_made("hosp", "results/synthetic/hosp")
    assert is_made("hosp", "./results/synthetic/hosp/")
    for other in (
        *("results/synthetic", "results/synthetic_not/hosp", "results/synthetic/hosp/hosp"),
        *("results/synthetic/icu", "results/synthetic/../hosp", "/results/synthetic/hosp"),
    ):
        assert not is_made("hosp", other)


def test_a_mark_that_is_still_to_be_made_counts(here):
    assert mark_of("ed", "./results/synthetic/ed/") == "results/synthetic/ed/SYNTHETIC"


def test_elsewhere_the_mark_must_be_in_the_folder_itself(here):
    copied = marked(here / "copied")
    (here / "copied/hosp").mkdir()

    assert mark_of("hosp", copied) == f"{copied}/SYNTHETIC"
    assert mark_of("hosp", f"{copied}/hosp") is None
    assert mark_of("hosp", "results/synthetic_not/hosp") is None


def test_one_real_module_makes_a_system_real(here):
    data = {**origin.MADE, "icu": "data/icu"}

    assert marks(data, ["hosp", "icu"]) == []
    assert len(marks(data, ["hosp", "ed", "ecg"])) == 3
    assert marks(data, ["registry", "waveforms"]) == ["results/synthetic/registry/SYNTHETIC"]


def test_a_mark_that_snakemake_would_take_for_a_wildcard_is_refused(here):
    data = {**origin.MADE, "hosp": marked(here / "{v3.1}")}

    with pytest.raises(ConfigError, match=r"\{v3\.1\}: a synthetic folder cannot have braces"):
        marks(data, ["hosp"])


def test_a_registry_that_is_built_is_as_synthetic_as_its_tables(here):
    data = {**origin.MADE, **origin.BUILT}

    assert len(marks(data, ["registry", "waveforms"])) == 3
    assert marks({**data, "icu": "data/icu"}, ["registry", "waveforms"]) == []


def test_only_folders_that_no_rule_makes_become_absolute(here):
    data = {"hosp": "results/synthetic/hosp", "ed": "raw/ed", "registry": "results/arrest/registry",
            "ecg": "/ecg"}  # fmt: skip

    assert origin.absolute(data) == {**data, "ed": str(here / "raw/ed")}
