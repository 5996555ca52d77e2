"""Pretraining targets from tiny hand-made tables."""

import json
import logging

import numpy as np
import pandas as pd
import pytest

from mimicflow.ecg.reports import vocabulary
from mimicflow.ecg.targets import (
    MEASUREMENTS,
    REPORTS,
    build_pretraining_targets,
    clean_measurements,
)

RAW = ["rr_interval", "qrs_onset", "qrs_end", "t_end", "qrs_axis", "t_axis"]


def measured(rows: list[list[float]]) -> np.ndarray:
    return clean_measurements(pd.DataFrame(rows, columns=RAW)).to_numpy()


def test_measurements():
    nan = np.nan
    expected = {
        (800, 200, 300, 600, -30, 0): [800, 200, 300, 600, -30, 0, 100],
        (29999, 200, 29999, 600, 29999, 45): [nan, 200, nan, 600, nan, 45, nan],
        (0, 200, 300, -5, -10001, 45): [nan, 200, 300, nan, nan, 45, 100],
        (10001, 29999, 29999, 10000, 10, 10): [nan, nan, nan, 10000, 10, 10, nan],
        (800, 0, 300, 600, 10, 10): [800, nan, 300, 600, 10, 10, nan],
        (800, 300, 200, 600, 10, 10): [800, 300, 200, 600, 10, 10, nan],
        (nan, nan, 300, 600, nan, 10): [nan, nan, 300, 600, nan, 10, nan],
    }
    np.testing.assert_array_equal(
        measured([list(row) for row in expected]), np.array(list(expected.values()))
    )


@pytest.fixture
def build(tmp_path):
    """Write the tables and return the targets."""

    def write(
        reports: dict[int, list[str | None]],
        shards: int = 1,
        unreadable=(),
        tested=(),
        patients="without_test",
        parts="split",
    ) -> pd.DataFrame:
        rows = [
            dict.fromkeys(REPORTS)
            | dict(zip(REPORTS, texts, strict=False))
            | dict(zip(RAW, [800, 200, 290 + study, 600, 10, 29999], strict=True))
            | {"study_id": study, "subject_id": 1000 + study}
            for study, texts in reports.items()
        ]
        paths = []
        for shard in range(shards):
            paths.append(tmp_path / f"{shard}.parquet")
            frame = pd.DataFrame(rows[shard::shards], columns=[*rows[0]])
            frame[list(REPORTS)] = frame[list(REPORTS)].astype("string")
            frame.to_parquet(paths[-1])
        readable = sorted(set(reports) - set(unreadable))
        records = pd.DataFrame({"study_id": readable})
        records["subject_id"] = records["study_id"] + 1000
        records["path"] = "files/" + records["study_id"].astype(str)
        records.to_parquet(tmp_path / "records.parquet")
        outputs = tmp_path / "targets.parquet", tmp_path / "labels.json"
        split = ["test" if study in tested else "train" for study in readable]
        spine = records[["subject_id"]].assign(**{"split": "train", parts: split})
        spine.to_parquet(tmp_path / "spine.parquet")
        build_pretraining_targets(
            *(paths, tmp_path / "records.parquet", *outputs),
            spine=tmp_path / "spine.parquet",
            patients=patients,
        )
        assert json.loads(outputs[1].read_text()) == list(vocabulary())
        return pd.read_parquet(outputs[0])

    return write


REPORTS_BY_STUDY = {
    5: ["Sinus rhythm.", "Normal ECG"],
    1: [None, "SINUS  RHYTHM", "Summary: abnormal ECG", "Left bundle branch block"],
    2: ["Sinus tachycardia", "Abnormal ECG", "Left bundle branch block", "Something odd"],
    3: ["Sinus tachycardia", "All 12 leads are missing."],
    4: ["Sinus bradycardia", "", "Normal ECG", "Something odd"],
    6: [None],
    7: ["Sinus tachycardia", "Pacing"],
    8: ["Poor quality data, interpretation may be affected", "Pacing"],
}


def labels_of(targets: pd.DataFrame) -> dict[int, set[str]]:
    return {
        row["study_id"]: {label for label in vocabulary() if row[label]}
        for _, row in targets.iterrows()
    }


def test_labels_by_hand(build, caplog):
    with caplog.at_level(logging.INFO):
        targets = build(REPORTS_BY_STUDY, unreadable=[7])
    # "sinus bradycardia" and (once study 8 is gone) "pacing" are seen once: no label
    assert labels_of(targets) == {
        1: {"sinus rhy", "abnormal ecg", "LBBB"},
        2: {"sinus tac", "abnormal ecg", "LBBB"},
        4: {"normal ecg"},
        5: {"sinus rhy", "normal ecg"},
        6: set(),
    }
    assert list(targets) == ["study_id", "subject_id", "path", *MEASUREMENTS, *vocabulary()]
    assert set(targets.dtypes[list(vocabulary())]) == {np.dtype(bool)}
    assert targets.loc[0, ["subject_id", "path"]].tolist() == [1001, "files/1"]
    assert targets["qrs_duration"].tolist() == [91, 92, 94, 95, 96]
    assert targets["t_axis"].isna().all()
    assert "no label: 2 x 'something odd'" in caplog.text
    assert "8 recordings measured, 2 left out for their quality; targets for 5 of 7" in caplog.text


def test_statement_counts_beyond_the_readable_records(build):
    assert build(REPORTS_BY_STUDY, unreadable=[2]).set_index("study_id").loc[1, "LBBB"]


@pytest.mark.parametrize("parts", ["split", "split_multi"])
@pytest.mark.parametrize(("patients", "labelled"), [("without_test", False), ("all", True)])
def test_a_test_patients_statement_is_no_reason_to_label_it_in_others(
    build, patients, labelled, parts
):
    """Of the two recordings with a left bundle branch block one is a test patient's."""
    targets = build(REPORTS_BY_STUDY, tested=[2], patients=patients, parts=parts)
    assert targets.set_index("study_id").loc[1, "LBBB"] == labelled


def test_shards_and_row_order_change_nothing(build, tmp_path):
    build(REPORTS_BY_STUDY)
    expected = (tmp_path / "targets.parquet").read_bytes()
    build(dict(reversed(REPORTS_BY_STUDY.items())), shards=3)
    assert (tmp_path / "targets.parquet").read_bytes() == expected


def test_recording_without_any_statement(build):
    targets = build({1: [None], 2: [None]})
    assert not targets[list(vocabulary())].to_numpy().any()
    assert len(targets) == 2
