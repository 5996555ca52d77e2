"""What stands on both sides of a split is found: an ECG, a patient, a history, five minutes."""

import numpy as np
import pandas as pd
import pytest

from mimicflow.audit import duplicates
from mimicflow.audit.duplicates import audit_duplicates
from mimicflow.audit.findings import read_findings
from mimicflow.audit.twin_ecgs import signature
from mimicflow.evaluation.study import Study
from mimicflow.hrv.measures import MEASURES

TESTED, OTHER, OUTSIDE = 1, 2, 9  # the last is in no split, but the encoder may learn from him
HOUR = pd.Timedelta(hours=1)
BEGIN = pd.Timestamp("2150-01-01")


@pytest.fixture
def audited(tmp_path):
    """Return a function: the failing rows of an audit of tables that are written first."""

    def run(**given):
        spine = pd.DataFrame(
            {"stay_id": [11, 12], "subject_id": [TESTED, OTHER], "split": ["test", "train"]}
        )
        files = {"spine": write(spine, "spine"), "same_ecg": 0.98}
        audit_duplicates(tmp_path / "x.csv", Study(synthetic=True), **files, **given)
        found = read_findings(tmp_path / "x.csv")
        assert found["passed"].notna().all() and len(found) > 0
        return found.loc[~found["passed"].astype(bool), "what"].tolist()

    def write(frame, name):
        path = tmp_path / f"{name}.parquet"
        frame.to_parquet(path)
        return path

    run.write = write
    return run


@pytest.fixture
def ecgs(monkeypatch, audited):
    """Return a function: what is given of a store with these waveforms by patient."""

    def store(waveforms):
        patients = list(waveforms)
        ids = np.arange(100, 100 + len(patients))
        values = np.stack([waveforms[patient] for patient in patients]).astype(np.float32)

        class Store:
            study_ids, signal = ids, {"seconds": 10}

            def __init__(self, stores, indices):
                pass

            def read(self, wanted):
                rows = np.searchsorted(ids, wanted)
                return values[rows], np.ones((len(rows), 12), bool)

        monkeypatch.setattr("mimicflow.audit.twin_ecgs.WaveformStore", Store)
        records = pd.DataFrame({"study_id": ids, "subject_id": patients})
        return {"stores": [], "indices": [], "records": [audited.write(records, "records")]}

    return store


def beating(seed, rate=1.0):
    """An ECG of twelve leads: peaks at a rate, of a size of its own in each lead."""
    draw = np.random.default_rng(seed)
    beat = np.zeros(1000)
    beat[(draw.integers(0, 80) + np.arange(int(10 * rate)) * int(100 / rate)) % 1000] = 1
    shape = np.exp(-(np.arange(-10, 11) ** 2) / 8)
    return draw.uniform(0.3, 2, (12, 1)) * np.convolve(beat, shape, "same")


def test_of_real_patients_sizes_are_to_tens_and_none_is_of_few():
    prints = pd.Series("x", index=[*range(12), *[99] * 44])

    row = duplicates._row("x", prints, range(12), Study(synthetic=False))
    assert (row["tested"], row["number"]) == (10, 12)
    assert np.isnan(row["others"])  # 44 of one patient


def test_different_ecgs_of_different_patients_pass(audited, ecgs):
    waveforms = {TESTED: beating(1), OTHER: beating(2), OUTSIDE: beating(3, rate=1.3)}

    assert audited(ecgs=ecgs(waveforms)) == []


@pytest.mark.parametrize("whose", [OTHER, OUTSIDE])
def test_the_same_ecg_is_found_also_of_a_patient_in_no_split(audited, ecgs, whose):
    waveforms = {TESTED: beating(1), OTHER: beating(2), OUTSIDE: beating(3)}
    waveforms[whose] = waveforms[TESTED].copy()

    found = audited(ecgs=ecgs(waveforms))
    assert len(found) == 2
    assert any("another patient has too" in what for what in found)


