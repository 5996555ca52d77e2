"""Every command of the tutorials and how-tos, as it stands there, is planned by the real Snakemake.

What they make is made in tests/workflow, where a finished run is at hand. Here each line of each
block has to be one of the kinds below; what it would read and write has to be there.
"""

import re
import shlex
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from checkouts import Checkout, copy_repository

from mimicflow.running.privacy import kind_of

REPOSITORY = Path(__file__).parents[2]
GUIDES = sorted(
    file.relative_to(REPOSITORY)
    for folder in ("docs/how-to", "docs/tutorials")
    for file in (REPOSITORY / folder).glob("*.md")
)
LONGEST_HOW_TO = 10
"""Lines to type."""
# Steps that need a network, an editor, a cluster or a shell of one's own.
BY_HAND = ("git clone", "make demo-data", "$EDITOR", "source .venv/bin/activate")
MAKE = {"run": ["first"], "all": ["all"], "report": ["all", "report"], "audit": ["audit"]}
"""Target of make -> what it asks of Snakemake."""


def blocks(guide: Path, language: str) -> list[str]:
    text = (REPOSITORY / guide).read_text("utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


def commands(guide: Path) -> list[str]:
    """Return the lines of all blocks of the shell, without what stands behind ``#``."""
    lines = "\n".join(blocks(guide, "bash")).splitlines()
    return [line for each in lines if (line := re.split(r"(?:^| )#", each)[0].strip())]


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Checkout:
    folder = tmp_path_factory.mktemp("guides") / "PATH/mimicflow"
    return copy_repository(REPOSITORY, folder)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_every_command_of_a_guide_can_be_given(guide, clone, bring_weights):
    here = Checkout(clone.folder)
    bring_weights(here.folder)
    for number, block in enumerate(blocks(guide, "yaml")):
        assert number == 0, "one file of one's own for all commands of a guide"
        (here.folder / "mine.yaml").write_text(block)
    if not blocks(guide, "yaml"):
        (here.folder / "mine.yaml").write_text("seed: 3\n")
    for line in commands(guide):
        for part in line.split(" && "):
            here = give(part, here, clone)


def give(line: str, here: Checkout, clone: Checkout) -> Checkout:
    """Give one command where it would be typed; return where the next one is."""
    if line.startswith(BY_HAND):
        return here
    program, *words = shlex.split(line.replace("PATH/mimicflow", str(clone.folder)))
    if program == "cd":
        return here if words == ["mimicflow"] else Checkout(here.folder / words[0], clone.folder)
    if program == "cp":
        shutil.copy(here.folder / words[0], here.folder / words[1])
    elif program in ("less", "head"):
        files = [word.removeprefix("results/") for word in words if word.startswith("results/")]
        assert [file for file in files if kind_of(file) is None] == []
    elif program == "make":
        here.planned(*MAKE[words[0]])
    elif program == "snakemake":
        for overlay in [here.folder / word for word in words if word.endswith("/best.yaml")]:
            overlay.parent.mkdir(parents=True)
            overlay.write_text("{}")  # which a search would have found
        done = here.snakemake("--dry-run", "--quiet", "all", *words)
        assert done.returncode == 0 or nobodys_files(done), done.stdout + done.stderr
    elif program == "mimicflow" and words[0] == "run":
        done = here.mimicflow(*words, "-n", "--quiet", "all")
        assert done.returncode == 0, done.stdout + done.stderr
    elif program == "mimicflow" and words[0] in ("init", "check"):
        done = here.mimicflow(*words)
        assert done.returncode == 0 or nobodys_files(done), done.stderr
    elif program == "mimicflow" and words[0] == "encoder":
        *words, arrow, file = words
        done = here.mimicflow(*words)
        assert (done.returncode, arrow) == (0, ">"), done.stderr
        (here.folder / file).write_text(done.stdout)
    else:
        assert words[0] == "evaluate", f"of no kind: {line}"
        evaluate(words, here)
    return here


def nobodys_files(done: subprocess.CompletedProcess[str]) -> bool:
    """Return whether only raw files are missing: those of the presets are nobody's."""
    said = done.stdout + done.stderr
    return "the file is missing" in said or "there is no such folder" in said


def evaluate(words: list[str], here: Checkout) -> None:
    """Evaluate made-up predictions under the name that a guide gives them."""
    random = np.random.default_rng(0)
    label = random.integers(0, 2, 300)
    table = pd.DataFrame(
        {
            "subject_id": np.arange(300) // 2,
            "stay_id": np.arange(300),
            "sex": random.choice(["F", "M"], 300),
            "split": "test",
            "label": label,
            "probability": np.clip(random.normal(0.4 + 0.2 * label, 0.2), 0, 1),
        }
    )
    named = dict(pairwise(words))
    table = table.rename(
        columns={
            "label": named.get("--label", "label"),
            "probability": named.get("--probability", "probability"),
        }
    )
    for word in words[1:]:
        if word.endswith((".csv", ".parquet")):
            (here.folder / word).parent.mkdir(parents=True, exist_ok=True)
            write = table.to_csv if word.endswith(".csv") else table.to_parquet
            write(here.folder / word, index=False)
    done = here.mimicflow(*words)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("guide", [g for g in GUIDES if g.parent.name == "how-to"], ids=str)
def test_a_how_to_is_short(guide):
    assert len(commands(guide)) <= LONGEST_HOW_TO


def test_every_question_has_an_answer():
    assert {
        "change-a-rate", "fifth-variant", "new-feature", "another-ecg",
        "two-folds", "another-seed", "tune", "own-encoder", "who-was-excluded", "cohort-in-r",
        "one-stay", "own-project",
    } <= {guide.stem for guide in GUIDES}  # fmt: skip
