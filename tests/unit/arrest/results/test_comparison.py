"""Two models on the same epochs, at every horizon."""

from __future__ import annotations

import made_arrest_predictions as made
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score
from statsmodels.stats.multitest import multipletests

from mimicflow.arrest.results.comparison import COLUMNS, compare_arrest_models
from mimicflow.arrest.results.horizons import score_horizons
from mimicflow.errors import ConfigError, InputError
from mimicflow.evaluation.predictions import PredictionsError, read_predictions
from mimicflow.evaluation.statistics.delong import compare_aurocs
from mimicflow.evaluation.statistics.differences import score_differences
from mimicflow.evaluation.study import Study

OPTIONS = {"horizons_h": [24, 6, 1], "specificity": 0.8, "confidence": "none"}
PAIR = {"hrv": "clinical"}
DRAWS = 60


class Files:
    def __init__(self, folder, **tables):
        self.folder = folder
        self.predictions = made.write(folder, tables)
        self.metrics = {model: folder / f"{model}.csv" for model in tables}
        self.output, self.figure = folder / "comparison.csv", folder / "comparison.png"

    def score(self, *, synthetic=True):
        study = Study(synthetic=synthetic)
        for model, path in self.predictions.items():
            figures = self.folder / "roc.png", self.folder / "prc.png"
            score_horizons(path, OPTIONS, self.metrics[model], *figures, study, model=model)

    def compare(self, pairs=PAIR, *, synthetic=True):
        study = Study(synthetic=synthetic)
        files = self.predictions, self.metrics, pairs, OPTIONS, self.output, self.figure
        compare_arrest_models(*files, study)
        return pd.read_csv(self.output)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("comparison")
    files = Files(folder, hrv=made.predictions(0.5), clinical=made.predictions(3.0, seed=9))
    files.score()
    files.table = files.compare()
    return files


def test_scores_are_those_of_the_metrics(files):
    assert list(files.table.columns) == COLUMNS
    assert len(files.table) == 6
    for row in files.table.to_dict("records"):
        metrics = pd.read_csv(files.metrics[row["model"]])
        metrics = metrics[metrics["horizon_h"] == row["horizon_h"]].set_index("score")
        for score in ("auroc", "auprc", "sensitivity", "accuracy"):
            found = [row[f"{score}{end}"] for end in ("", "_low", "_high")]
            assert found == metrics.loc[score, ["value", "lower", "upper"]].to_list()
        assert row["events"] == metrics["events"].iloc[0]


def test_differences_are_those_of_the_shared_modules(files):
    tables = [read_predictions(path, key="epoch_id") for path in files.predictions.values()]
    of_first = files.table[files.table["model"] == "hrv"].set_index("horizon_h")
    for hours, row in of_first.iterrows():
        first, second = (
            table.assign(label=(table["hours_to_arrest"] <= hours).astype(int)) for table in tables
        )
        label = first["label"].to_numpy()
        both = first["probability"].to_numpy(), second["probability"].to_numpy()
        auroc = compare_aurocs(label, *both, first["subject_id"].to_numpy())
        assert row["auroc_difference"] == pytest.approx(auroc.difference)
        assert row["p"] == pytest.approx(auroc.p)
        assert row["auroc_difference_low"] == pytest.approx(auroc.low)
        assert row["auroc_difference_high"] == pytest.approx(auroc.high)
        shared = score_differences(first, second, key="epoch_id")["auprc"].difference
        found = row[["auprc_difference", "auprc_difference_low", "auprc_difference_high"]]
        assert found.to_list() == pytest.approx(list(shared))
        value = [average_precision_score(label, model) for model in both]
        assert row["auprc_difference"] == pytest.approx(value[0] - value[1])
    # One family: all models and horizons of the table.
    expected = multipletests(of_first["p"], method="holm")[1]
    assert of_first["p_holm"].to_list() == pytest.approx(expected)
    assert files.table.loc[files.table["model"] == "clinical", "p"].isna().all()


def test_published_figures_stand_beside_24_hours(files):
    found = files.table.set_index(["horizon_h", "model"])["published_auroc"]
    assert found[24].to_dict() == {"hrv": 0.881, "clinical": 0.735}
    assert found[6].isna().all()


