"""All models side by side."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pandas as pd
import pytest
from made_predictions import draw
from matplotlib.axes import Axes
from scipy.stats import t
from sklearn.metrics import average_precision_score, f1_score, log_loss, roc_auc_score
from statsmodels.stats.multitest import multipletests

from mimicflow.errors import ConfigError, InputError
from mimicflow.evaluation.predictions import PredictionsError
from mimicflow.evaluation.statistics.delong import delong_covariance
from mimicflow.evaluation.study import Study
from mimicflow.mortality.comparison import COLUMNS, TIME_COLUMNS, compare_protocols
from mimicflow.reference import reference

MODELS = ("lstm", "gru", "lightgbm")
PROTOCOLS = ("audited", "published")
OUTPUTS = ("comparison.csv", "comparison.png", "times.csv")


class Files:
    """Three models under two protocols; the published one sees the outcome."""

    def __init__(self, folder):
        self.folder = folder
        self.runs = list(product(PROTOCOLS, MODELS))
        paths = [
            {run: folder / f"{'_'.join(run)}{suffix}" for run in self.runs}
            for suffix in (".parquet", ".csv", ".json")
        ]
        self.predictions, self.repeats, self.seconds = paths
        for place, run in enumerate(self.runs):
            self.table(run, place).to_parquet(self.predictions[run])
            rows = {
                "repeat": [2, 1, 3],
                "seed": [43, 42, 44],
                "parameters": [7, 1000 * place + 1, 8],
            }
            scores = {"log_loss": [0.5, 0.4, 0.6], "auroc": [0.7, 0.8, 0.9], "auprc": 0.3}
            pd.DataFrame(rows | {"kept_epoch": 3} | scores).to_csv(self.repeats[run], index=False)
            self.seconds[run].write_text(json.dumps({"train_seconds": [10.5 + place, 99, 99]}))

    def table(self, run, place):
        label, probability = draw(300)
        noise = np.random.default_rng(place).normal(0, 0.15, 300)
        shift = 0.3 * (label - 0.5) * (run[0] == "published")
        return pd.DataFrame(
            {
                "stay_id": np.arange(300),
                "subject_id": 1000 + np.arange(300),
                "split": np.where(np.arange(300) < 60, "validation", "test"),
                "label": label,
                "probability": np.clip(probability + noise + shift, 0.01, 0.99),
            }
        )

    def change(self, run, change):
        change(pd.read_parquet(self.predictions[run])).to_parquet(self.predictions[run])

    def only(self, *runs):
        for files in (self.predictions, self.repeats, self.seconds):
            for run in set(files) - set(runs):
                del files[run]

    def compare(self, *, synthetic=True, **options):
        outputs = [self.folder / name for name in OUTPUTS]
        compare_protocols(
            self.predictions,
            self.repeats,
            self.seconds,
            *outputs,
            Study(synthetic=synthetic),
            **options,
        )
        return pd.read_csv(outputs[0])


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def scored(files, run):
    frame = pd.read_parquet(files.predictions[run]).query("split == 'test'")
    return frame["label"].to_numpy(), frame["probability"].to_numpy()


def test_a_row_per_protocol_and_model_with_scores_of_test_patients(files):
    table = files.compare(threshold=0.4)
    assert table.columns.tolist() == COLUMNS
    assert list(zip(table["protocol"], table["model"], strict=True)) == files.runs
    for row in table.itertuples():
        label, probability = scored(files, (row.protocol, row.model))
        assert (row.n, row.patients, row.events) == (240, 240, label.sum())
        assert row.test_loss == pytest.approx(log_loss(label, probability))
        assert row.auroc == pytest.approx(roc_auc_score(label, probability))
        assert row.auprc == pytest.approx(average_precision_score(label, probability))
        assert row.brier == pytest.approx(((label - probability) ** 2).mean())
        assert row.f1 == pytest.approx(f1_score(label, probability >= 0.4))
        for score in ("test_loss", "auroc", "auprc"):
            low, value, high = (getattr(row, f"{score}{end}") for end in ("_low", "", "_high"))
            assert low < value < high
    assert table["title"].tolist() == [
        *("LSTM", "GRU", "LightGBM (bag of codes, age, sex, visits)") * 2
    ]
    assert table["optimistic"].tolist() == [False] * 3 + [True] * 3
    assert set(table["data"]) == {"synthetic"}


def test_the_size_is_of_the_first_repeat_and_the_spread_is_of_all(files):
    table = files.compare()
    assert table["parameters"].tolist() == [1, 1001, 2001, 3001, 4001, 5001]
    row = table.iloc[0]
    assert row["repeats"] == 3
    assert row[["auroc_mean", "auroc_sd"]].tolist() == pytest.approx([0.8, 0.1])  # n - 1
    assert row[["test_loss_mean", "test_loss_sd"]].tolist() == pytest.approx([0.5, 0.1])
    assert row[["auprc_mean", "auprc_sd"]].tolist() == pytest.approx([0.3, 0.0])


def test_times_stand_in_a_file_of_their_own_repeat_by_repeat(files):
    files.compare()
    times = pd.read_csv(files.folder / "times.csv")
    assert times.columns.tolist() == TIME_COLUMNS
    assert times["train_seconds"].tolist()[:4] == [10.5, 99, 99, 11.5]
    first = times[times["repeat"] == 1]
    assert list(zip(first["protocol"], first["model"], strict=True)) == files.runs


def test_one_repeat_has_no_spread(files, texts):
    for path in files.repeats.values():
        pd.read_csv(path).query("repeat == 1").to_csv(path, index=False)
    table = files.compare()
    assert table["auroc_sd"].isna().all()
    assert (table["auroc_mean"] == 0.8).all()
    assert not any("±" in text for text in texts)


def test_delong_is_paired_and_against_the_lstm_of_the_same_protocol(files):
    table = files.compare().set_index(["protocol", "model"])
    columns = ["delong_difference", "delong_low", "delong_high", "p"]
    for protocol in PROTOCOLS:
        label, reference = scored(files, (protocol, "lstm"))
        assert table.loc[(protocol, "lstm"), columns].isna().all()
        _, probability = scored(files, (protocol, "gru"))
        aurocs, covariance = delong_covariance(label, np.column_stack([probability, reference]))
        rarer = min(label.sum(), len(label) - label.sum())
        difference, error = aurocs @ [1, -1], np.sqrt([1, -1] @ covariance @ [1, -1])
        assert table.loc[(protocol, "gru"), columns].tolist() == pytest.approx(
            [
                difference,
                difference - t.isf(0.025, rarer - 1) * error,
                difference + t.isf(0.025, rarer - 1) * error,
                2 * t.sf(abs(difference / error), rarer - 1),
            ]
        )
    tested = table.dropna(subset="p")
    assert len(tested) == 4  # one family: the models of all protocols
    assert tested["p_holm"].to_list() == pytest.approx(multipletests(tested["p"], method="holm")[1])


def test_without_the_lstm_its_cells_stay_empty(files):
    files.only(("audited", "gru"))
    table = files.compare(synthetic=False)
    assert table[["p", "p_holm"]].isna().all(axis=None)
    assert set(table["data"]) == {"real"}


def test_the_figure_says_what_the_table_says(files, texts):
    table = files.compare()
    row = table.iloc[1]
    for score in ("auroc", "auprc", "test_loss"):
        value, low, high = (row[f"{score}{end}"] for end in ("", "_low", "_high"))
        assert f"{value:.3f} ({low:.3f}–{high:.3f})" in texts
    assert {"Parameters", "1,001", "Test loss"} <= set(texts)
    assert texts.count("0.800 ± 0.100") == 6
    p = "p < 0.001" if row["p_holm"] < 0.001 else f"p = {row['p_holm']:.3f}"
    assert f"{row['delong_difference']:+.3f}, {p}".replace("-", "−") in texts
    assert texts.count("–") == 2  # an LSTM is not tested against itself
    events = row["events"]
    assert f"Audited protocol (n = 240, {events} events)" in texts
    assert f"Published protocol, optimistic (n = 240, {events} events)" in texts


def test_the_published_context_is_a_band_of_the_auroc_alone(files, texts, monkeypatch):
    bands = []
    monkeypatch.setattr(Axes, "axvspan", lambda self, low, high, **style: bands.append((low, high)))
    files.compare()
    assert bands == [(0.854, 0.862)]
    known = pd.read_csv(reference("published_context.csv")).iloc[0]
    assert "another cohort" in known["text"]


def test_the_same_input_gives_the_same_bytes_however_long_it_took(files):
    outputs = [files.folder / name for name in OUTPUTS[:2]]
    files.compare()
    before = [path.read_bytes() for path in outputs]
    for path in files.seconds.values():
        path.write_text(json.dumps({"train_seconds": [0.1, 0.2, 0.3]}))
    files.compare()
    assert before == [path.read_bytes() for path in outputs]


def test_models_that_do_not_fit_together_are_named(files):
    files.change(
        ("audited", "gru"), lambda frame: frame.assign(stay_id=frame["stay_id"].to_numpy() + 1)
    )
    with pytest.raises(PredictionsError, match=r"audited_gru\.parquet: not the rows of"):
        files.compare()
    del files.repeats["audited", "lstm"]
    with pytest.raises(ConfigError, match="not of the same models"):
        files.compare()
    files.only()
    with pytest.raises(ConfigError, match="not of the same models"):
        files.compare()


@pytest.mark.parametrize(
    "content", [None, "", "{}", '{"train_seconds": []}', '{"train_seconds": [null]}', "[1]"]
)
def test_a_time_that_is_not_there(files, content):
    path = files.seconds["audited", "gru"]
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(InputError, match=r"audited_gru\.json: does not give the train_seconds"):
        files.compare()
    assert not (files.folder / "comparison.csv").exists()


def test_repeats_and_predictions_that_cannot_be_used(files):
    files.repeats["audited", "lstm"].write_text("repeat,parameters,log_loss,auroc,auprc\n")
    with pytest.raises(InputError, match=r"audited_lstm\.csv: has no rows"):
        files.compare()
    files.repeats["audited", "lstm"].unlink()
    with pytest.raises(InputError, match=r"audited_lstm\.csv: cannot be read"):
        files.compare()
    files.change(("audited", "lstm"), lambda frame: frame.assign(label=1))
    with pytest.raises(PredictionsError, match="all 240 stays have label 1"):
        files.compare()


def test_sizes_that_differ_by_a_few_patients_from_another_protocols_are_left_out(tmp_path):
    made = Files(tmp_path)
    for run in made.runs:
        if run[0] == "published":
            pd.read_parquet(made.predictions[run]).iloc[:-4].to_parquet(made.predictions[run])
    for study, shown in ((Study(synthetic=True), True), (Study(), False)):
        outputs = [tmp_path / name for name in OUTPUTS]
        compare_protocols(made.predictions, made.repeats, made.seconds, *outputs, study)
        sizes = pd.read_csv(outputs[0]).set_index("protocol")[["patients", "n", "events"]]
        assert sizes.loc["audited"].notna().all(axis=None)
        assert sizes.loc["published"].notna().all(axis=None) == shown
