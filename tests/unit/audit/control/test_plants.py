"""A leak that is planted in copies is found by its check; the files themselves stay as they are."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mimicflow.admission.inputs import InputOptions, Preprocessor
from mimicflow.admission.vitals import VITALS
from mimicflow.arrest.features import KEYS
from mimicflow.arrest.slopes import slope_names
from mimicflow.arrest.vital_features import vital_features, vital_ranges
from mimicflow.audit.control import control
from mimicflow.audit.control.control import FOUND, audit_control
from mimicflow.audit.control.leaks import audit_leaks
from mimicflow.audit.control.plants import PLANTS, same_epoch, same_visits
from mimicflow.audit.findings import audit_checks, none_of, read_findings, write_findings
from mimicflow.concepts import static_features
from mimicflow.ecg.store import INDEX
from mimicflow.errors import CohortError
from mimicflow.evaluation.study import Study
from mimicflow.hrv.measures import MEASURES
from mimicflow.learning.checkpoints import save_checkpoint
from mimicflow.learning.fitted_on import FITTED_ON, fitted_on
from mimicflow.learning.preprocessing import Scaler
from mimicflow.running.writing import write_npz

STUDY = Study(synthetic=True)
SYSTEMS = ("admission", "mortality", "arrest")
SOME = ("attack", "provenance", "duplicates", "splits")
SPLIT = ["train"] * 4 + ["validation"] * 2 + ["test"] * 2
SPINE = pd.DataFrame(
    {"stay_id": range(11, 19), "subject_id": range(1, 9), "split": SPLIT, "n_ecg": 1}
)
TRAINING = SPINE["split"] == "train"


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a table and says where."""

    def run(frame, name):
        path = tmp_path / f"{name}.parquet"
        frame.to_parquet(path, index=False)
        return str(path)

    return run


@pytest.fixture
def spine(write):
    return write(SPINE, "models")


def ecgs(folder, write):
    """A waveform store of the patients of the spine, noise of their own each."""
    waveforms = np.random.default_rng(0).normal(0, 0.5, (len(SPINE), 12, 500)).astype(np.float16)
    np.save(folder / "0.npy", waveforms)
    index = SPINE[["subject_id"]].assign(
        study_id=SPINE["stay_id"] + 100, row=range(len(SPINE)), lead_mask=4095, n_samples=500,
        ecg_time=pd.Timestamp("2150-01-01"), path="", wrong_leads=0,
    )[INDEX.names]  # fmt: skip
    schema = INDEX.with_metadata({b"mimicflow.signal": json.dumps({"seconds": 10}).encode()})
    rows = pa.Table.from_pandas(index, schema=INDEX, preserve_index=False)
    pq.write_table(rows.replace_schema_metadata(schema.metadata), folder / "0.parquet")
    records = [write(index, "records")]
    return {
        "stores": [str(folder / "0.npy")],
        "indices": [str(folder / "0.parquet")],
        "records": records,
    }


def network(folder, write):
    """A network of admission whose scales are those of training patients, and its inputs."""
    draw = np.random.default_rng(0)
    numeric = static_features().query("kind == 'numeric'")["name"].tolist()
    static = pd.DataFrame(draw.normal(size=(len(SPINE), len(numeric))), columns=numeric)
    names = [*VITALS, "pain"]
    vitals = pd.DataFrame(draw.normal(size=(len(SPINE), len(names))), columns=names)
    vitals.insert(0, "source", 1)
    every = np.ones(TRAINING.sum(), bool)
    fitted = Preprocessor.fit(
        static[TRAINING], every, vitals[TRAINING].to_numpy(), every, InputOptions()
    )
    record = fitted_on(training=SPINE.loc[TRAINING, "subject_id"])
    content = {FITTED_ON: record, "preprocessor": fitted.state()}
    save_checkpoint("any", content, folder / "network.pth")
    of_stays = [frame.assign(stay_id=SPINE["stay_id"]) for frame in (static, vitals)]
    return {
        "inputs": [write(frame, name) for frame, name in zip(of_stays, "sv", strict=True)],
        "models": {"network": [str(folder / "network.pth"), write(SPINE, "models")]},
    }


def bag(folder, spine):
    vectors = np.random.default_rng(0).normal(size=(len(SPINE), 3)).astype(np.float32)
    arrays = {"stay_id": SPINE["stay_id"].to_numpy(), "start": np.arange(len(SPINE)),
              "n_visits": np.ones(len(SPINE), int), "vectors": vectors,
              "vocabulary_hash": np.array("x")}  # fmt: skip
    write_npz(arrays, folder / "sequences.npz")
    scaler = Scaler.fit(vectors[TRAINING])
    save_checkpoint("any", {"fitted": {"scaler": scaler.state()}}, folder / "bag.pth")
    return {"audited": [str(folder / "bag.pth"), spine, str(folder / "sequences.npz")]}


