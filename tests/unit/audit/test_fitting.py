"""Whatever was fitted on a tested patient is found by its own record, or by what is in it."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from gensim.models import KeyedVectors

from mimicflow.admission.inputs import InputOptions, Preprocessor
from mimicflow.admission.vitals import VITALS
from mimicflow.audit import fitting
from mimicflow.concepts import static_features
from mimicflow.learning.checkpoints import save_checkpoint
from mimicflow.learning.fitted_on import FITTED_ON, fitted_on, patients_of
from mimicflow.learning.preprocessing import Scaler
from mimicflow.mortality.embedding import save_embedding
from mimicflow.running.writing import write_npz

TRAINING, VALIDATION, TESTED = [1, 2, 3], [4], [5, 6]
SPINE = pd.DataFrame(
    {
        "stay_id": range(11, 17),
        "subject_id": TRAINING + VALIDATION + TESTED,
        "split": ["train"] * 3 + ["validation"] + ["test"] * 2,
        "n_ecg": [1, 2, 2, 2, 1, 2],
    }
)
SOUND = {"training": TRAINING, "stopping": VALIDATION, "imputer": TRAINING}


@pytest.fixture
def spine(tmp_path):
    SPINE.to_parquet(tmp_path / "spine.parquet")
    return tmp_path / "spine.parquet"


@pytest.fixture
def judged(tmp_path, spine):
    """Return a function: whether each thing that a model was fitted on passes."""

    def run(ending="pth", subset="all", **patients):
        record = {FITTED_ON: fitted_on(**patients)} if patients else {}
        path = tmp_path / f"model.{ending}"
        if ending == "pth":
            save_checkpoint("any", record, path)
        else:
            path.write_text(yaml.safe_dump(record) if ending == "yaml" else json.dumps(record))
        rows = fitting.models({"gru": (path, spine)}, {"gru": subset})
        return {row["what"].removeprefix("gru: "): row["passed"] for row in rows}

    return run


def test_a_set_of_patients_has_one_hash_whatever_their_order_and_stays():
    assert patients_of([3, 1, 2, 1]) == patients_of(np.array([1, 2, 3]))
    assert patients_of([1, 2, 3])["patients"] == 3
    assert patients_of([1, 23]) != patients_of([12, 3])


@pytest.mark.parametrize("ending", ["pth", "yaml", "json"])
def test_a_model_of_training_patients_passes(judged, ending):
    assert len(judged(ending, **SOUND)) == 3
    assert all(judged(ending, **SOUND).values())
    several = {"training": [2, 3], "stopping": VALIDATION}
    assert all(judged(ending, subset="multi", **several).values())


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        ({"training": [*TRAINING, 5]}, "weights or trees"),
        ({"training": [1, 2]}, "weights or trees"),
        ({"stopping": TESTED}, "pass that is kept"),
        ({"imputer": TRAINING + VALIDATION + TESTED}, "imputer"),
        ({"scales": [*TRAINING, 5]}, "scales"),
        ({"calibration": TESTED}, "calibration"),
        ({"threshold": [*TRAINING, 6]}, "threshold"),
    ],
)
def test_a_tested_patient_behind_any_part_of_a_model_is_found(judged, planted, said):
    [failed] = [what for what, passed in judged(**{**SOUND, **planted}).items() if not passed]

    assert said in failed


def test_a_model_that_does_not_say_whom_it_was_fitted_on_fails(judged):
    assert judged() == {"does not say whom it was fitted on": False}


def test_without_validation_patients_those_of_the_folds_stand_in(tmp_path):
    frame = SPINE.drop(columns="n_ecg").assign(split=["train"] * 4 + ["test"] * 2)
    frame.to_parquet(tmp_path / "spine.parquet")
    development = TRAINING + VALIDATION
    record = {FITTED_ON: fitted_on(training=development, calibration=development)}
    (tmp_path / "model.json").write_text(json.dumps(record))

    files = {"hrv": (tmp_path / "model.json", tmp_path / "spine.parquet")}
    assert all(row["passed"] for row in fitting.models(files, {}))


def test_a_patient_of_whom_no_epoch_is_kept_is_none_of_those_behind_a_model(tmp_path):
    SPINE.drop(columns="n_ecg").to_parquet(tmp_path / "spine.parquet")
    pd.DataFrame({"subject_id": [2, 2, 3, 4, 5]}).to_parquet(tmp_path / "features.parquet")
    (tmp_path / "model.json").write_text(json.dumps({FITTED_ON: fitted_on(selection=[2, 3])}))

    files = [tmp_path / name for name in ("model.json", "spine.parquet", "features.parquet")]
    assert [row["passed"] for row in fitting.models({"hrv": files}, {})] == [True]
    assert not next(fitting.models({"hrv": files[:2]}, {}))["passed"]


@pytest.mark.parametrize(
    ("learned", "passes"), [([1, 2, 3, 4, 9], True), ([1, 2, 3, 4, 5, 9], False)]
)
def test_the_encoder_has_learned_from_all_but_those_tested(tmp_path, spine, learned, passes):
    pd.DataFrame({"subject_id": [1, 2, 3, 4, 5, 6, 9]}).to_parquet(tmp_path / "targets.parquet")
    record = fitted_on(training=learned, stopping=[9])
    save_checkpoint("encoder", {FITTED_ON: record}, tmp_path / "encoder.pth")

    files = [tmp_path / "encoder.pth", tmp_path / "targets.parquet"]
    rows = list(fitting.encoder(*files, spine=spine))
    assert [row["passed"] for row in rows] == [passes, None]


def test_nobody_knows_who_taught_weights_of_ones_own(tmp_path, spine):
    content = {FITTED_ON: {}, "pretraining": {"source": "a friend"}}
    save_checkpoint("encoder", content, tmp_path / "encoder.pth")

    (row,) = fitting.encoder(tmp_path / "encoder.pth", spine=spine)

    assert row["passed"] is None and "(a friend), unknown" in row["what"]


@pytest.mark.parametrize(("entries", "strange"), [([("000001", "00000263")], 0),
                                                  ([("000002", "00005723")], 1),
                                                  ([("000003", "00005723")], 1)])  # fmt: skip
def test_an_entry_of_the_drug_dictionary_that_no_training_patient_has_is_found(
    tmp_path, spine, entries, strange
):
    medrecon = pd.DataFrame(
        {"subject_id": [1, 5, 4], "gsn": ["1", "2", "3"], "etccode": ["263", "5723", "5723"]}
    )
    medrecon.to_parquet(tmp_path / "medrecon.parquet")
    dictionary = pd.DataFrame(entries, columns=["gsn", "etccode"])
    dictionary.to_parquet(tmp_path / "gsn_etc.parquet")

    files = tmp_path / "gsn_etc.parquet", [tmp_path / "medrecon.parquet"], spine
    assert fitting.dictionary(*files)["number"] == strange


@pytest.mark.parametrize(("codes", "strange"), [(["ICD10:I10"], 0), (["ICD10:I10", "DRUG:x"], 1)])
def test_a_code_of_the_embedding_that_only_a_tested_patient_has_is_found(
    tmp_path, spine, codes, strange
):
    visits = pd.DataFrame(
        {"stay_id": [11, 12, 15], "position": 1, "codes": [["ICD10:I10"]] * 2 + [["DRUG:x"] * 9]}
    )
    visits.to_parquet(tmp_path / "visits.parquet")
    vectors = KeyedVectors(3)
    vectors.add_vectors(codes, np.ones((len(codes), 3), np.float32))
    save_embedding(vectors, tmp_path / "med2vec.kv")

    files = tmp_path / "med2vec.kv", [tmp_path / "visits.parquet"], spine
    assert fitting.embedding("audited", *files, min_count=2)["number"] == strange


@pytest.mark.parametrize(("codes", "strange"), [(["a", "b"], 0), (["b", "a"], 1)])
def test_an_embedding_in_the_order_of_what_others_have_is_found(tmp_path, spine, codes, strange):
    """Every code is one of training patients; which is the more frequent says whose visits."""
    visits = pd.DataFrame(
        {"stay_id": [11, 12, 15], "position": 1, "codes": [["a"], ["a", "b"], ["b"] * 9]}
    )
    visits.to_parquet(tmp_path / "visits.parquet")
    vectors = KeyedVectors(3)
    vectors.add_vectors(codes, np.ones((2, 3), np.float32))
    save_embedding(vectors, tmp_path / "med2vec.kv")

    files = tmp_path / "med2vec.kv", [tmp_path / "visits.parquet"], spine
    assert fitting.embedding("audited", *files, min_count=1)["number"] == strange


def preprocessor(static, readings, fitted):
    values = readings[["source", *VITALS, "pain"]].to_numpy(float)[fitted]
    every = np.ones(len(values), bool)
    return Preprocessor.fit(static[fitted], every, values, every, InputOptions())


@pytest.mark.parametrize(
    ("part", "columns_off"),
    [
        (None, (False, False)),
        ("static_scaler", (True, False)),
        ("vitals_scaler", (True, False)),
        ("imputer", (False, True)),
        ("acuity_median", (False, True)),
    ],
)
def test_what_scales_or_imputes_by_all_patients_is_found_whatever_the_model_says(
    tmp_path, spine, part, columns_off
):
    """The fault is in the fit itself, so that the record of the model does not show it."""
    draw = np.random.default_rng(0)
    names = static_features().query("kind == 'numeric'")["name"].tolist()
    static = pd.DataFrame(draw.normal(size=(6, len(names))), columns=names)
    static["stay_id"] = SPINE["stay_id"]
    readings = pd.DataFrame(draw.normal(size=(6, 7)), columns=[*VITALS, "pain"])
    readings = readings.assign(stay_id=SPINE["stay_id"], source=1)
    sound, leaky = (preprocessor(static, readings, slice(0, n)) for n in (3, 6))
    state = replace(sound, **{part: getattr(leaky, part)} if part else {}).state()
    content = {FITTED_ON: fitted_on(**SOUND), "preprocessor": state}
    save_checkpoint("any", content, tmp_path / "model.pth")
    paths = []
    for name, frame in (("static", static), ("vitals", readings)):
        paths.append(tmp_path / f"{name}.parquet")
        frame.to_parquet(paths[-1])

    of_model = {"gru": (tmp_path / "model.pth", spine)}
    assert all(row["passed"] for row in fitting.models(of_model, {"gru": "all"}))
    rows = fitting.scales(of_model, {"gru": "all"}, "shared", *paths)
    assert tuple(row["number"] > 0 for row in rows) == columns_off


@pytest.mark.parametrize(("n_fitted", "found"), [(3, 0), (6, 2)])
def test_a_bag_of_codes_that_is_scaled_by_all_patients_is_found(tmp_path, spine, n_fitted, found):
    vectors = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    arrays = {"stay_id": SPINE["stay_id"].to_numpy(), "start": np.arange(6),
              "n_visits": np.ones(6, int), "vectors": vectors,
              "vocabulary_hash": np.array("x")}  # fmt: skip
    write_npz(arrays, tmp_path / "sequences.npz")
    scaler = Scaler.fit(vectors[:n_fitted])
    save_checkpoint("any", {"fitted": {"scaler": scaler.state()}}, tmp_path / "model.pth")

    row = fitting.bag_scales("audited", tmp_path / "model.pth", spine, tmp_path / "sequences.npz")
    assert row["number"] == found
