"""Calibration at every horizon: corrected out of fold, judged on held-out epochs."""

from __future__ import annotations

import made_arrest_predictions as made
import numpy as np
import pandas as pd
import pytest

from mimicflow.arrest.results.calibration import HORIZON_COLUMNS, calibrate_horizons
from mimicflow.evaluation.statistics.recalibration import apply_beta, fit_beta
from mimicflow.evaluation.study import Study

OPTIONS = {"horizons_h": [24, 18, 12, 6, 3, 1]}


def calibrated(folder, table, options=OPTIONS, study=None):
    path = made.write(folder, {"hrv": table})["hrv"]
    output = folder / "calibration.csv"
    study = study or Study(synthetic=True)
    calibrate_horizons(path, options, output, folder / "calibration.png", study, model="hrv")
    return pd.read_csv(output)


@pytest.fixture(scope="module")
def table():
    # Too sure at the primary horizon, so that a correction has something to do.
    found = made.predictions(stays=120, events=50)
    return found.assign(probability=found["probability"] ** 0.5)


def test_the_bins_of_each_horizon_count_its_own_events(tmp_path, table, texts):
    found = calibrated(tmp_path, table)

    assert list(found.columns) == HORIZON_COLUMNS
    test = table[table["split"] == "test"]
    for (hours, _), bins in found.groupby(["horizon_h", "recalibration"]):
        assert bins["n"].sum() == len(test)
        assert bins["events"].sum() == (test["hours_to_arrest"] <= hours).sum()
        assert bins["predicted"].is_monotonic_increasing
    assert found.groupby("horizon_h")["recalibration"].unique().map(list).to_list() == [
        ["none", "beta"]
    ] * len(OPTIONS["horizons_h"])
    for hours in OPTIONS["horizons_h"]:
        events = (test["hours_to_arrest"] <= hours).sum()
        assert f"Within {hours} h\n{events:,} events" in texts


def test_the_correction_is_fitted_out_of_fold_for_the_horizon(tmp_path, table):
    found = calibrated(tmp_path, table)
    validation, test = (table[table["split"] == split] for split in ("validation", "test"))
    coefficients = fit_beta(validation["probability"], validation["hours_to_arrest"] <= 6)

    at_six = found[found["horizon_h"] == 6]
    mean = (at_six["n"] * at_six["predicted"]).groupby(at_six["recalibration"]).sum() / len(test)
    assert mean["none"] == pytest.approx(test["probability"].mean())
    assert mean["beta"] == pytest.approx(apply_beta(test["probability"], coefficients).mean())
    share = (test["hours_to_arrest"] <= 6).mean()
    assert abs(mean["beta"] - share) < 0.02 < mean["none"] - share


def test_outcomes_of_held_out_epochs_have_no_part_in_the_correction(tmp_path, table):
    later = table["hours_to_arrest"].where(table["split"] != "test", table["hours_to_arrest"] / 2)
    first, other = (
        calibrated(tmp_path, table),
        calibrated(tmp_path, table.assign(hours_to_arrest=later)),
    )

    assert not first["events"].equals(other["events"])
    assert first["predicted"].equals(other["predicted"])


def test_a_horizon_without_events_out_of_fold_is_not_corrected(tmp_path, table, texts):
    far = (table["split"] == "validation") & (table["hours_to_arrest"] <= 1)
    found = calibrated(tmp_path, table[~far], {"horizons_h": [24, 1]})

    assert list(found.loc[found["horizon_h"] == 1, "recalibration"].unique()) == ["none"]
    assert "too few patients\nto be shown" in texts


def test_bins_of_few_real_patients_are_joined(tmp_path, table):
    found = calibrated(tmp_path, table, study=Study())

    shown = table[(table["split"] == "test") & (table["hours_to_arrest"] <= 6)]
    assert shown["subject_id"].nunique() >= 10
    assert 0 < (found["horizon_h"] == 6).sum() < 20
    assert (found["events"] >= 10).all() and (found["patients"] >= 10).all()
    assert np.isfinite(found["low"]).all()
    assert calibrated(tmp_path, table, study=Study(smallest=1000)).empty
