"""What the network sees of a stay, worked out by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from mimicflow.admission.inputs import (
    HIGHEST_HOURS,
    HIGHEST_Z,
    RAW_VITALS,
    AdmissionInputs,
    InputOptions,
    Preprocessor,
)
from mimicflow.admission.model import ModelConfig
from mimicflow.concepts import static_features
from mimicflow.errors import CohortError, InputError
from mimicflow.learning.configs import parse

from .conftest import MODEL  # type: ignore[import-not-found]

CONFIG = parse(ModelConfig, MODEL, "model")


@pytest.fixture(scope="module")
def data(hospital: Any) -> AdmissionInputs:
    return AdmissionInputs(hospital.files, CONFIG, InputOptions())


def test_354_static_inputs_in_the_order_of_the_reference(data: AdmissionInputs) -> None:
    assert data.static.shape == (72, 354)
    assert data.preprocessor.features == static_features()["name"].tolist()
    training = data.static[data.rows("train")].numpy()
    age = data.preprocessor.features.index("age")
    assert training[:, age].mean() == pytest.approx(0, abs=1e-6)
    assert training[:, age].std(ddof=1) == pytest.approx(1, abs=1e-6)


def test_missing_laboratory_values_are_the_training_mean(
    hospital: Any, data: AdmissionInputs
) -> None:
    missing = pd.read_parquet(hospital.files.final_ecgs)["crp_peak"].isna().to_numpy()
    column = data.static[:, data.preprocessor.features.index("crp_peak")].numpy()
    assert (column[missing] == 0).all() and (column[~missing] != 0).all()


def test_missing_acuity_is_the_median(hospital: Any, data: AdmissionInputs) -> None:
    raw = pd.read_parquet(hospital.files.final_ecgs)["acuity"]
    column = data.static[:, data.preprocessor.features.index("acuity")].numpy()
    like_median = raw == data.preprocessor.acuity_median
    assert set(column[raw.isna()]) == set(column[like_median])


def test_the_17_values_of_a_vital_sign_row(data: AdmissionInputs) -> None:
    preprocessor = data.preprocessor
    mean = preprocessor.vitals_scaler.mean
    sd = preprocessor.vitals_scaler.sd
    row = [-0.5, *mean[:4], np.nan, mean[5] + 2 * sd[5], mean[6], 1, 0, 1]
    values = preprocessor.vitals(np.array([row]))[0]
    assert values.shape == (17,)
    np.testing.assert_allclose(values[[0, 1, 2, 3, 4, 6]], [0, 0, 0, 0, 0, 2], atol=1e-5)
    assert np.isfinite(values[5]), "imputed"
    assert values[7:].tolist() == [0, 1, 0, 1, 1, 1, 1, 1, 0, 1]


def test_the_triage_row_counts_from_arrival(hospital: Any, data: AdmissionInputs) -> None:
    # Stay 30003 has four rows: triage on arrival, then after 40, 60 and 80 of 120 minutes.
    hours = data.vitals[3, :, 0]
    np.testing.assert_allclose(hours[:4], [2, 80 / 60, 1, 40 / 60], rtol=1e-6)
    assert data.n_vitals[3] == 4 and (data.vitals[3, 4:] == 0).all()


def test_no_odd_time_reaches_the_network(
    hospital: Any, data: AdmissionInputs, tmp_path: Path
) -> None:
    year = pd.Timedelta(days=365)
    vitals = pd.read_parquet(hospital.files.vitals)
    vitals["charttime"] = vitals["charttime"].where(vitals["stay_id"] != 30003) - year
    ecgs = pd.read_parquet(hospital.files.cohort_ecgs)
    ecgs.loc[(ecgs["stay_id"] == 30005) & (ecgs["position"] == 1), "hours_before"] = 8760.0
    files = hospital.with_table("vitals", vitals, tmp_path)
    files = files.with_table("cohort_ecgs", ecgs, tmp_path).files
    again = AdmissionInputs(files, CONFIG, InputOptions())
    assert again.vitals[..., 0].max() == HIGHEST_HOURS
    assert again.hours[5].tolist() == [HIGHEST_HOURS, 0.5, 0.0]


def test_only_the_last_rows_are_used(hospital: Any) -> None:
    data = AdmissionInputs(hospital.files, CONFIG, InputOptions(max_rows=2))
    np.testing.assert_allclose(data.vitals[3, :, 0], [1, 40 / 60], rtol=1e-6)


def test_ecgs_are_placed_oldest_first(hospital: Any, data: AdmissionInputs) -> None:
    ecgs = pd.read_parquet(hospital.files.cohort_ecgs).query("stay_id == 30005")
    placed = data.ecg_index[5]
    assert data.study_ids[placed].tolist() == ecgs["study_id"].tolist()
    assert data.hours[5].tolist() == [1.0, 0.5, 0.0]


def test_ecgs_without_a_waveform_are_skipped(hospital: Any, tmp_path: Path) -> None:
    """Those of the published cohort, of which the last one may be such (row 44)."""
    ecgs = pd.read_parquet(hospital.files.cohort_ecgs)
    of_stay = ecgs["stay_id"] == 30005
    first, middle, last = ecgs.loc[of_stay, "study_id"]
    ecgs.loc[of_stay & (ecgs["position"] > 1), "readable"] = False
    files = hospital.with_table("cohort_ecgs", ecgs, tmp_path).files
    data = AdmissionInputs(files, CONFIG, InputOptions())
    assert not {middle, last} & set(data.study_ids)
    assert data.ecg_index[5].tolist() == [data.study_ids.tolist().index(first), -1, -1]
    assert data.hours[5].tolist() == [1.0, 0.0, 0.0]  # before the ECG that is not seen
    assert data.batch(np.array([5]), lambda rows: torch.zeros(len(rows))).n_ecgs.tolist() == [1]


def test_each_distinct_ecg_of_a_batch_is_asked_for_once(data: AdmissionInputs) -> None:
    asked: list[np.ndarray] = []

    def ecgs(rows: np.ndarray) -> torch.Tensor:
        asked.append(rows)
        return torch.from_numpy(rows).float()

    batch = data.batch(np.array([5, 0, 5]), ecgs)
    assert len(asked) == 1 and len(asked[0]) == 4
    assert batch.ecgs is not None and batch.ecg_index is not None
    real = batch.ecg_index >= 0
    found = batch.ecgs[batch.ecg_index[real]].long()
    assert torch.equal(found, data.ecg_index[[5, 0, 5]][real])


def test_the_order_of_the_rows_in_the_tables_is_of_no_account(
    hospital: Any, data: AdmissionInputs, tmp_path: Path
) -> None:
    shuffled = hospital
    for name, path in vars(hospital.files).items():
        frame = pd.read_parquet(path).sample(frac=1, random_state=3)
        shuffled = shuffled.with_table(name, frame, tmp_path)
    again = AdmissionInputs(shuffled.files, CONFIG, InputOptions())
    for name in ("static", "vitals", "n_vitals", "ecg_index", "hours", "labels"):
        torch.testing.assert_close(getattr(again, name), getattr(data, name), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("outliers", "highest"), [("limited", HIGHEST_Z), ("kept", 1e8)])
def test_a_constant_column_cannot_outweigh_all_others_but_as_published(
    outliers: Any, highest: float
) -> None:
    reference = static_features()
    static = pd.DataFrame(1.0, index=range(3), columns=reference["name"])
    vitals = np.ones((3, len(RAW_VITALS)))
    training = np.ones(3, dtype=bool)
    options = InputOptions(outliers=outliers)
    fitted = Preprocessor.fit(static, training, vitals, training, options)
    fitted = Preprocessor.from_state(fitted.state())
    assert (fitted.static_scaler.sd == 1e-8).all()
    later = fitted.static(static.assign(age=2.0))
    assert later.max() == highest


@pytest.mark.parametrize(("feature", "value"), [("lact_peak", 1276103.0), ("pre_los", 8736.0)])
@pytest.mark.parametrize(("outliers", "moved"), [("limited", False), ("kept", True)])
def test_an_absurd_value_of_one_stay_moves_no_other_stay(
    hospital: Any, data: AdmissionInputs, tmp_path: Path, outliers: Any, moved: bool,
    feature: str, value: float,
) -> None:  # fmt: skip
    static = pd.read_parquet(hospital.files.final_ecgs)
    stay = data.stays.loc[data.stays["split"] == "train", "stay_id"].iloc[0]
    static.loc[static["stay_id"] == stay, feature] = value
    soiled = AdmissionInputs(
        hospital.with_table("final_ecgs", static, tmp_path).files,
        CONFIG,
        InputOptions(outliers=outliers),
    )
    column = soiled.preprocessor.features.index(feature)
    others = torch.from_numpy((data.stays["stay_id"] != stay).to_numpy())
    measured = others & (data.static[:, column] != 0)
    ratio = soiled.static[measured, column].std() / data.static[measured, column].std()
    assert (ratio < 0.1) == moved
    if not moved:
        assert ratio > 0.4


@pytest.mark.parametrize("column", ["age", "missing_acuity"])
def test_only_laboratory_values_and_acuity_may_be_missing(
    hospital: Any, tmp_path: Path, column: str
) -> None:
    static = pd.read_parquet(hospital.files.final_ecgs).astype({column: float})
    static.loc[5, column] = np.nan
    with pytest.raises(InputError, match=f"'{column}' is missing"):
        AdmissionInputs(
            hospital.with_table("final_ecgs", static, tmp_path).files, CONFIG, InputOptions()
        )


@pytest.mark.parametrize(
    ("table", "message"),
    [("cohort_ecgs", "1 stays without an ECG"), ("vitals", "1 stays have no vital-sign row")],
)
def test_a_stay_without_rows(hospital: Any, tmp_path: Path, table: str, message: str) -> None:
    frame = pd.read_parquet(getattr(hospital.files, table)).query("stay_id != 30005")
    with pytest.raises(CohortError, match=message):
        AdmissionInputs(hospital.with_table(table, frame, tmp_path).files, CONFIG, InputOptions())
