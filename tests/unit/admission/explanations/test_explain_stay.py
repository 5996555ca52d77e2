"""What adds to the prediction of one stay: complete, measured values, refused for strangers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mimicflow.admission.explanations.attribution import explained_model
from mimicflow.admission.explanations.explain_stay import explain_stay
from mimicflow.admission.inputs import InputOptions
from mimicflow.errors import InputError
from mimicflow.evaluation.study import Study


def run(hospital, fitted, folder, stay_id):
    explain_stay(
        stay_id, fitted.weights, hospital.files, InputOptions(), hospital.store,
        folder / "stay.csv", folder / "stay.png", Study(synthetic=True), threads=1, steps=64,
    )  # fmt: skip
    return pd.read_csv(folder / "stay.csv")


@pytest.fixture(scope="module")
def explained(hospital, fitted):
    files, options = hospital.files, InputOptions()
    with explained_model(fitted.weights, files, options, hospital.store, 0, 1, 64) as explained:
        yield explained


def test_features_and_ecgs_of_one_stay_add_up_and_are_as_measured(
    hospital, fitted, explained, tmp_path
):
    data = explained.data
    row = int(data.rows("test")[int((data.ecg_index[data.rows("test")] >= 0).sum(1).argmax())])
    stay_id = int(data.stays["stay_id"].iloc[row])

    table = run(hospital, fitted, tmp_path, stay_id)

    assert list(table) == ["feature", "group", "value", "log_odds", "rank"]
    assert table["log_odds"].abs().is_monotonic_decreasing
    features = table[table["group"] != "ecg"].set_index("feature")
    assert len(features) == 354
    np.testing.assert_allclose(
        features["log_odds"].sum(), explained.static(np.array([row])).sum(), atol=1e-4
    )
    measured = pd.read_parquet(hospital.files.final_ecgs).set_index("stay_id").loc[stay_id]
    np.testing.assert_allclose(
        features["value"], measured[features.index].to_numpy(dtype=float), rtol=1e-6
    )
    ecgs = table[table["group"] == "ecg"].set_index("feature")["log_odds"]
    _, _, attributions = explained.ecgs(row)
    assert len(ecgs) == len(attributions) > 1
    for number, of_one in enumerate(attributions, 1):
        assert ecgs[f"ecg_{number}"] == pytest.approx(of_one.sum(), abs=1e-4)
    assert (tmp_path / "stay.png").stat().st_size > 10_000


def test_a_stay_that_the_model_does_not_know_is_refused(hospital, fitted, tmp_path):
    with pytest.raises(InputError, match="stay 5 is not in the cohort of the model"):
        run(hospital, fitted, tmp_path, 5)
    assert not list(tmp_path.iterdir())