def test_models_must_predict_the_same_epochs(files, tmp_path):
    hrv = pd.read_parquet(files.predictions["hrv"])
    for other, words in (
        (hrv[hrv["epoch_id"] != 7], r"clinical\.parquet: not the rows of .*1199 and 1200"),
        (hrv.assign(stay_id=hrv["stay_id"] + "x"), "1200 and 1200 rows, 0 of them with"),
    ):
        # Epoch 7 is of a held-out stay.
        wrong = Files(tmp_path, hrv=hrv, clinical=other)
        wrong.score()
        with pytest.raises(PredictionsError, match=words):
            wrong.compare()


def test_metrics_must_be_those_of_the_predictions(files, tmp_path):
    both = {model: pd.read_parquet(path) for model, path in files.predictions.items()}
    other = Files(tmp_path, **both)
    other.score()
    metrics = pd.read_csv(other.metrics["clinical"])
    metrics.assign(n=5).to_csv(other.metrics["clinical"], index=False)
    with pytest.raises(InputError, match=r"clinical\.csv: does not have all scores of the 1200"):
        other.compare()
    metrics[metrics["horizon_h"] != 6].to_csv(other.metrics["clinical"], index=False)
    with pytest.raises(InputError, match="at 6 h"):
        other.compare()
    other.metrics.pop("clinical")
    with pytest.raises(ConfigError, match="2 predictions and 1 metrics"):
        other.compare()


def test_horizons_without_events_and_suppressed_ones(tmp_path, texts):
    tables = {"hrv": made.predictions(0.5), "clinical": made.predictions(3.0, seed=9)}
    few = {
        model: table[~(table["hours_to_arrest"] <= 2) & ~table["stay_id"].isin(["s0000", "s0002"])]
        for model, table in tables.items()
    }
    files = Files(tmp_path, **few)
    files.score()
    table = files.compare().set_index(["horizon_h", "model"])
    assert table.loc[1, ["auroc", "auroc_difference", "p"]].isna().all(axis=None)
    assert (table.loc[1, "events"] == 0).all()
    assert table.loc[(6, "hrv"), "p"] < 1
    files.score(synthetic=False)  # eight held-out event stays
    table = files.compare(synthetic=False)
    shown = ["events", "event_stays", "auroc", "auroc_difference", "p", "auprc_difference"]
    assert table.loc[table["horizon_h"] > 1, shown].isna().all(axis=None)
    assert "Within 6 h (n = 1,088 epochs, 64 events in 8 stays)" in texts
    assert any(text.startswith("Within 6 h (n =") and "events" not in text for text in texts)


def test_equal_models_do_not_differ(files, tmp_path):
    hrv = pd.read_parquet(files.predictions["hrv"])
    same = Files(tmp_path, hrv=hrv, clinical=hrv)
    same.score()
    row = same.compare().set_index(["model", "horizon_h"]).loc[("hrv", 24)]
    assert (
        row[["auroc_difference", "auprc_difference", "auprc_difference_high"]].to_list() == [0] * 3
    )
    assert row["p"] == 1
    assert np.isfinite(row["auroc"])


def test_a_third_model_is_compared_with_the_first(files, tmp_path, texts):
    tables = {model: pd.read_parquet(path) for model, path in files.predictions.items()}
    third = Files(tmp_path, **tables, both=made.predictions(0.2, seed=4))
    third.score()

    table = third.compare({"hrv": "clinical", "both": "hrv"}).set_index(["model", "horizon_h"])

    less = "Heart-rate variability less Vital signs; HRV with vital signs and slopes less Heart-"
    assert f"Differences: {less}rate variability" in texts
    assert table["compared_with"].dropna().unique().tolist() == ["clinical", "hrv"]
    two = files.table.set_index(["model", "horizon_h"])
    one, alone = (frame.loc[["hrv"]] for frame in (table, two))
    columns = [name for name in one if name != "p_holm"]
    pd.testing.assert_frame_equal(one[columns], alone[columns])  # as without a third
    assert (one["p_holm"] >= alone["p_holm"]).all()  # of a larger family
    for hours in OPTIONS["horizons_h"]:
        row, other = table.loc[("both", hours)], table.loc[("hrv", hours)]
        assert row["auroc_difference"] == pytest.approx(row["auroc"] - other["auroc"])
        assert row["auprc_difference"] == pytest.approx(row["auprc"] - other["auprc"])
    with pytest.raises(ConfigError, match="hrv, twin are to be compared"):
        third.compare({"twin": "hrv"})
