import pandas as pd
import pytest
from gensim.models import KeyedVectors

from mimicflow.errors import CheckpointError, InputError
from mimicflow.learning.checkpoints import save_checkpoint
from mimicflow.mortality.embedding import (
    load_embedding,
    read_visits,
    save_embedding,
    vocabulary_hash,
)
from mimicflow.mortality.prediction import load_predictor
from mimicflow.mortality.training import KIND

from . import test_baselines, test_training
from .conftest import READING


@pytest.fixture(scope="module")
def models(made, tmp_path_factory):
    files = {"gru": test_training.run(made, tmp_path_factory.mktemp("gru"), seeds=1)}
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


def test_an_empty_visit_is_no_error(made, models):
    [found] = load_predictor(models["gru"].model, made.embedding).predict([[[]]])

    assert 0 < found < 1


def test_unknown_codes_are_left_out_with_a_warning_that_gives_their_share(made, models):
    predictor = load_predictor(models["gru"].model, made.embedding)

    with pytest.warns(UserWarning, match=r"1 of 4 codes \(25\.0%\) are not in the embedding"):
        found = predictor.predict(
            [[["ICD10:I10", "DRUG:never seen"]], [["ICD10:I10", "ICD9:4019"]]]
        )

    assert found[0] == pytest.approx(predictor.predict([[["ICD10:I10"]]])[0], abs=1e-6)


def test_a_patient_none_of_whose_codes_are_known_is_reported(made, models):
    predictor = load_predictor(models["gru"].model, made.embedding)

    with pytest.raises(InputError, match="none of the 2 codes of patient 1") as error:
        predictor.predict([[["ICD10:I10"]], [["ICD9:0000"], ["DRUG:never seen"]]])
    assert "spelled as the model's" in str(error.value)


@pytest.mark.parametrize(
    "code", ["4280", "I10", "furosemide", "ICD:I10", "ICD11:I10", "ICD10:", ""]
)
def test_a_code_that_does_not_say_what_it_is_is_reported_with_the_form(made, models, code):
    predictor = load_predictor(models["gru"].model, made.embedding)

    with pytest.raises(InputError, match="not of the form") as error:
        predictor.predict([[["ICD10:I10", code]]])
    assert repr(code) in str(error.value)
    assert "ICD9:4280" in str(error.value)


@pytest.mark.parametrize("code", [4280, 428.0, float("nan"), None, ["ICD10:I10"], pd.NA])
def test_what_is_no_text_is_no_code(made, models, code):
    predictor = load_predictor(models["gru"].model, made.embedding)

    with pytest.raises(InputError, match="not of the form") as error:
        predictor.predict([[["ICD10:I10", code]]])
    assert "write the text ICD9:4280" in str(error.value)


@pytest.mark.parametrize("visits", [None, [None], [float("nan")], ["ICD10:I10"], "ICD10:I10"])
def test_what_is_no_list_is_no_visit(made, models, visits):
    with pytest.raises(InputError, match="is no list"):
        load_predictor(models["gru"].model, made.embedding).predict([[["ICD10:I10"]], visits])


def reread(made, models, folder, names=None, **reading):
    """The GRU, read otherwise, or with other names of its codes."""
    known = load_embedding(made.embedding)
    renamed = KeyedVectors(known.vector_size)
    renamed.add_vectors(names or known.index_to_key, known.vectors)
    save_embedding(renamed, folder / "other.kv")
    content = load_predictor(models["gru"].model, made.embedding).content
    content |= {
        "reading": {**READING, **reading},
        "vocabulary_hash": vocabulary_hash(load_embedding(folder / "other.kv")),
    }
    save_checkpoint(KIND, content, folder / "other.pth")
    return load_predictor(folder / "other.pth", folder / "other.kv")


def test_a_code_counts_as_often_as_in_training(made, models, tmp_path):
    """Also when it was written in two spellings."""
    once = load_predictor(models["gru"].model, made.embedding)
    counted = reread(made, models, tmp_path, repeated_codes="counted")
    plain, twice = [["ICD10:I10", "ICD9:4019"]], [["ICD10:I10", "ICD9:4019", "icd9:401.9"]]

    assert once.predict([twice]) == once.predict([plain]) == counted.predict([plain])
    assert counted.predict([twice]) != counted.predict([plain])


def test_the_latest_visits_are_read_as_many_as_in_training(made, models, tmp_path):
    predictor = load_predictor(models["gru"].model, made.embedding)
    visits = [["DRUG:norepinephrine"], *([["ICD10:I10"]] * 20)]

    assert predictor.predict([visits]) == predictor.predict([visits[1:]])
    more = reread(made, models, tmp_path, max_visits=21)
    assert more.predict([visits]) != predictor.predict([visits])


def test_one_odd_code_of_the_vocabulary_does_not_make_the_names_bare(made, models, tmp_path):
    names = [*load_embedding(made.embedding).index_to_key[:-1], "ICD11:BA00"]
    predictor = reread(made, models, tmp_path, names)

    assert len(predictor.predict([[["ICD9:4019"]]])) == 1
    with pytest.raises(InputError, match="not of the form"):
        predictor.predict([[["4019"]]])


def test_a_model_that_does_not_say_how_its_visits_were_read_is_refused(made, models, tmp_path):
    content = load_predictor(models["gru"].model, made.embedding).content
    save_checkpoint(
        KIND,
        {key: value for key, value in content.items() if key != "reading"},
        tmp_path / "old.pth",
    )
    with pytest.raises(CheckpointError, match="how its visits were read"):
        load_predictor(tmp_path / "old.pth", made.embedding)


def test_a_model_of_bare_names_wants_them_bare(made, models, tmp_path):
    names = [code.partition(":")[2] for code in load_embedding(made.embedding).index_to_key]
    predictor = reread(made, models, tmp_path, names, code_names="bare")

    assert len(predictor.predict([[["I10", "heparin"]]])) == 1
    with pytest.raises(InputError, match="'ICD10:I10' is not of the form") as error:
        predictor.predict([[["ICD10:I10"]]])
    assert "names are bare" in str(error.value)


def test_dots_case_and_blanks_of_a_code_do_not_matter(made, models):
    predictor = load_predictor(models["gru"].model, made.embedding)

    asked = [["icd10: z51.89", "drug:\u00a0Heparin "]]
    assert predictor.predict([asked]) == predictor.predict([[["ICD10:Z5189", "DRUG:heparin"]]])


@pytest.mark.parametrize("visits", [[], [[["ICD10:I10"]], []]])
def test_a_patient_without_a_visit_is_reported(made, models, visits):
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