def test_nearly_the_same_ecg_is_found(audited, ecgs):
    """Another gain, and a little noise of its own."""
    noise = np.random.default_rng(0).normal(0, 0.01, (12, 1000))
    waveforms = {TESTED: beating(1), OTHER: 1.1 * beating(1) + noise}

    [found] = audited(ecgs=ecgs(waveforms))
    assert "nearly" in found


def test_a_flat_lead_is_no_twin_of_another():
    assert not signature(np.zeros((2, 1000)), 200).any()
    one = signature(np.random.default_rng(0).normal(size=(3, 1000)), 200)
    np.testing.assert_allclose(np.linalg.norm(one, axis=1), 1, rtol=1e-5)


def hospital(write, twin):
    """Two patients with a history each; the second may be the first, years later."""
    years = pd.Timedelta(days=3000)
    rows = [(TESTED, 90, BEGIN, 50), (OTHER, 91, BEGIN + years, 50 if twin else 51)]
    admissions = pd.DataFrame(
        [{"subject_id": who, "hadm_id": visit, "admittime": at, "dischtime": at + hours * HOUR}
         for who, visit, at, hours in rows]
    )  # fmt: skip
    codes = pd.DataFrame(
        [{"subject_id": who, "hadm_id": visit, "icd_code": f"I{number}", "icd_version": 10}
         for who, visit, *_ in rows for number in range(12)]
    )  # fmt: skip
    patients = pd.DataFrame({"subject_id": [TESTED, OTHER], "gender": "F"})
    return {
        "patients": [write(patients, "patients")],
        "admissions": [
            write(admissions[:1], "admissions_0"),
            write(admissions[1:], "admissions_1"),
        ],
        "diagnoses_icd": [write(codes, "diagnoses_icd")],
    }


def test_a_patient_under_two_ids_is_found_by_his_history_whatever_the_dates(audited):
    assert audited(patients=hospital(audited.write, twin=False)) == []
    [found] = audited(patients=hospital(audited.write, twin=True))
    assert "history" in found


def test_a_patient_under_two_ids_is_found_by_the_times_of_a_stay(audited):
    tables = hospital(audited.write, twin=False)
    stays = pd.DataFrame(
        {"subject_id": [TESTED, OTHER], "intime": BEGIN, "outtime": BEGIN + 5 * HOUR}
    )
    [found] = audited(patients={**tables, "edstays": [audited.write(stays, "edstays")]})
    assert "emergency" in found


@pytest.mark.parametrize(("length", "found"), [(12, 1), (3, 0)])
def test_a_long_sequence_of_visits_that_another_patient_has_is_found(audited, length, found):
    codes = [f"ICD10:I{number}" for number in range(length)]
    visits = pd.DataFrame({"stay_id": [11, 12], "position": 1, "codes": [codes, list(codes)]})
    spine = audited.write(
        pd.DataFrame({"stay_id": [11, 12], "subject_id": [1, 2], "split": ["test", "train"]}), "of"
    )
    assert len(audited(visits={"audited": [spine, audited.write(visits, "visits")]})) == found


@pytest.mark.parametrize(
    ("factor", "paced", "found"),
    [(1.0, False, 1), (1 + 1e-9, False, 1), (1.01, False, 0), (1.0, True, 0)],
)
def test_the_same_five_minutes_are_found_but_for_paced_rhythm(audited, factor, paced, found):
    values = np.random.default_rng(0).uniform(1, 900, (1, len(MEASURES)))
    if paced:  # of one rate, and without any spread
        values[:, 20:] = np.nan
    measured = pd.DataFrame(np.vstack([values, factor * values]), columns=list(MEASURES))
    measured.insert(0, "epoch_id", [0, 1])
    measured.insert(1, "reason", "")
    plan = pd.DataFrame({"epoch_id": [0, 1], "subject_id": [TESTED, OTHER]})
    given = {
        "plan": audited.write(plan, "plan"),
        "measured": [audited.write(measured, "measured")],
    }
    assert len(audited(epochs=given)) == found
