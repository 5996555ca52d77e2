import pandas as pd
import pytest

from mimicflow.errors import CheckpointError, InputError
from mimicflow.learning.checkpoints import save_checkpoint
from mimicflow.mortality.embedding import load_embedding, read_visits, save_embedding
from mimicflow.mortality.predict import load_predictor

from . import test_baselines, test_train


@pytest.fixture(scope="module")
def models(made, tmp_path_factory):
    files = {"gru": test_train.run(made, tmp_path_factory.mktemp("gru"), seeds=1)}
    for name in test_baselines.OPTIONS:
        files[name] = test_baselines.run(name, made, tmp_path_factory.mktemp(name), seeds=1)
    return files


def codes_of(made, stay_ids):
    visits = read_visits(made.visits).to_pandas()
    return [visits.loc[visits["stay_id"] == stay, "codes"].map(list).tolist() for stay in stay_ids]


@pytest.mark.parametrize("name", ["gru", "logistic_regression", "lightgbm"])
def test_predictions_from_codes_are_those_of_the_predictions_file(made, models, name):
    expected = pd.read_parquet(models[name].predictions)
    stays = pd.read_parquet(made.spine).set_index("stay_id").loc[expected["stay_id"]]
    visits = codes_of(made, expected["stay_id"])
    patients = pd.DataFrame(
        {
            "age": stays["age"].to_numpy(float),
            "male": (stays["gender"] == "M").to_numpy(float),
            "n_visits": [float(len(of_patient)) for of_patient in visits],
        }
    )

    predictor = load_predictor(models[name].model, made.embedding)

    found = predictor.predict(visits, patients if name == "lightgbm" else None)
    assert found == pytest.approx(expected["probability"].to_numpy(), abs=1e-6)


def test_unknown_codes_and_empty_visits_are_no_error(made, models):
    predictor = load_predictor(models["gru"].model, made.embedding)

    found = predictor.predict([[["DRUG:never seen"]], [[]]])

    assert found[0] == found[1]
    assert 0 < found[0] < 1


@pytest.mark.parametrize("visits", [[], [[["ICD10:I10"]], []]])
def test_a_patient_without_a_visit_is_told(made, models, visits):
    with pytest.raises(InputError, match="without a visit"):
        load_predictor(models["gru"].model, made.embedding).predict(visits)


def test_lightgbm_asks_for_what_it_needs(made, models):
    with pytest.raises(InputError, match="age, male, n_visits"):
        load_predictor(models["lightgbm"].model, made.embedding).predict([[["ICD10:I10"]]])


@pytest.mark.parametrize("name", ["gru", "lightgbm"])
def test_another_embedding_is_refused(made, models, tmp_path, name):
    other = load_embedding(made.embedding)
    other.vectors = other.vectors[::-1].copy()
    save_embedding(other, tmp_path / "other.kv")

    with pytest.raises(CheckpointError, match=r"another embedding than .*other\.kv") as error:
        load_predictor(models[name].model, tmp_path / "other.kv")
    assert "med2vec.kv of the same protocol" in str(error.value)


def test_a_model_of_another_kind_is_refused(made, tmp_path):
    save_checkpoint("admission model", {}, tmp_path / "model.pth")
    with pytest.raises(CheckpointError, match="admission model"):
        load_predictor(tmp_path / "model.pth", made.embedding)