def visits(write):
    """Visits of every patient, of twelve codes of his own."""
    codes = [[f"ICD10:I{stay}{number}" for number in range(12)] for stay in SPINE["stay_id"]]
    return write(pd.DataFrame({"stay_id": SPINE["stay_id"], "position": 1, "codes": codes}), "v")


def split_of(spine, models, **more):
    return {"spines": {"models": spine}, "folds": [], "predictions": {}, "others": {},
            "models": models, **more}  # fmt: skip


@pytest.fixture
def controlled(tmp_path, write, spine, asked, options, monkeypatch):
    """Return a function: the findings of a control of a system, by the checks that need no run."""

    def run(system):
        of_time = {"concepts": asked(system)}
        if system == "admission":
            given = {
                "duplicates": {"spine": spine, "ecgs": ecgs(tmp_path, write)},
                "splits": split_of(spine, **network(tmp_path, write)),
            }
        else:
            network(tmp_path, write)
            models = {"audited lstm": [str(tmp_path / "network.pth"), spine]}
            given = {
                "duplicates": {"spine": spine, "visits": {"audited": [spine, visits(write)]}},
                "splits": split_of(spine, models, bags=bag(tmp_path, spine)),
            }
        of_concepts = {"options": options(system)}
        monkeypatch.setattr(control, "audit_leaks", some_leaks)
        audit_control(
            tmp_path / "control.csv",
            STUDY,
            system=system,
            files={"attack": of_time, "provenance": of_time, **given},
            options={
                "attack": {"system": system, "stays": 5, **of_concepts},
                "provenance": of_concepts,
                "duplicates": {"same_ecg": 0.98},
                "splits": {"subsets": {"network": "all", "audited lstm": "all"}},
            },
        )
        return read_findings(tmp_path / "control.csv")

    return run


def some_leaks(system):
    return [leak for leak in audit_leaks(system) if leak.check in SOME]


@pytest.mark.parametrize("system", ["admission", "mortality"])
def test_every_leak_is_found_but_by_a_check_that_sees_nothing(controlled, monkeypatch, system):
    """Nothing is found without the leak. The whole control runs in tests/workflow."""

    def blind(output, study, **given):
        write_findings([none_of("labevents, prescriptions, admissions", 0)], output, study)

    monkeypatch.setitem(control._CHECKS, "attack", blind)
    found = controlled(system).set_index("check")

    assert len(found) == len(some_leaks(system))
    assert not found.loc["attack", "passed"].any()
    assert found.drop("attack")["passed"].all(), found[["what", "number"]].to_string()
    assert (found["unplanted"] == 0).all()
    assert set(found["limit"]) == {FOUND}


def epochs(write):
    measured = pd.DataFrame(
        np.random.default_rng(0).uniform(1, 900, (len(SPINE), len(MEASURES))),
        columns=list(MEASURES),
    )
    measured.insert(0, "epoch_id", range(len(SPINE)))
    measured.insert(1, "reason", "")
    plan = SPINE[["subject_id"]].assign(epoch_id=range(len(SPINE)), n_samples=100)
    return {"plan": write(plan, "plan"), "measured": [write(measured, "measured")]}


def test_leaks_of_epochs_and_of_trees_are_found(tmp_path, write):
    spine = write(SPINE.drop(columns="n_ecg"), "models")
    record = {FITTED_ON: fitted_on(training=SPINE.loc[TRAINING, "subject_id"])}
    (tmp_path / "model.json").write_text(json.dumps(record))
    given = {
        "duplicates": {"spine": spine, "epochs": epochs(write), "same_ecg": 0.98},
        "splits": split_of(spine, {"hrv": [str(tmp_path / "model.json"), spine]}),
    }
    for leak in audit_leaks("arrest"):
        if leak.check in given:
            folder = tmp_path / leak.leak
            folder.mkdir()
            sound = given[leak.check]
            assert control._failing(leak.check, sound, STUDY, folder) == []
            planted = PLANTS[leak.leak](sound, folder)
            [found] = control._failing(leak.check, planted, STUDY, folder)
            assert leak.says in found


def test_an_epoch_goes_on_after_its_prediction(tmp_path, write):
    planted = PLANTS["longer_epoch"]({"epochs": epochs(write)}, tmp_path)["epochs"]

    assert set(pd.read_parquet(planted["plan"])["n_samples"]) == {150}


