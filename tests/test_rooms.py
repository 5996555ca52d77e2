"""Where things lie, and which room may know of which."""

import os
import shutil
import subprocess
import sysconfig
from collections import Counter
from pathlib import Path, PurePosixPath

import pytest

MOST_FILES = 20
# One fact or one adapter each: there they are listed, and found by their name.
LARGE = {"src/mimicflow/reference", "workflow/scripts"}
MOST_LOOSE_MODULES = 4


@pytest.fixture(scope="module")
def tracked(repository):
    """The files of the repository, relative to it."""
    if not (repository / ".git").exists():
        pytest.skip("no checkout of git")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=repository, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [path for path in map(PurePosixPath, listed.stdout.splitlines())
            if (repository / path).exists()]  # fmt: skip


def test_no_folder_holds_more_files_than_an_eye_takes_in(tracked):
    files = Counter(str(path.parent) for path in tracked)

    crowded = {folder: n for folder, n in files.items() if n > MOST_FILES}
    assert crowded.keys() == LARGE


def test_few_modules_lie_outside_a_room(tracked):
    loose = [path.name for path in tracked
             if str(path.parent) == "src/mimicflow" and path.suffix == ".py"]  # fmt: skip

    assert 0 < len(loose) <= MOST_LOOSE_MODULES, loose


def test_unit_tests_lie_as_what_they_test(tracked, repository):
    """Below tests/unit are the rooms of the package, and benchmarks/."""
    folders = {path.parent.relative_to("tests/unit") for path in tracked
               if path.is_relative_to("tests/unit")}  # fmt: skip

    assert len(folders) > 10
    missing = {folder for folder in folders if not (repository / "src/mimicflow" / folder).is_dir()}
    assert missing == {PurePosixPath("benchmarks")}


def lint_imports(repository: Path, folder: Path, changed: dict[str, str]) -> str:
    """Return what import-linter says of a package in which these modules say something else."""
    shutil.copy(repository / "pyproject.toml", folder)
    for source in (repository / "src").rglob("*.py"):
        copy = folder / source.relative_to(repository)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy)
    for name, text in changed.items():
        module = folder / "src/mimicflow" / name
        module.parent.mkdir(exist_ok=True)
        module.write_text(text)
    run = subprocess.run(
        [Path(sysconfig.get_path("scripts"), "lint-imports"), "--no-logo", "--no-cache"],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(folder / "src")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (run.returncode == 0) is ("0 broken" in run.stdout), run.stdout + run.stderr
    return " ".join(run.stdout.split())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "0 broken"),
        (
            {"running/upward.py": "from mimicflow.raw.values import forms\n"},
            "mimicflow.running is not allowed to import mimicflow.raw",
        ),
        (
            {"arrest/aside.py": "import mimicflow.mortality.cohort\n"},
            "mimicflow.arrest is not allowed to import mimicflow.mortality",
        ),
        (
            {"evaluation/late.py": "def late():\n    from mimicflow.concepts import groups\n"},
            "mimicflow.evaluation is not allowed to import mimicflow.concepts",
        ),
        ({"attic/__init__.py": ""}, "mimicflow.attic"),
        ({"loose.py": ""}, "mimicflow.loose"),
        (
            {"synthetic/reader.py": "import mimicflow.ecg.records\n"},
            "mimicflow.synthetic is not allowed to import mimicflow.ecg",
        ),
        (
            {"evaluation/statistics/drawn.py": "from mimicflow.evaluation.figures import canvas\n"},
            "mimicflow.evaluation.statistics is not allowed to import mimicflow.evaluation.figures",
        ),
    ],
)  # fmt: skip
def test_an_import_never_points_up(repository, tmp_path, changed, said):
    assert said in lint_imports(repository, tmp_path, changed)
