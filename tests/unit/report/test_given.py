"""``mimicflow evaluate``: predictions of anybody in; tables, figures and one page out."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_predictions import table, write
from typer.testing import CliRunner

from mimicflow.cli import app
from mimicflow.evaluation.calibration_table import calibrate_models
from mimicflow.evaluation.decisions import weigh_decisions
from mimicflow.evaluation.given.columns import Columns
from mimicflow.evaluation.given.tables import NET_BENEFIT
from mimicflow.evaluation.predictions import PredictionsError
from mimicflow.evaluation.scores import score_models
from mimicflow.evaluation.statistics.decision import probability_grid
from mimicflow.evaluation.study import Study
from mimicflow.report.given import evaluate_predictions


def run(folder: Path, *arguments: str):
    """Run the command in a folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        return CliRunner().invoke(app, ["evaluate", *arguments])
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two files of the same 300 rows of 150 patients, of whom three are of a third sex."""
    folder = tmp_path_factory.mktemp("given")
    rows = table(300, folds=1)
    rows = rows[rows["split"] == "test"].drop(columns=["fold", "split"])
    rows = rows.rename(columns={"label": "died", "probability": "prob"})
    rows["sex"] = np.select([rows["subject_id"] < 3, rows["subject_id"] % 2 == 0], ["X", "M"], "F")
    rows.to_csv(folder / "predictions.csv", index=False)
    noisy = np.random.default_rng(1).uniform(0, 1, 300)
    rows.assign(prob=0.7 * rows["prob"] + 0.3 * noisy).iloc[::-1].to_csv(
        folder / "other.csv", index=False
    )
    return folder


@pytest.fixture(scope="module")
def documented(folder, repository):
    """What each command of the how-to says, in its order; what the second wrote is kept."""
    text = (repository / "docs/how-to/evaluate-predictions.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60
    commands = re.findall(r"^mimicflow evaluate (.+)$", text, re.M)
    assert len(commands) == 3
    said = []
    for place, command in enumerate(commands):
        result = run(folder, *command.split())
        assert result.exit_code == 0, result.output
        said.append(result.output)
        (folder / "predictions_evaluation").rename(folder / f"kept_{place}")
    return said


def test_every_command_of_the_how_to_says_what_it_took_for_granted(documented):
    first, named, _ = documented

    assert "probability = prob (guessed by its name; --probability says otherwise)" in first
    assert "no threshold is given, and none can be chosen on the very rows" in first
    assert "guessed" not in named and "those at 0.3, as given" in named
    assert re.search(r"AUROC +0\.\d{3} \(0\.\d{3}–0\.\d{3}\)", first)


def test_the_page_has_its_chapters_and_needs_nothing_else(folder, documented):
    page = (folder / "kept_1/evaluation.html").read_text(encoding="utf-8")

    for chapter in ("scores", "curves", "calibration", "decision", "subgroups", "read"):
        assert f'id="given-{chapter}"' in page, chapter
    assert "at the given thresholds" in page and "published" not in page.lower().split("<script")[0]
    assert not re.search(r'(src|href)="https?:', page)


def test_who_is_rare_is_hidden_unless_nobody_is_real(folder, documented, tmp_path):
    groups = pd.read_csv(folder / "kept_1/subgroups.csv")
    assert groups.loc[groups["level"] == "X", "suppressed"].all()
    assert groups.loc[groups["level"] == "F", "score"].tolist().count("sensitivity") == 1
    assert set(pd.read_csv(folder / "kept_1/scores.csv")["data"]) == {"real"}
    assert not any(file.stat().st_mode & 0o077 for file in (folder / "kept_1").iterdir())


def test_two_files_are_compared_row_by_row(folder, documented):
    (row,) = pd.read_csv(folder / "kept_2/comparisons.csv").to_dict("records")

    assert (row["title_a"], row["title_b"]) == ("predictions", "other")
    assert (row["n"], row["patients"]) == (300, 150)
    assert row["low"] < row["difference"] < row["high"] and row["p_holm"] == row["p"]
    assert "predictions − other: difference of AUROC" in documented[2]


def test_predictions_of_ours_are_scored_as_the_workflow_scores_them(tmp_path):
    """The same tables: folds, thresholds chosen on validation patients, recalibration."""
    paths = write(tmp_path, {"a": table(300)})
    theirs, study, subsets = tmp_path / "theirs", Study(synthetic=True, seed=3), {"a": "all"}
    at = {name: theirs / f"{name}.csv" for name in ("scores", "folds", "curves")}
    score_models(paths, subsets, at, study)
    calibrate_models(paths, subsets, theirs / "calibration.csv", theirs / "reliability.csv",
                     theirs / "x.png", study)  # fmt: skip
    weigh_decisions(paths, subsets, theirs / "decision.csv", theirs / "y.png", study,
                    thresholds=probability_grid(**NET_BENEFIT))  # fmt: skip
    (tmp_path / "ours").mkdir()
    for name in ("mine.txt", "subgroups.csv"):
        (tmp_path / "ours" / name).touch()
    (tmp_path / "ours/.mimicflow-evaluate").write_text("subgroups.csv\n")  # of one before

    result = run(tmp_path, "a.parquet", "--synthetic", "--seed", "3", "--output", "ours", "--json")

    assert result.exit_code == 0, result.output
    for name in (*at, "calibration", "reliability", "decision"):
        ours, his = (pd.read_csv(tmp_path / f"{of}/{name}.csv").drop(
            columns=["title", "stays"], errors="ignore") for of in ("ours", "theirs"))  # fmt: skip
        pd.testing.assert_frame_equal(ours, his, rtol=1e-9)
    assert {file.name for file in (tmp_path / "ours").iterdir()} & {
        "mine.txt", "subgroups.csv", "comparisons.csv"} == {"mine.txt"}  # fmt: skip
    plain = json.loads(result.stdout)
    assert plain["scores"][0]["score"] == "auroc" and plain["scores"][0]["low"] is not None
    assert plain["files"]["a.parquet"]["row"].startswith("stay_id (guessed")


def test_a_model_called_as_a_published_one_is_not_it(folder, tmp_path):
    """Its name is that of a model of the workflow, of which scores were published."""
    frame = (
        pd.read_csv(folder / "predictions.csv").head(60).rename(columns={"prob": "all_stays_model"})
    )
    frame.to_csv(tmp_path / "mine.csv", index=False)

    result = run(tmp_path, "mine.csv", "--probability", "all_stays_model", "--patient", "none",
                 "--row", "none", "--synthetic")  # fmt: skip

    assert result.exit_code == 0, result.output
    assert "each row is taken as a patient of its own" in result.output
    scores = pd.read_csv(tmp_path / "mine_evaluation/scores.csv")
    assert scores["published"].isna().all() and (scores["patients"] == 60).all()


def test_a_bad_file_ends_in_one_sentence_and_leaves_nothing(folder, tmp_path):
    frame = pd.read_csv(folder / "predictions.csv")
    frame.assign(prob=100 * frame["prob"]).to_csv(tmp_path / "mine.csv", index=False)

    result = run(tmp_path, "mine.csv")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: mine.csv, line ")
    assert "look like per cent" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.csv"]
    assert run(tmp_path, "mine.csv", "--threshold", "30").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["scores.csv"], "scores.csv: would be written over, and is to be evaluated"),
        (["mine.csv", "--compare", "scores.csv"], "scores.csv: would be written over"),
        (["mine.csv"], "has scores.csv, roc.png already, which no evaluation wrote"),
    ],
)
@pytest.mark.parametrize("marked", [False, True])
def test_nothing_is_written_over_but_an_evaluation(folder, tmp_path, arguments, said, marked):
    texts = dict.fromkeys(["mine.csv", "scores.csv"], (folder / "predictions.csv").read_text())
    texts["roc.png"] = "mine"
    if marked:  # what is evaluated is kept even where an evaluation wrote something of its name
        texts[".mimicflow-evaluate"] = "scores.csv\n"
        said = said.replace("scores.csv, roc", "roc")
    for name, text in texts.items():
        (tmp_path / name).write_text(text)

    result = run(tmp_path, *arguments, "--output", f"../{tmp_path.name}")

    assert result.exit_code == 1
    assert said in result.stderr and "name another folder with --output" in result.stderr
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == texts


def test_an_evaluation_of_before_is_written_over(folder, tmp_path):
    rows = pd.read_csv(folder / "predictions.csv").head(60)
    rows.to_csv(tmp_path / "a.x.csv", index=False)

    for groups in (("--group", "sex"), ()):
        result = run(tmp_path, "a.x.csv", "--synthetic", *groups)
        assert result.exit_code == 0, result.output
        assert (tmp_path / "a.x_evaluation/subgroups.csv").exists() is bool(groups)
    assert len(list(tmp_path.iterdir())) == 2


def test_what_the_tables_refuse_is_said_of_the_file(tmp_path):
    """Here validation patients of one fold all have the same label."""
    frame = table(60)
    inner = (frame["split"] == "validation") & (frame["fold"] == 0)
    frame.loc[inner, "label"] = 1
    path = write(tmp_path, {"mine": frame})["mine"]

    with pytest.raises(PredictionsError) as caught:
        evaluate_predictions(path, tmp_path / "out", Columns(), Study(synthetic=True))

    said = str(caught.value)
    assert str(path) in said and "validation rows of fold 0" in said
    assert "rule" not in said and "evaluate it again" in said
    assert not list(tmp_path.rglob("*.csv"))
