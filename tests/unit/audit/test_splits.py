"""A patient on two sides of any split is found, wherever it is planted."""

import pandas as pd
import pytest

from mimicflow.audit.findings import read_findings, verdict
from mimicflow.audit.splits import audit_splits
from mimicflow.evaluation.study import Study

PARTS = ["train", "train", "validation", "test"]


def spine(first=0, **more):
    patients = [first + patient for patient in (1, 1, 2, 3, 4)]
    frame = pd.DataFrame({"stay_id": range(first + 10, first + 15), "subject_id": patients})
    parts = dict(zip(range(first + 1, first + 5), PARTS, strict=True))
    return frame.assign(split=frame["subject_id"].map(parts), **more)


def fold(*tested):
    frame = spine()
    return frame.assign(split=["test" if who in tested else "train" for who in frame["subject_id"]])


@pytest.fixture
def audited(tmp_path):
    """Return a function that audits a system, with what is given in the place of what is sound."""

    def run(**given):
        tables = {
            "spine": spine(fold=[0, 0, 1, 1, -1]),
            "folds": [fold(1, 2), fold(3, 4)],
            "predictions": spine()[["subject_id", "split"]].query("split != 'train'"),
            **given,
        }

        def write(frame, name):
            path = tmp_path / f"{name}.parquet"
            frame.to_parquet(path)
            return path

        folds = [write(part, f"fold{place}") for place, part in enumerate(tables["folds"])]
        others = {"mortality": write(tables["other"], "other")} if "other" in tables else {}
        audit_splits(
            {"models": write(tables["spine"], "spine"), **dict(zip("ab", folds, strict=True))},
            folds,
            {"lstm": write(tables["predictions"], "predictions")},
            others,
            tmp_path / "splits.csv",
            given.get("study", Study(synthetic=True)),
            **{key: given[key] for key in ("multi", "subsets") if key in given},
        )
        return read_findings(tmp_path / "splits.csv")

    return run


def failed(found):
    return found.loc[found["passed"].eq(False), "what"].tolist()


def test_sound_splits_pass(audited):
    found = audited()

    assert verdict(found).judged > 8
    assert failed(found) == []


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        ({"spine": spine().assign(split=["train", "test", *PARTS[1:]])}, "two sides of split"),
        ({"spine": spine(fold=[0, 1, 1, 0, -1])}, "two sides of fold"),
        ({"spine": spine(split_multi=["train", "test", None, None, None])}, "of split_multi"),
        ({"spine": pd.concat([spine(), spine()[:1]])}, "stand there twice"),
        ({"folds": [fold(1, 2), fold(2, 3, 4)]}, "tested in more than one"),
        ({"folds": [fold(1, 2), fold(3)]}, "tested in none"),
        (
            {"predictions": pd.DataFrame({"subject_id": [1, 4], "split": "test"})},
            "that the split does not test",
        ),
        (
            {"predictions": pd.DataFrame({"subject_id": [4, 4], "split": ["validation", "test"]})},
            "whom thresholds are chosen on",
        ),
    ],
)
def test_a_patient_on_two_sides_is_found(audited, planted, said):
    [found] = failed(audited(**planted))

    assert said in found


@pytest.mark.parametrize(("multi", "faults"), [("shared", 1), ("own", 0)])
def test_a_split_among_stays_with_several_ecgs_excuses_its_own_models_only(audited, multi, faults):
    given = spine(split_multi=["test", "test", "train", "train", "train"])
    predictions = pd.DataFrame({"subject_id": [1], "split": "test"})

    found = audited(spine=given, predictions=predictions, multi=multi, subsets={"lstm": "multi"})
    assert len(failed(found)) == faults


def test_patients_shared_with_another_system_are_counted_and_no_fault(audited):
    other = spine().assign(split=["test", "test", "train", "train", "train"])

    found = audited(other=other).set_index("what")["number"]

    assert found["shared with mortality: patients"] == 4
    assert found["shared with mortality: patients tested here, fitted on in mortality"] == 1
    assert found["shared with mortality: patients tested in mortality, fitted on here"] == 1
    assert failed(audited(other=other)) == []


def test_of_real_patients_no_few_are_shared_or_left_by_subtraction(audited):
    def many(first):
        patients = range(first, first + 60)
        frame = pd.DataFrame({"stay_id": patients, "subject_id": patients})
        return frame.assign(split=["train"] * 30 + ["test"] * 30, fold=-1)

    def shown(first):
        given = {"spine": many(0), "other": many(first), "folds": [many(0)] * 2}
        found = audited(**given, study=Study(synthetic=False)).set_index("what")["number"]
        return found[found.index.str.startswith("shared with")].isna().tolist()

    assert shown(30) == [False, False, False]
    assert shown(55)[0]  # five are shared
    assert shown(4)[0]  # all but four
    assert shown(27) == [False, True, False]  # 27 of 33 who are shared: six would be left
