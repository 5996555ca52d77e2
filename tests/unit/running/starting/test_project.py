"""What ``mimicflow init`` writes is what the workflow takes, and changes nothing by itself."""

import re

import pytest
import yaml

from mimicflow.errors import ConfigError
from mimicflow.running.configuration import read_config
from mimicflow.running.starting.project import Started, make_project


@pytest.fixture
def project(tmp_path):
    make_project(tmp_path)
    return tmp_path


def test_the_overlay_is_taken_and_changes_nothing_yet(project, repository):
    overlay = project / "config.yaml"

    assert read_config(overlay, repository=repository) == read_config(repository=repository)
    assert yaml.safe_load(overlay.read_text())["data"].keys() == set(
        yaml.safe_load((repository / "config.yaml").read_text())["data"]
    )


def test_its_published_sizes_are_those_of_the_preset(project, repository):
    text = (project / "config.yaml").read_text().partition("published sizes")[2]
    sizes = "\n".join(re.findall(r"^# (\w+: \{.*)$", text, re.M))
    preset = yaml.safe_load((repository / "presets/mimic-iv.yaml").read_text())

    assert yaml.safe_load(sizes) == {key: preset[key] for key in preset if key != "data"}


def test_its_profile_is_the_default_one_with_all_cores(project, repository):
    profile = "profiles/default/profile.yaml"
    default = yaml.safe_load((repository / profile).read_text())

    assert yaml.safe_load((project / profile).read_text()) == {**default, "cores": "all"}


@pytest.mark.parametrize("name", ["Snakefile", "config.yaml", "profiles/default/profile.yaml"])
def test_nothing_is_written_where_one_of_them_is(tmp_path, name):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("mine")

    with pytest.raises(ConfigError, match=f"{name} already"):
        make_project(tmp_path)

    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [tmp_path / name]


@pytest.mark.parametrize(
    ("entry", "remedy"),
    [
        ("cohort", "'cohort=VALUE'"),
        ("cohort.max_ecgs=9", "'cohort={max_ecgs: 9}'"),
        ("models.all_stays_model.dropout=0.5", "'models={all_stays_model: {dropout: 0.5}}'"),
    ],
)
def test_a_key_that_snakemake_would_answer_with_a_traceback_is_one_sentence(entry, remedy):
    with pytest.raises(ConfigError) as error:
        Started(["all", "--config", "seed=3", entry]).command()

    assert f"not {entry}\n" in str(error.value)
    assert f"write --config {remedy}; targets stand before" in str(error.value)
    assert Started(["all", "-C", "seed=3", "vitals={max_rows: 5}"]).command()[-4:] == [
        *("all", "-C", "seed=3", "vitals={max_rows: 5}"),
    ]
