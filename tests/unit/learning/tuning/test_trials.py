"""A trial is scored on validation patients; what diverges has no score, all else is an error."""

import json

import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from mimicflow.errors import DivergenceError, InputError, MimicflowError
from mimicflow.learning.fitted_on import fitted_on
from mimicflow.learning.tuning.trials import PREDICTIONS, read_trials, run_trial

PARAMETERS = {"m.rate": 0.01}


@pytest.fixture
def suggested(tmp_path):
    file = tmp_path / "round_1.json"
    trials = [{"number": 2, "parameters": {}}, {"number": 3, "parameters": PARAMETERS}]
    file.write_text(json.dumps({"round": 1, "trials": trials}))
    return file


@pytest.fixture
def trial(tmp_path, suggested):
    """Return a function that runs trial 3 with a fit, and what it has written."""

    def run(fit, number=3):
        output = tmp_path / f"trial_{number}.json"
        run_trial(number, suggested, output, fit, seed=0)
        return json.loads(output.read_text())

    return run


def predictions(test_label=0, tested=20):
    """Of 40 validation patients, and of test patients of one outcome."""
    rows = []
    for number in range(40 + tested):
        part = "validation" if number < 40 else "test"
        label = number % 2 if part == "validation" else test_label
        probability = (0.2 + 0.2 * label + 0.01 * (number % 37)) / 1.3
        rows.append((number, 100 + number // 2, part, label, probability))
    return pd.DataFrame(rows, columns=["stay_id", "subject_id", "split", "label", "probability"])


def test_the_score_is_that_of_validation_patients_alone(trial):
    given = []

    def fit(overlay, folder, table=None):
        given.append(overlay)
        (predictions() if table is None else table).to_parquet(folder / PREDICTIONS)

    found = trial(fit)

    inner = predictions().query("split == 'validation'")
    assert given == [{"m": {"rate": 0.01}}]
    assert (found["number"], found["parameters"]) == (3, PARAMETERS)
    assert found["state"] == "complete"
    assert found["auroc"] == pytest.approx(roc_auc_score(inner["label"], inner["probability"]))
    assert found["auroc_low"] < found["auroc"] < found["auroc_high"]
    assert found["fitted_on"] == fitted_on(tuning=inner["subject_id"])
    for other in (predictions(test_label=1), predictions(tested=0)):
        assert trial(lambda overlay, folder, t=other: fit(overlay, folder, t)) == found


def test_what_diverges_is_recorded_without_a_score(trial, tmp_path):
    def fit(overlay, folder):
        raise DivergenceError("the loss is not finite in pass 1")

    found = trial(fit)

    assert found == {"number": 3, "parameters": PARAMETERS, "state": "diverged"}
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("error", [MimicflowError("no patients"), ValueError("a mistake")])
def test_any_other_error_ends_the_job_and_what_it_can_go_on_with_stays(trial, tmp_path, error):
    def fail(overlay, folder):
        (folder / ".model.resume.pth").touch()
        raise error

    with pytest.raises(type(error)):
        trial(fail)
    assert not (tmp_path / "trial_3.json").exists()

    def go_on(overlay, folder):
        assert (folder / ".model.resume.pth").exists()
        predictions().to_parquet(folder / PREDICTIONS)

    assert trial(go_on)["state"] == "complete"
    assert not list(tmp_path.glob(".*"))


def test_only_the_first_of_several_processes_writes(trial, tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "1")

    with pytest.raises(FileNotFoundError):
        trial(lambda overlay, folder: None)
    assert not (tmp_path / "trial_3.json").exists()


def test_a_trial_that_nobody_suggested_is_an_error(trial):
    with pytest.raises(InputError, match="has no trial 7"):
        trial(lambda overlay, folder: None, number=7)


@pytest.mark.parametrize("content", ["{", "[]", '{"number": 1}'])
def test_a_file_that_is_no_trial_is_an_error(tmp_path, content):
    (tmp_path / "trial_1.json").write_text(content)

    with pytest.raises(InputError, match=r"trial_1.json"):
        read_trials([tmp_path / "trial_1.json"])
