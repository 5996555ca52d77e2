"""Trials of admission: no test patient has a part in what is chosen."""

import dataclasses
import json

import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from mimicflow.admission.inputs import InputOptions
from mimicflow.admission.tuning import try_baseline, try_model
from mimicflow.learning.devices import Machine
from mimicflow.learning.splits import keep_inner_patients

from .conftest import ENCODER, MODEL
from .test_baselines import OPTIONS
from .test_baselines import hospital as tables

LEAF = "baselines.random_forest.min_samples_leaf"
DROPOUT = "models.all_stays_model.dropout"


@pytest.fixture
def suggested(tmp_path):
    """Return a function of settings: the arguments of a trial that has them."""

    def write(parameters):
        file = tmp_path / "round_0.json"
        file.write_text(json.dumps({"trials": [{"number": 0, "parameters": parameters}]}))
        return {"suggested": file, "output": tmp_path / "trial_0.json"}

    return write


@pytest.fixture
def forest(tmp_path, suggested):
    """Return a function of settings and a change of the spine: the trial that they become."""

    def run(parameters, change=lambda spine: spine):
        stays, _ = tables(tmp_path)
        change(stays).to_parquet(tmp_path / "changed.parquet")
        keep_inner_patients(tmp_path / "changed.parquet", tmp_path / "spine.parquet")
        files = suggested(parameters)
        try_baseline(
            "random_forest", 0, options=OPTIONS["random_forest"], seed=0, subset="all",
            final_ecgs=tmp_path / "final_ecgs.parquet", spine=tmp_path / "spine.parquet", **files,
        )  # fmt: skip
        return json.loads(files["output"].read_text())

    return run


def flipped(spine):
    tested = spine["split"] == "test"
    return spine.assign(label=spine["label"].where(~tested, 1 - spine["label"]))


def test_test_patients_with_other_outcomes_or_none_change_no_bit_of_a_trial(forest):
    found = forest({LEAF: 5})

    assert found["state"] == "complete"
    assert forest({LEAF: 5}, flipped) == found
    assert forest({LEAF: 5}, lambda spine: spine[spine["split"] != "test"]) == found
    assert forest({LEAF: 40})["auroc"] != found["auroc"]


def test_a_trial_of_a_network_without_changes_is_the_network_itself(
    hospital, fitted, suggested, tmp_path
):
    """Trained without test patients, it has the validation patients' score of the one with them."""
    inner = tmp_path / "spine.parquet"
    keep_inner_patients(hospital.files.spine, inner)
    assert set(pd.read_parquet(inner)["split"]) == {"train", "validation"}

    def run(parameters):
        files = suggested(parameters)
        try_model(
            "all_stays_model", 0, model=MODEL, encoder=ENCODER, options=InputOptions(),
            threshold=0.5, inputs=dataclasses.replace(hospital.files, spine=inner),
            pretrained=hospital.pretrained, store=hospital.store, seed=0, machine=Machine(),
            **files,
        )  # fmt: skip
        return json.loads(files["output"].read_text())

    itself = pd.read_parquet(fitted.predictions).query("split == 'validation'")
    found = run({DROPOUT: MODEL["dropout"]})

    area = roc_auc_score(itself["label"], itself["probability"])
    assert found["auroc"] == pytest.approx(area, rel=1e-12)
    assert not list(tmp_path.glob(".*"))
    assert run({"models.all_stays_model.learning_rate.head": 1e38})["state"] == "diverged"
