"""Damaged predictions: the rows that pyarrow reads, if they can be scored, or an error."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from mimicflow.evaluation.predictions import PredictionsError, read_predictions

from .damaged_files import CELLS, attempt, damage_bytes, is_refused, run_cases

N = 40


def sound() -> pd.DataFrame:
    place = np.arange(N)
    return pd.DataFrame(
        {
            "stay_id": 30_000_000 + place,
            "subject_id": 10_000_000 + place // 2,
            "split": np.where(place < 30, "test", "validation"),
            "label": place % 2,
            "probability": (place % 7) / 7,
        }
    )


def damaged(draw) -> pd.DataFrame:
    frame = sound()
    column = list(frame)[draw.integers(5)]
    row = int(draw.integers(N))
    match int(draw.integers(6)):
        case 0:
            cells = frame[column].astype(str).astype(object)
            cells[row] = CELLS[draw.integers(len(CELLS))].encode("utf-8", "replace").decode()
            frame[column] = cells
        case 1:
            numbers = [-1.0, 2.0, 0.5, np.nan, np.inf, 1e308, -1e308, 1e-320]
            if column != "split":
                frame[column] = frame[column].astype(float)
                frame.loc[row, column] = numbers[draw.integers(len(numbers))]
        case 2:
            frame = pd.concat([frame, frame.iloc[[row]]], ignore_index=True)
        case 3:
            other = list(frame)[draw.integers(5)]
            frame = frame.rename(columns={column: other, other: column})
        case 4:
            frame = frame.drop(columns=column) if draw.integers(2) else frame[frame.index < 0]
        case _:
            frame.loc[row, "split"] = "validation"
    return frame


def check(file) -> None:
    found = attempt(read_predictions, file)
    if is_refused(found):
        assert isinstance(found, PredictionsError)
        return
    assert found["probability"].between(0, 1).all() and found["label"].isin([0, 1]).all()
    assert found["stay_id"].is_unique and (found["split"] == "test").all()
    rows = pq.ParquetFile(file).read().to_pylist()
    expected = sorted((row["stay_id"], row["subject_id"], row["label"], row["probability"])
                      for row in rows if row["split"] == "test")  # fmt: skip
    columns = ["stay_id", "subject_id", "label", "probability"]
    assert list(found[columns].itertuples(index=False, name=None)) == expected


def test_the_predictions_are_sound(tmp_path):
    sound().to_parquet(tmp_path / "p.parquet", index=False)
    assert len(read_predictions(tmp_path / "p.parquet")) == 30
    check(tmp_path / "p.parquet")


def test_damaged_predictions(tmp_path):
    file = tmp_path / "p.parquet"

    def case(draw):
        if draw.integers(2):
            sound().to_parquet(file, index=False)
            file.write_bytes(damage_bytes(file.read_bytes(), draw))
        else:
            try:
                damaged(draw).to_parquet(file, index=bool(draw.integers(2)))
            except ValueError:  # two columns of one name cannot be written
                return
        check(file)

    run_cases("predictions", case)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1PAR1", b"PAR1\xff\xff\xff\x7fPAR1"])
def test_what_is_no_parquet(tmp_path, content):
    (tmp_path / "p.parquet").write_bytes(content)
    assert is_refused(attempt(read_predictions, tmp_path / "p.parquet"))
    assert is_refused(attempt(read_predictions, tmp_path / "nowhere.parquet"))
