"""The Dockerfile, as far as it can be looked at without a container engine."""

import re
import shutil
import subprocess
import sysconfig
import tomllib
from pathlib import Path

import pytest

dockerfile_parse = pytest.importorskip(
    "dockerfile_parse", reason="not installed: tests/kubernetes.txt"
)


@pytest.fixture(scope="module")
def steps(repository, tmp_path_factory):
    """The instructions and their values, in order."""
    copy = (
        tmp_path_factory.mktemp("dockerfile") / "Dockerfile"
    )  # the parser writes beside what it reads
    shutil.copy2(repository / "Dockerfile", copy)
    parsed = dockerfile_parse.DockerfileParser(path=str(copy))
    return [(step["instruction"], step["value"]) for step in parsed.structure]


def values(steps, instruction):
    return [value for name, value in steps if name == instruction]


def copied(steps):
    return [source for value in values(steps, "COPY") for source in value.split()[:-1]]


def test_hadolint_has_no_complaint(repository):
    hadolint = Path(sysconfig.get_path("scripts"), "hadolint")
    if not hadolint.exists():
        pytest.skip("hadolint is not installed: tests/kubernetes.txt")

    run = subprocess.run([hadolint, repository / "Dockerfile"], capture_output=True, text=True)

    assert run.returncode == 0, run.stdout + run.stderr


def test_what_is_copied_exists_and_is_all_that_the_build_can_see(repository, steps):
    """Nothing is sent to the builder but what is named, so neither data nor results can be."""
    lines = (repository / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]

    assert rules[0] == "*"
    assert all(rule.startswith("!") for rule in rules[1:])
    assert sorted(rule[1:] for rule in rules[1:]) == sorted(copied(steps))
    assert all((repository / source).is_file() for source in copied(steps))


def test_torch_comes_after_what_it_needs_and_alone_without_a_hash(steps):
    installs = [value for value in values(steps, "RUN") if "pip install" in value]

    assert [re.findall(r"pip install [^&]*--requirement (\S+)", value) for value in installs] == [
        ["requirements.lock"],
        ["torch.lock"],
        ["kubernetes.txt"],
    ]
    assert ["--require-hashes" in value for value in installs] == [True, False, True]


def test_the_python_is_one_that_the_package_supports(repository, steps):
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    [image] = values(steps, "FROM")
    version = re.fullmatch(r"python:(3\.\d+)-slim-\w+@sha256:[0-9a-f]{64}", image)[1]

    assert project["requires-python"] == f">={version}"


def test_the_tools_of_developers_are_removed_from_the_layer_that_had_them(
    repository, steps, tmp_path
):
    """The list of them is made here as the builder would make it."""
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    shutil.copy2(repository / "pyproject.toml", tmp_path)
    step = next(value for value in values(steps, "RUN") if "tomllib" in value)

    subprocess.run(["/bin/sh", "-c", step.split("&&")[0]], cwd=tmp_path, check=True)

    tools = (tmp_path / "tools.txt").read_text().splitlines()
    assert tools == project["optional-dependencies"]["dev"]
    assert "pip install --require-hashes" in step
    assert "pip uninstall --yes --requirement tools.txt" in step


def test_jobs_do_not_run_as_root_and_the_last_layers_hold_no_cache(steps):
    environment = " ".join(values(steps, "ENV"))

    assert values(steps, "USER") == ["1000"]
    assert "PIP_NO_CACHE_DIR=1" in environment
    assert all("rm -rf /var/lib/apt/lists" in v for v in values(steps, "RUN") if "apt-get" in v)


def test_the_wheel_that_jobs_install_is_fetched_when_the_image_is_built(
    repository, steps, tmp_path
):
    """Snakemake starts every job on Kubernetes with `pip install` of the storage plugin."""
    shutil.copy2(repository / "profiles/kubernetes/requirements.txt", tmp_path / "kubernetes.txt")
    step = next(value for value in values(steps, "RUN") if "pip download" in value)
    command = next(part for part in step.split("&&") if "plugin.txt" in part)
    environment = " ".join(values(steps, "ENV"))

    subprocess.run(["/bin/sh", "-c", command], cwd=tmp_path, check=True)

    plugin = (tmp_path / "plugin.txt").read_text().splitlines()
    assert re.fullmatch(r"snakemake-storage-plugin-fs==[\d.]+ \\", plugin[0])
    assert all(line.startswith("    --hash=sha256:") for line in plugin[1:])
    assert len(plugin) > 1
    assert "PIP_NO_INDEX=1" in environment
    assert "PIP_NO_DEPS=1" in environment
    assert "PIP_FIND_LINKS=/mimicflow/wheels" in environment