@pytest.mark.parametrize(
    ("leak", "table", "columns"),
    [
        ("later_numbers", "vitals", list(vital_features())),
        ("later_slopes", "both", slope_names([*MEASURES, *vital_ranges().index])),
    ],
)
def test_an_epoch_has_what_is_of_the_next_one_of_its_stay(tmp_path, write, leak, table, columns):
    plan = pd.DataFrame({"epoch_id": [1, 2, 3], "stay_id": ["A", "A", "B"], "start": [0, 1, 2]})
    rows = pd.DataFrame({name: [1.0, 2.0, 3.0] for name in columns})
    given = {"plan": write(plan, "plan"), table: [write(plan[["epoch_id"]].join(rows), "rows")]}

    [planted] = PLANTS[leak]({"epochs": given}, tmp_path)["epochs"][table]
    found = pd.read_parquet(planted).set_index("epoch_id")[columns[0]]
    assert found.dropna().to_dict() == {1: 2.0}


def many_epochs(n_patients=60):
    """Epochs of which one measure is noise; every other patient has an arrest."""
    patient = np.repeat(np.arange(n_patients), 4)
    table = pd.DataFrame(0.0, index=range(len(patient)), columns=[*KEYS, *MEASURES])
    part = np.where(patient % 4 < 2, "train", "test")
    table = table.assign(epoch_id=table.index, subject_id=patient, split=part, label=patient % 2)
    table[MEASURES[0]] = np.random.default_rng(0).normal(size=len(table))
    return table


@pytest.mark.parametrize("leak", ["outcome_as_feature", "outcome_as_missing"])
def test_a_feature_that_is_planted_from_the_outcome_is_found(tmp_path, write, leak):
    given = {
        "files": {"features": write(many_epochs(), "features")},
        "system": "arrest", "models": {}, "limits": {"single_auroc": 0.9, "missing_auroc": 0.75},
    }  # fmt: skip
    small = control._small(given, STUDY, tmp_path)

    assert control._failing("single_features", small, STUDY, tmp_path) == []
    planted = PLANTS[leak](small, tmp_path)
    [found] = control._failing("single_features", planted, STUDY, tmp_path)
    assert MEASURES[0] in found and ("missing" in found) is (leak == "outcome_as_missing")


def test_a_model_that_knows_exchanged_outcomes_is_found(tmp_path, write):
    given = {"outcomes": write(many_epochs(), "outcomes"), "warned": [], "tests": 20}
    study = replace(STUDY, key="epoch_id")
    small = control._small(given, study, tmp_path)

    assert control._failing("permuted_labels", small, study, tmp_path) == []
    planted = PLANTS["outcome_comes_back"](small, tmp_path)
    [found] = control._failing("permuted_labels", planted, study, tmp_path)
    assert found.startswith("permutation 1")


def test_with_too_few_patients_nothing_is_planted_and_nothing_judged(tmp_path, write, monkeypatch):
    few = many_epochs(12)
    monkeypatch.setattr(
        control, "audit_leaks",
        lambda system: [leak for leak in audit_leaks(system) if leak.check == "permuted_labels"],
    )  # fmt: skip
    audit_control(
        tmp_path / "control.csv",
        replace(STUDY, key="epoch_id"),
        system="arrest",
        files={"permuted_labels": {"outcomes": write(few, "outcomes")}},
        options={"permuted_labels": {"warned": [], "tests": 20}},
    )
    [row] = read_findings(tmp_path / "control.csv").itertuples()
    assert pd.isna(row.passed) and "fewer than 10 patients" in row.what


@pytest.mark.parametrize("system", SYSTEMS)
def test_one_stay_of_the_cohort_is_lost(tmp_path, write, system):
    cohort = write(SPINE, "cohort")
    given = {"mortality": {"audited": ["", cohort, ""]}}
    if system != "mortality":
        given = {system: {"cohort": cohort}}

    planted = PLANTS["lost_stay"](given, tmp_path)[system]
    path = planted["audited"][1] if system == "mortality" else planted["cohort"]
    assert pd.read_parquet(path)["stay_id"].tolist() == SPINE["stay_id"].tolist()[1:]


def test_without_anybody_to_plant_with_it_says_so(tmp_path, write):
    nobody = write(SPINE.assign(split="train"), "spine")

    with pytest.raises(CohortError, match="no tested patient"):
        same_visits({"visits": {"audited": [nobody, visits(write)]}}, tmp_path)
    with pytest.raises(CohortError, match="no epoch of a tested patient"):
        same_epoch({"spine": nobody, "epochs": epochs(write)}, tmp_path)


def test_every_leak_is_of_a_check_that_its_system_has():
    checks = {(check.system, check.check) for check in audit_checks()}

    for system in SYSTEMS:
        leaks = audit_leaks(system)
        assert {(system, leak.check) for leak in leaks} <= checks
        # All that can fail: the control itself, and what is for reading only, are none of them.
        judging = {check for of, check in checks if of == system}
        judging -= {"control", "settings", "future_only"}
        assert {leak.check for leak in leaks} == judging
        assert all(bool(leak.options) != (leak.leak in PLANTS) for leak in leaks)
        assert (system, "control") in checks
