"""The table of what has been scored, on rows small enough to be worked out by hand."""

import os

import pandas as pd
import pytest
from typer.testing import CliRunner

from mimicflow.cli import app
from mimicflow.errors import InputError
from mimicflow.report.scored import SYSTEMS, add_truth, as_lines, read_scores

MAIN = "all_stays_model"
TRUTH = [0.1, 0.8, 0.3, 0.4]  # three of the four pairs of a survivor and a death in order
LABEL = [0, 1, 1, 0]


@pytest.fixture
def results(tmp_path):
    """The main model, scored alone on four made-up stays."""
    write_table(tmp_path / f"admission/{MAIN}/comparison.csv", score(MAIN, 0.75))
    write_predictions(tmp_path / f"admission/{MAIN}/predictions.parquet", "stay_id")
    write_truth(tmp_path, "truth", stay_id=[4, 3, 2, 1], p_everything=TRUTH[::-1])
    return tmp_path


def score(model, auroc, data="synthetic", **others):
    row = {"model": model, "title": model.upper(), "stays": "all", "n": 1234, "patients": 4}
    interval = {"auroc": auroc, "auroc_low": auroc - 0.1, "auroc_high": auroc + 0.1}
    return row | interval | {"data": data} | others


def write_table(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(path, index=False)


def write_predictions(path, key, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    table = {key: [1, 2, 3, 4], "subject_id": [1, 2, 3, 4], "split": "test", "label": LABEL}
    pd.DataFrame(table | {"probability": 0.5} | columns).to_parquet(path)


def write_truth(results, name, **columns):
    (results / "synthetic").mkdir(exist_ok=True)
    pd.DataFrame(columns).to_parquet(results / f"synthetic/{name}.parquet")


def test_a_model_stands_beside_the_truth_of_its_rows(results):
    row = read_scores(results).iloc[0]

    assert list(row[["system", "of", "model", "n", "patients", "auroc"]]) == [
        *("admission", "", MAIN, 1234, 4, 0.75)
    ]
    assert row["truth"] == 0.75
    words = "admission ALL_STAYS_MODEL, all stays 1,234 4 0.750 (0.650–0.850) 0.750 synthetic"
    assert as_lines(read_scores(results))[1].split() == words.split()


def test_the_newer_score_of_a_model_counts(results):
    everything = results / "admission/comparison.csv"
    write_table(everything, score(MAIN, 0.6), score("other", 0.5))
    os.utime(everything, (0, 0))
    assert dict(read_scores(results)[["model", "auroc"]].to_numpy()) == {MAIN: 0.75, "other": 0.5}

    os.utime(everything, (2**32, 2**32))
    assert dict(read_scores(results)[["model", "auroc"]].to_numpy()) == {MAIN: 0.6, "other": 0.5}


def test_of_a_hospital_that_does_not_know_the_rows_no_truth_is_shown(results):
    write_truth(results, "truth", stay_id=[1, 2, 3], p_everything=TRUTH[:3])

    assert read_scores(results)["truth"].isna().all()
    assert not any(line.startswith("truth:") for line in as_lines(read_scores(results)))


def test_real_patients_have_no_truth_and_what_is_hidden_stays_so(results):
    hidden = {"n": None, "patients": None, "auroc_low": None, "auroc_high": None}
    write_table(results / f"admission/{MAIN}/comparison.csv", score(MAIN, 0.75, "real", **hidden))

    (_, line, *notes) = as_lines(read_scores(results))
    words = "admission ALL_STAYS_MODEL, all stays – – 0.750 – real"
    assert line.split() == words.split()
    assert notes == [""]


def test_the_first_horizon_and_the_state_at_the_end_of_an_epoch_count(tmp_path):
    write_table(
        tmp_path / "arrest/comparison.csv",
        *(score("hrv", auroc, horizon_h=hours) for hours, auroc in ((24, 0.9), (1, 0.8))),
    )
    ends = pd.Timestamp("2150-01-01") + pd.to_timedelta([1, 2, 3, 4], "h")
    stays = {"stay_id": ["7"] * 4, "end": ends}
    write_predictions(tmp_path / "arrest/hrv/predictions.parquet", "epoch_id", **stays)
    times = ends - pd.Timedelta(minutes=5)
    write_truth(tmp_path, "truth_arrest", stay_id=[7] * 4, time=times, u=TRUTH)

    scored = read_scores(tmp_path)

    assert list(scored["of"]) == ["24 h"] and list(scored["auroc"]) == [0.9]
    assert list(scored["truth"]) == [0.75]
    predictions = pd.read_parquet(tmp_path / "arrest/hrv/predictions.parquet")
    assert list(add_truth(predictions, "arrest", tmp_path)["truth"]) == TRUTH


def test_the_first_protocol_counts(tmp_path):
    write_table(
        tmp_path / "mortality/comparison.csv",
        *(score("lstm", 0.8, protocol=protocol) for protocol in ("audited", "published")),
    )
    write_predictions(tmp_path / "mortality/audited/lstm/predictions.parquet", "stay_id")
    write_truth(tmp_path, "truth_mortality", stay_id=[1, 2, 3, 4], p_everything=TRUTH)

    scored = read_scores(tmp_path)

    assert scored[["of", "title", "truth"]].to_numpy().tolist() == [["audited", "LSTM", 0.75]]


def test_where_nothing_is_scored_the_command_says_what_to_run(tmp_path):
    with pytest.raises(InputError, match="nothing has been scored"):
        read_scores(tmp_path)

    said = CliRunner().invoke(app, ["scores", str(tmp_path)])
    assert said.exit_code == 1 and "mimicflow run first" in said.output


def test_every_system_has_its_place():
    assert list(SYSTEMS["system"]) == ["admission", "mortality", "arrest"]
