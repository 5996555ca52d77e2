"""Own files are beside their Snakefile; results are where the importing workflow wants them."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from snakemake.path_modifier import PathModifier
from snakemake.sourcecache import GithubFile, LocalSourceFile

from mimicflow.errors import ConfigError
from mimicflow.running.place import Place, below_results, call_first, results_folder


def placed(folder, replaced=None, prefix=None, cache=None):
    workflow = SimpleNamespace(storage_settings=SimpleNamespace(default_storage_provider=None))
    return Place(LocalSourceFile(str(folder)).join("rules/.."), cache,
                 PathModifier(replaced, prefix, workflow))  # fmt: skip


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "rules").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_own_files_have_their_names_at_home_and_whole_paths_elsewhere(here, monkeypatch):
    assert placed(here).own("config.yaml") == "config.yaml"
    assert str(placed(here)) == str(here)
    monkeypatch.chdir(here.parent)
    assert placed(here).own("config.yaml") == str(here / "config.yaml")
    assert placed(here, prefix="x").own("a/b.py") == str(here / "a/b.py")


def test_own_files_of_another_machine_are_fetched(here):
    hosted = GithubFile("owner/mimicflow", path="rules", tag="v1").join("..")
    cache = SimpleNamespace(get_path=lambda file: f"cache/{file.path}")

    place = Place(hosted, cache, SimpleNamespace(replace_prefix=str))

    assert place.own("presets/published.yaml") == "cache/presets/published.yaml"
    assert not place.is_here


@pytest.mark.parametrize(
    ("replaced", "prefix", "results"),
    [
        (None, None, "results"),
        (None, "a/b", "a/b/results"),
        ({"results/": "out/"}, None, "out"),
        ({"results": "out/results"}, None, "out/results"),
    ],
)
def test_what_parameters_name_is_moved_as_inputs_are(here, replaced, prefix, results):
    place = placed(here, replaced, prefix)
    given = {
        "a": ["results/x.csv", ("results/{y}.npz", 3)],
        "results/key": None,
        "b": "raw/results",
    }

    assert place.results == results and place.moves == (results != "results")
    assert place.moved("results") == results
    assert place.moved(given) == {
        "a": [f"{results}/x.csv", (f"{results}/{{y}}.npz", 3)], "results/key": None,
        "b": "raw/results",
    }  # fmt: skip


def test_a_function_is_moved_by_what_it_returns_and_keeps_what_is_set_on_it(here):
    def folder(wildcards):
        return f"results/{wildcards}"

    folder.section = "ecg"
    moved = placed(here, prefix="a").parameter(folder)

    assert (moved("x"), moved.section) == ("a/results/x", "ecg")
    assert placed(here, prefix="a").parameter(["results/x"]) == ["a/results/x"]


def test_a_result_left_behind_is_refused(here):
    place = placed(here, {"results/cohort/": "who/"})
    with pytest.raises(ConfigError, match=r"leaves who/a\.csv outside results"):
        place.check_moved(["results/x.csv", "who/a.csv"])
    with pytest.raises(ConfigError, match=r"leaves who/a\.csv outside results"):
        place.check_moved(["results/{scenario,(scenarios/[a-z]+/)?}cohort/a.csv"])
    placed(here, prefix="a").check_moved(["a/results/{scenario,(x/)?}cohort/a.csv"])


def test_a_job_knows_where_its_results_are(monkeypatch):
    assert results_folder() == "results"
    assert str(below_results("/mnt/results/cohort/a.csv")) == "cohort/a.csv"
    assert below_results("src/mimicflow/errors.py") is None
    job = SimpleNamespace(params={"results": "out/here"})
    monkeypatch.setattr(sys.modules["__main__"], "snakemake", job, raising=False)
    assert results_folder() == "out/here"
    assert str(below_results("out/here/cohort/a.csv")) == "cohort/a.csv"
    assert below_results("results/cohort/a.csv") is None


@pytest.mark.parametrize("after", [False, True])
def test_what_an_importing_workflow_does_at_the_start_is_done_too(after):
    called = []
    workflow = SimpleNamespace(_onstart=lambda log: None)
    workflow.onstart = lambda handler: setattr(workflow, "_onstart", handler)

    def theirs(log):
        called.append(f"theirs {log}")

    if not after:
        workflow.onstart(theirs)
    call_first(workflow, lambda log: called.append(f"ours {log}"))
    if after:
        workflow.onstart(theirs)
    workflow._onstart("a.log")

    assert called == ["ours a.log", "theirs a.log"]


@pytest.mark.parametrize("environment", ["cpu", "gpu"])
def test_an_environment_of_conda_installs_the_package_that_runs(repository, tmp_path, environment):
    """And not whatever lies where Snakemake was started."""
    (tmp_path / "pip").write_text("#!/bin/sh\necho $@\n")
    (tmp_path / "pip").chmod(0o755)

    done = subprocess.run(
        ["bash", str(repository / f"envs/{environment}.post-deploy.sh")],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "MIMICFLOW_FOLDER": "/the/workflow"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout.split()[-2:] == ["--editable", "/the/workflow"]
