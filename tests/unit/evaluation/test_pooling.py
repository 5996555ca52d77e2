from pathlib import Path

import pandas as pd
import pytest

from mimicflow.evaluation.pooling import fuse_models, pool_folds
from mimicflow.evaluation.predictions import PredictionsError, read_predictions


def fold(tested: list[int], validated: list[int], probability: float = 0.4) -> pd.DataFrame:
    stays = [*tested, *validated]
    return pd.DataFrame(
        {
            "stay_id": stays,
            "subject_id": [stay // 10 for stay in stays],
            "split": ["test"] * len(tested) + ["validation"] * len(validated),
            "label": [stay % 2 for stay in stays],
            "probability": probability,
        }
    )


def write(folder: Path, *frames: pd.DataFrame) -> list[Path]:
    paths = [folder / f"{number}.parquet" for number in range(len(frames))]
    for path, frame in zip(paths, frames, strict=True):
        frame.to_parquet(path)
    return paths


def test_folds_stand_below_each_other_each_tested_stay_once(tmp_path):
    paths = write(tmp_path, fold([10, 11], [20, 21]), fold([20, 21], [10, 11]))

    pool_folds(paths, tmp_path / "pooled.parquet")

    tested = read_predictions(tmp_path / "pooled.parquet")
    assert tested["stay_id"].tolist() == [10, 11, 20, 21]
    assert tested["fold"].tolist() == [0, 0, 1, 1]
    chosen = read_predictions(tmp_path / "pooled.parquet", "validation")
    assert chosen[["stay_id", "fold"]].to_numpy().tolist() == [[10, 1], [11, 1], [20, 0], [21, 0]]


def test_a_patient_tested_twice_is_refused(tmp_path):
    paths = write(tmp_path, fold([10, 11], [20]), fold([12, 21], [30]))

    with pytest.raises(PredictionsError, match="1 patients are tested in more than one fold"):
        pool_folds(paths, tmp_path / "pooled.parquet")
    assert not (tmp_path / "pooled.parquet").exists()


def test_late_fusion_is_the_mean_of_the_same_rows(tmp_path):
    for name, probability in (("a", 0.2), ("b", 0.6)):
        (tmp_path / name).mkdir()
        paths = write(tmp_path / name, fold([10, 11], [20], probability))
        pool_folds(paths, tmp_path / f"{name}.parquet")

    fuse_models([tmp_path / "a.parquet", tmp_path / "b.parquet"], tmp_path / "fused.parquet")

    fused = pd.read_parquet(tmp_path / "fused.parquet")
    assert fused["probability"].tolist() == pytest.approx([0.4] * 3)
    assert list(fused) == ["stay_id", "subject_id", "fold", "split", "label", "probability"]


def test_models_of_other_stays_are_not_fused(tmp_path):
    for name, stays in (("a", [10, 11]), ("b", [10, 13])):
        (tmp_path / name).mkdir()
        pool_folds(write(tmp_path / name, fold(stays, [20])), tmp_path / f"{name}.parquet")

    with pytest.raises(PredictionsError, match="does not predict the stays of"):
        fuse_models([tmp_path / "a.parquet", tmp_path / "b.parquet"], tmp_path / "fused.parquet")
