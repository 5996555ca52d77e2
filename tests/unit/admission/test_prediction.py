from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from mimicflow.admission.drugs import hash_of
from mimicflow.admission.inputs import RAW_VITALS
from mimicflow.admission.prediction import Predictor, load_predictor
from mimicflow.admission.training import OutputFiles
from mimicflow.ecg.store import WaveformStore
from mimicflow.errors import CheckpointError, InputError


def raw_inputs(hospital: Any, stay_ids: list[int]) -> dict[str, Any]:
    """What a ward would hold for some stays, made from the tables without the package."""
    files = hospital.files
    store = WaveformStore(*hospital.store)
    ecgs = pd.read_parquet(files.cohort_ecgs).sort_values(["stay_id", "position"])
    vitals = pd.read_parquet(files.vitals).sort_values(["stay_id", "source"])
    spine = pd.read_parquet(files.spine).set_index("stay_id")
    static = pd.read_parquet(files.final_ecgs).set_index("stay_id").loc[stay_ids].reset_index()
    inputs: dict[str, Any] = {"ecgs": [], "hours": [], "vitals": [], "static": static}
    for stay_id in stay_ids:
        of_stay = ecgs[ecgs["stay_id"] == stay_id]
        inputs["ecgs"].append(store.read(of_stay["study_id"].to_numpy())[0])
        inputs["hours"].append(of_stay["hours_before"].to_numpy())
        rows = vitals[vitals["stay_id"] == stay_id].copy()
        times = rows["charttime"].fillna(spine.loc[stay_id, "intime"])
        until = spine.loc[stay_id, "prediction_time"] - times
        rows["hours"] = until / pd.Timedelta(hours=1)
        inputs["vitals"].append(rows[list(RAW_VITALS)])
    return inputs


@pytest.fixture(scope="module")
def predictor(fitted: OutputFiles) -> Predictor:
    return load_predictor(fitted.weights)


def test_raw_data_give_the_probabilities_of_training_time(
    hospital: Any, fitted: OutputFiles, predictor: Predictor
) -> None:
    stored = pd.read_parquet(fitted.predictions)

    probabilities = predictor.predict(**raw_inputs(hospital, stored["stay_id"].tolist()))

    np.testing.assert_allclose(probabilities, stored["probability"], atol=1e-6)
    assert stored["probability"].std() > 0.01


def test_one_stay_alone_is_predicted_as_among_others(hospital: Any, predictor: Predictor) -> None:
    stays = [30_064, 30_061, 30_066]  # of three, one and two ECGs
    together = predictor.predict(**raw_inputs(hospital, stays))
    alone = [predictor.predict(**raw_inputs(hospital, [stay]))[0] for stay in stays]
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_the_order_of_the_ecgs_matters(hospital: Any, predictor: Predictor) -> None:
    inputs = raw_inputs(hospital, [30_064])
    forwards = predictor.predict(**inputs)
    inputs["ecgs"] = [ecgs[::-1] for ecgs in inputs["ecgs"]]
    assert predictor.predict(**inputs)[0] != forwards[0]


def test_it_says_what_is_missing(hospital: Any, predictor: Predictor) -> None:
    inputs = raw_inputs(hospital, [30_064])
    with pytest.raises(InputError, match="needs vitals"):
        predictor.predict(**inputs | {"vitals": None})
    with pytest.raises(InputError, match="needs hours"):
        predictor.predict(**inputs | {"hours": None})
    with pytest.raises(InputError, match="different number"):
        predictor.predict(**inputs | {"hours": [[0.0]]})
    with pytest.raises(InputError, match="static features are missing: age"):
        predictor.predict(**inputs | {"static": inputs["static"].drop(columns="age")})


def test_a_pretrained_encoder_is_not_a_predictor(hospital: Any) -> None:
    with pytest.raises(CheckpointError, match="not 'admission model'"):
        load_predictor(hospital.pretrained)


def test_the_file_says_how_waveforms_must_be_made(predictor: Predictor) -> None:
    assert predictor.signal == {"sampling_rate": 100, "cleaning": "neurokit", "powerline": 60}
    assert predictor.threshold == 0.5


def test_the_file_holds_the_dictionary_that_its_features_were_made_with(
    hospital: Any, fitted: OutputFiles, predictor: Predictor
) -> None:
    dictionary = pd.read_parquet(hospital.files.gsn_etc)
    pd.testing.assert_frame_equal(predictor.dictionary, dictionary)
    assert predictor.dictionary.attrs == dictionary.attrs
    found = yaml.safe_load(Path(fitted.config).read_text())["drug_dictionary"]
    assert found == dictionary.attrs["drug_dictionary"] == hash_of(dictionary)


def test_features_of_another_dictionary_are_refused_and_of_an_unknown_one_reported(
    hospital: Any, predictor: Predictor, caplog: pytest.LogCaptureFixture
) -> None:
    inputs = raw_inputs(hospital, [30_064])
    inputs["static"].attrs = {"drug_dictionary": "0" * 64}
    with pytest.raises(InputError, match="drug classes are of dictionary 000000000000"):
        predictor.predict(**inputs)
    inputs["static"].attrs = {}
    predictor.predict(**inputs)
    assert "do not say by which dictionary" in caplog.text


def test_training_refuses_features_of_another_dictionary(hospital: Any, tmp_path: Path) -> None:
    other = pd.DataFrame({"gsn": ["1"], "etccode": ["2"], "etcdescription": [None]})
    other.attrs["drug_dictionary"] = hash_of(other)
    changed = hospital.with_table("gsn_etc", other, tmp_path)
    with pytest.raises(InputError, match="the model knows"):
        changed.train(tmp_path)


def test_a_changed_dictionary_is_not_the_one_that_its_hash_names(
    hospital: Any, tmp_path: Path
) -> None:
    changed = pd.read_parquet(hospital.files.gsn_etc).assign(etccode="00009999")
    with pytest.raises(InputError, match="not the one that its hash names"):
        hospital.with_table("gsn_etc", changed, tmp_path).train(tmp_path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        load_predictor(tmp_path / "none.pth")
