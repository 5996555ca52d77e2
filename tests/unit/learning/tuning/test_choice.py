"""The best trial is chosen, and its keys are an overlay that the configuration takes."""

import json

import numpy as np
import pandas as pd
import pytest

from mimicflow.errors import DivergenceError
from mimicflow.evaluation.study import Study
from mimicflow.learning.tuning.choice import choose_trial
from mimicflow.running.configuration import read_config, read_overlay

RATE, UNITS = "models.all_stays_model.learning_rate.head", "models.all_stays_model.gru_hidden"
SPACE = {RATE: {"low": 1e-5, "high": 1e-2, "log": True}, UNITS: {"choices": [64, 256]}}
OWN = {RATE: 3e-4, UNITS: 128}


def trial(number, auroc, rate=1e-3, units=64):
    found = {"number": number, "parameters": {RATE: rate, UNITS: units}, "state": "diverged"}
    if auroc is not None:
        found |= {"state": "complete", "auroc": auroc}
    if auroc is not None and number:  # of few patients there are no bounds
        found |= {"auroc_low": auroc - 0.05, "auroc_high": auroc + 0.05}
    return found


TRIALS = [
    trial(0, 0.80, 3e-4, 128), trial(1, 0.84, 2e-5), trial(2, None, 1e-2, 256), trial(3, 0.84),
    trial(4, 0.79, 5e-4), trial(5, 0.83),
]  # fmt: skip


@pytest.fixture
def chosen(tmp_path):
    """Return a function of trials: the table and the overlay."""

    def choose(trials, study=None):
        files = [tmp_path / f"trial_{of['number']}.json" for of in trials]
        for file, of in zip(files, trials, strict=True):
            file.write_text(json.dumps(of))
        names = {"table": "trials.csv", "best": "best.yaml", "figure": "tuning.png"}
        outputs = {name: tmp_path / file for name, file in names.items()}
        choose_trial(
            "all_stays_model", files[::-1], of_round=2, space=SPACE, own=OWN,
            study=study or Study(synthetic=True), **outputs,
        )  # fmt: skip
        return pd.read_csv(outputs["table"]), outputs["best"]

    return choose


def test_the_first_of_the_best_is_chosen(chosen):
    table, best = chosen(TRIALS)

    assert table["number"].tolist() == [0, 1, 2, 3, 4, 5]
    assert table["round"].tolist() == [0, 0, 1, 1, 2, 2]
    assert table.loc[table["chosen"], "number"].tolist() == [1]
    assert table["state"].tolist().count("diverged") == table["auroc"].isna().sum() == 1
    assert table[RATE].tolist() == [of["parameters"][RATE] for of in TRIALS]
    assert set(table["data"]) == {"synthetic"}
    assert best.read_text().startswith("# Trial 1 of trials.csv, on validation patients the best")
    said = "0.840 (0.790–0.890); of the configuration itself 0.800 (no interval)"
    assert said in best.read_text(encoding="utf-8")


def test_the_overlay_has_the_keys_of_the_trial_and_no_others(chosen, repository):
    _, best = chosen(TRIALS)

    assert read_overlay(best) == {
        "models": {"all_stays_model": {"learning_rate": {"head": 2e-5}, "gru_hidden": 64}}
    }
    model = read_config(best, repository=repository)["models"]["all_stays_model"]
    assert (model["gru_hidden"], model["learning_rate"]["head"]) == (64, 2e-5)
    assert model["dropout"] == 0.3


def test_a_key_that_the_configuration_leaves_to_the_library_has_no_value_in_its_trial(chosen):
    first = {"number": 0, "parameters": {UNITS: 128}, "state": "complete", "auroc": 0.9}

    table, best = chosen([first, *TRIALS[1:]])

    assert np.isnan(table.loc[0, RATE])
    assert read_overlay(best) == {"models": {"all_stays_model": {"gru_hidden": 128}}}


def test_scores_of_real_patients_do_not_say_of_how_many_pairs_they_are(chosen):
    scored = {**trial(1, 0.7777777777), "number": 0}

    assert chosen([scored], Study())[0].loc[0, "auroc"] == 0.778
    assert chosen([scored], Study(synthetic=True))[0].loc[0, "auroc"] == 0.7777777777


def test_where_all_diverge_nothing_is_chosen(chosen):
    with pytest.raises(DivergenceError, match="all 2 trials of all_stays_model diverged"):
        chosen([trial(0, None), trial(1, None)])


@pytest.mark.parametrize("synthetic", [True, False])
def test_the_figure_shows_every_key_and_what_the_patients_are(chosen, tmp_path, texts, synthetic):
    chosen(TRIALS, Study(synthetic=synthetic))

    shown = " ".join(texts).replace("\N{ZERO WIDTH SPACE}", "")
    assert RATE in shown and UNITS in shown and "diverged" in shown
    assert ("SYNTHETIC" in shown) is synthetic
    once = (tmp_path / "tuning.png").read_bytes()
    chosen(TRIALS, Study(synthetic=synthetic))
    assert (tmp_path / "tuning.png").read_bytes() == once
