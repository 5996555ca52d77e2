"""Figures: the same bytes every time, stamped when synthetic, with the numbers on them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from mimicflow.errors import InputError
from mimicflow.evaluation.assessment import Assessment, assess
from mimicflow.evaluation.figures import canvas
from mimicflow.evaluation.figures import performance as figures
from mimicflow.evaluation.study import Study

VERMILION = (213, 94, 0)


@pytest.fixture(scope="module")
def assessment() -> Assessment:
    generator = np.random.default_rng(0)
    label = np.tile([0, 1], 40)
    frame = pd.DataFrame(
        {
            "stay_id": np.arange(80),
            "subject_id": np.arange(80) // 2,
            "split": "test",
            "label": label,
            "probability": np.clip(0.3 * label + 0.7 * generator.random(80), 0, 1),
        }
    )
    return assess(frame, "All stays", Study(), level=0.99)


@pytest.fixture
def history() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "epoch": [1, 2, 3],
            "train_loss": [0.7, 0.6, 0.5],
            "val_loss": [0.7, 0.65, 0.66],
            "train_auc": [0.6, 0.7, 0.8],
            "val_auc": [0.6, 0.69, 0.68],
            "is_best": [True, True, False],
        }
    )


@pytest.fixture
def table() -> pd.DataFrame:
    row = {"n": 1000, "events": 400, "published_auroc": 0.9, "published_auprc": np.nan}
    for score in ("auroc", "auprc"):
        row |= {score: 0.8, f"{score}_low": 0.75, f"{score}_high": 0.84}
    return pd.DataFrame(
        [row | {"stays": stays, "title": title} for stays in ("all", "multi") for title in "ab"]
    )


def draw_all(assessment, history, table, folder, synthetic):
    figures.draw_roc(
        [assessment] * 5, folder / "roc.png", Study(synthetic=synthetic), title="Title"
    )
    figures.draw_prc([assessment], folder / "prc.png", Study(synthetic=synthetic))
    figures.draw_confusion(assessment, folder / "confusion.png", Study(synthetic=synthetic))
    figures.draw_loss(history, folder / "loss.png", Study(synthetic=synthetic))
    figures.draw_comparison(table, folder / "comparison.png", Study(synthetic=synthetic))
    return {path.name: path for path in folder.iterdir()}


def stamped(path) -> bool:
    """Whether the upper right corner holds a filled box of the stamp's colour."""
    pixels = np.asarray(Image.open(path).convert("RGB"))
    corner = pixels[: len(pixels) // 8, pixels.shape[1] // 2 :]
    return bool((corner == VERMILION).all(axis=2).sum() > 1000)


def test_same_bytes_again_and_a_stamp_on_synthetic_figures_only(
    assessment, history, table, tmp_path
):
    first = draw_all(assessment, history, table, tmp_path / "a", True)
    with canvas.mpl.rc_context({"font.size": 30, "savefig.dpi": 50}):  # a user's own style
        again = draw_all(assessment, history, table, tmp_path / "b", True)
        assert canvas.mpl.rcParams["font.size"] == 30
    real = draw_all(assessment, history, table, tmp_path / "c", False)
    assert set(first) == {f"{n}.png" for n in ("roc", "prc", "confusion", "loss", "comparison")}
    for name, path in first.items():
        assert path.read_bytes() == again[name].read_bytes()
        assert stamped(path), name
        assert not stamped(real[name]), name
        assert b"Software" not in path.read_bytes()[:200]


def test_the_curves_say_their_score_and_size(assessment, tmp_path, texts):
    figures.draw_roc([assessment], tmp_path / "roc.png", Study(synthetic=True))
    figures.draw_prc([assessment], tmp_path / "prc.png", Study(synthetic=True))
    shown = "\n".join(texts)
    for score in ("auroc", "auprc"):
        estimate = assessment.scores[score]
        assert f"{score.upper()} {estimate.value:.3f} ({estimate.low:.3f}" in shown
    assert "n = 80, 40 events" in shown
    assert "99% interval" in shown


def test_the_prevalence_is_drawn(assessment, tmp_path, monkeypatch):
    heights = []
    monkeypatch.setattr(
        Axes, "axhline", lambda self, height, **style: heights.append(height), raising=True
    )
    figures.draw_prc([assessment], tmp_path / "prc.png", Study())
    assert heights == [0.5]


def test_the_confusion_matrix_shows_counts_and_row_shares(assessment, tmp_path, texts):
    study = Study(synthetic=True)
    figures.draw_confusion(assessment, tmp_path / "c.png", study, classes=("No", "Yes"))
    cells = assessment.confusion
    assert f"{cells['tn']}\n{cells['tn'] / 40:.1%}" in texts
    assert f"{cells['tp']}\n{cells['tp'] / 40:.1%}" in texts
    assert {"No", "Yes"} <= set(texts)


def test_a_small_cell_is_not_drawn_nor_what_gives_it_away(assessment, tmp_path, texts):
    cells = assessment.confusion | {"tn": 37, "fp": 3, "fn": 12, "tp": 28}
    patients = {name: int(cells[name]) for name in ("tn", "fp", "fn", "tp")}
    few = replace(assessment, confusion=cells, cell_patients=patients)
    figures.draw_confusion(few, tmp_path / "c.png", Study())
    # Rows and columns have known sums: with one cell of four, all are known.
    assert (texts.count("<10"), texts.count("hidden")) == (1, 3)
    assert not any("12" in text or "precision" in text for text in texts)
    texts.clear()
    figures.draw_confusion(few, tmp_path / "c.png", Study(synthetic=True))
    assert {"37\n92.5%", "3\n7.5%"} <= set(texts)
    assert any("precision" in text for text in texts)


def test_a_cell_of_many_stays_of_few_patients_is_small(assessment, tmp_path, texts):
    cells = assessment.confusion | {"tn": 30, "fp": 30, "fn": 12, "tp": 28}
    patients = {"tn": 30, "fp": 30, "fn": 4, "tp": 28}
    few = replace(assessment, confusion=cells, cell_patients=patients)

    figures.draw_confusion(few, tmp_path / "c.png", Study())

    assert texts.count("<10") == 1
    assert not any("12\n" in text for text in texts)


def test_the_last_best_epoch_is_marked(history, tmp_path, texts):
    figures.draw_loss(history, tmp_path / "loss.png", Study())
    assert "kept: epoch 2" in texts
    texts.clear()
    figures.draw_loss(history.assign(is_best=False), tmp_path / "loss.png", Study())
    assert not any(text.startswith("kept") for text in texts)


def test_auprc_has_a_panel_where_both_parts_have_it(history, tmp_path, texts):
    figures.draw_loss(history.assign(val_ap=0.5), tmp_path / "loss.png", Study())
    assert "AUPRC" not in texts
    height = Image.open(tmp_path / "loss.png").height
    texts.clear()
    both = history.assign(val_ap=0.5, train_ap=0.6)
    figures.draw_loss(both, tmp_path / "loss.png", Study())
    assert {"Loss", "AUROC", "AUPRC"} <= set(texts)
    assert Image.open(tmp_path / "loss.png").height > height


def test_rows_stand_under_the_heading_of_their_group(table):
    rows, headings = figures.forest_rows(table, "stays", {"all": "Everybody"})
    assert headings == {
        0: "Everybody (n = 1,000, 400 events)",
        3: "multi (n = 1,000, 400 events)",
    }
    assert {line: row["title"] for line, row in rows.items()} == {1: "a", 2: "b", 4: "a", 5: "b"}


def test_columns_are_read_in_the_order_asked_for(history, tmp_path):
    path = tmp_path / "history.csv"
    history.to_csv(path, index=False)
    read = figures.read_columns(path, ["val_auc", "epoch"])
    assert read.columns.tolist() == ["val_auc", "epoch"]
    assert read["epoch"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read as CSV"),
        ("", "cannot be read as CSV"),
        ("epoch\n", "has no rows"),
        ("epoc\n1\n", "columns missing: epoch, loss"),
    ],
)
def test_a_table_that_training_did_not_write(tmp_path, content, message):
    path = tmp_path / "history.csv"
    if content is not None:
        path.write_text(content)
    columns = ["epoch", "loss"] if "missing" in message else ["epoch"]
    with pytest.raises(InputError, match=rf"history\.csv: {message}"):
        figures.read_columns(path, columns)


def test_the_comparison_prints_ours_and_the_published_score(table, tmp_path, texts):
    figures.draw_comparison(table, tmp_path / "comparison.png", Study())
    assert texts.count("0.800 (0.750–0.840)  |  0.900") == 4
    assert texts.count("0.800 (0.750–0.840)") == 4  # no AUPRC was published
    assert "All stays (n = 1,000, 400 events)" in texts
    assert "Stays with ≥ 2 ECGs (n = 1,000, 400 events)" in texts


def test_no_half_written_figure_is_left(history, tmp_path):
    with pytest.raises(KeyError):
        figures.draw_loss(
            history.drop(columns="val_loss"), tmp_path / "l.png", Study(synthetic=True)
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("off", [-1e-14, 1e-14, 0.1])
def test_a_value_outside_of_its_interval_is_drawn_all_the_same(off):
    """By rounding, where all draws say the same; or with few draws."""
    axes = Figure().subplots()
    row = pd.Series({"rate": 24.0, "rate_low": 24.0 + off, "rate_high": 24.0 + off})
    figures.forest_panel(axes, {0: row}, "rate", "Rate")
    assert f"24.000 ({24 + off:.3f}–{24 + off:.3f})" in [text.get_text() for text in axes.texts]
