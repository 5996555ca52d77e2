"""A feature that is the outcome by another name is named; sound ones are not."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_predictions import TITLES

from mimicflow.audit.findings import read_findings, verdict
from mimicflow.audit.single_features import audit_single_features
from mimicflow.evaluation.study import Study

LIMITS = {"single_auroc": 0.9, "missing_auroc": 0.75}
STUDY = Study(synthetic=True, key="epoch_id", titles=TITLES)


def epochs(n_patients=80, n_epochs=6, seed=0, **features):
    """Return epochs of the system arrest; a third of the patients is tested."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), n_epochs)
    label = (patient % 3 == 0).astype(int)
    frame = pd.DataFrame(
        {
            "epoch_id": np.arange(len(patient)),
            "subject_id": patient,
            "stay_id": patient,
            "start": pd.Timestamp("2150-01-01"),
            "end": pd.Timestamp("2150-01-01 00:05"),
            "split": np.where(patient % 2 == 0, "train", "test"),
            "fold": 0,
            "label": label,
            "hours_to_arrest": 1.0,
            "sound": rng.normal(0.6 * label, 1),
            "lower": rng.normal(-label, 1),
        }
    )
    return frame.assign(**{name: make(frame, rng) for name, make in features.items()})


@pytest.fixture
def audited(tmp_path):
    def run(frame, study=STUDY):
        frame.to_parquet(tmp_path / "features.parquet")
        test = frame[frame["split"] == "test"]
        model = test[["epoch_id", "subject_id", "split", "label"]].assign(
            probability=1 / (1 + np.exp(-test["sound"]))
        )
        model.to_parquet(tmp_path / "predictions.parquet")
        audit_single_features(
            "arrest",
            {"features": tmp_path / "features.parquet"},
            {"a": tmp_path / "predictions.parquet"},
            LIMITS,
            tmp_path / "single.csv",
            study,
        )
        return read_findings(tmp_path / "single.csv")

    return run


def test_sound_features_pass_and_the_model_stands_above_them(audited):
    found = audited(epochs())
    assert verdict(found).passed
    assert found["what"][0] == "the whole model: Model A"
    assert found.loc[found["feature"] == "lower", "direction"].item() == "lower"
    assert (found["number"].iloc[1:] > 0.5).all()


def test_a_feature_that_gives_the_outcome_away_fails(audited):
    def leak(frame, rng):
        return frame["label"] + rng.normal(0, 0.2, len(frame))

    found = audited(epochs(leak=leak))
    assert verdict(found).failed == 1
    assert verdict(found).worst == "leak alone"
    assert found.loc[found["feature"] == "leak", "reaches_model"].item() == "yes"


def test_a_feature_that_is_the_outcome_itself_fails(audited):
    found = audited(epochs(outcome=lambda frame, rng: frame["label"]))
    assert verdict(found).worst == "outcome alone"


def test_a_pattern_of_missing_values_that_gives_the_outcome_away_fails(audited):
    def asked(frame, rng):
        """Measured, and of any value, where the outcome was there already."""
        known = (frame["label"] == 1) ^ (rng.random(len(frame)) < 0.05)
        return pd.Series(rng.normal(0, 1, len(frame))).where(known)

    found = audited(epochs(asked=asked))
    assert verdict(found).failed == 1
    assert verdict(found).worst == "that asked is missing"
    assert found.loc[found["what"] == "that asked is missing", "direction"].item() == "there"
    alone = found.loc[found["what"] == "asked alone", "number"].item()
    assert alone < 0.65  # what is missing has the median: it says nothing by itself


def test_what_few_patients_have_is_left_out(audited):
    found = audited(epochs(rare=lambda frame, rng: (frame["subject_id"] == 3).astype(float)))
    assert "rare" not in found["feature"].tolist()


def asked_of(*patients):
    """A number that these patients alone lack."""
    return lambda frame, rng: frame["subject_id"].where(~frame["subject_id"].isin(patients)) % 7


def test_of_real_patients_neither_shares_nor_scores_say_how_few_have_something(audited):
    """Whoever knows the sizes solves the AUROC of two values for how many have either."""
    tested = [patient for patient in range(80) if patient % 2]
    events = [patient for patient in tested if patient % 3 == 0]
    others = [patient for patient in tested if patient % 3]
    frame = epochs(
        few=asked_of(*events[:3], *others[:12]), many=asked_of(*events[:0], *others[:14])
    )

    shown = audited(frame).set_index("what")
    hidden = audited(frame, replace(STUDY, synthetic=False)).set_index("what")
    assert {"that few is missing", "that many is missing"} <= set(shown.index)
    assert "that few is missing" not in hidden.index
    assert pd.isna(hidden.loc["few alone", "missing_share"])
    assert hidden.loc["many alone", "missing_share"] == 0.333  # 80 of 240, not 84
    assert hidden.loc["that many is missing", "patients"] % 10 == 0
