"""Figures of calibration, decisions and subgroups: repeatable, stamped, saying their numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_predictions import TITLES, table, write
from PIL import Image

from mimicflow.evaluation.calibration_table import calibrate_models
from mimicflow.evaluation.decisions import weigh_decisions
from mimicflow.evaluation.figures import canvas
from mimicflow.evaluation.study import Study
from mimicflow.evaluation.subgroups import score_subgroups

VERMILION = (213, 94, 0)
STAYS = {"a": "all", "b": "all", "c": "multi"}
NAMES = {"reliability.png", "decision.png", "subgroups.png"}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    tables = {"a": table(400), "b": table(400, 2, 1), "c": table(300, 0.5)}
    levels = np.array(["Here", "There", "Rare"])[np.r_[[2] * 4, np.arange(396) % 2]]
    groups = pd.DataFrame({"stay_id": np.arange(400)}).assign(
        **dict.fromkeys(("sex", "age_band", "race", "arrival", "insurance"), levels)
    )
    groups.to_parquet(folder / "groups.parquet")
    tables["a"].query("split == 'test'").to_parquet(folder / "cohort.parquet")
    return write(folder, tables), folder / "groups.parquet"


def draw_all(source, folder, synthetic, models=("a", "b", "c")):
    paths, groups = source
    paths = {model: paths[model] for model in models}
    study = Study(synthetic=synthetic, titles=TITLES)
    files = [folder / "calibration.csv", folder / "reliability.csv", folder / "reliability.png"]
    calibrate_models(paths, STAYS, *files, study)
    weigh_decisions(
        paths, STAYS, folder / "decision.csv", folder / "decision.png", study,
        thresholds=np.arange(1, 20) / 20,
    )  # fmt: skip
    score_subgroups(
        paths, STAYS, groups, groups.with_name("cohort.parquet"), folder / "subgroups.csv",
        {models[0]: folder / "subgroups.png"}, study,
    )  # fmt: skip
    return {name: folder / name for name in NAMES}


def stamped(path) -> bool:
    """Whether the upper right corner holds a filled box of the stamp's colour."""
    pixels = np.asarray(Image.open(path).convert("RGB"))
    corner = pixels[: len(pixels) // 8, pixels.shape[1] // 2 :]
    return bool((corner == VERMILION).all(axis=2).sum() > 3000)


def test_same_bytes_again_and_a_stamp_on_synthetic_figures_only(source, tmp_path):
    first = draw_all(source, tmp_path / "a", True)
    with canvas.mpl.rc_context({"font.size": 30, "savefig.dpi": 50}):  # a user's own style
        again = draw_all(source, tmp_path / "b", True)
    real = draw_all(source, tmp_path / "c", False, models=("a",))
    for name in NAMES:
        assert first[name].read_bytes() == again[name].read_bytes()
        assert stamped(first[name]), name
        assert not stamped(real[name]), name
        assert b"Software" not in first[name].read_bytes()[:200]
    for table_ in ("calibration", "reliability", "decision", "subgroups"):
        name = f"{table_}.csv"
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_figures_say_whose_numbers_they_show(source, tmp_path, texts):
    draw_all(source, tmp_path, False)
    shown = set(texts)
    assert {"Model A", "Model B", "c", "as predicted", "after beta recalibration"} <= shown
    assert {"All stays", "Stays with ≥ 2 ECGs", "Treat all", "Treat none"} <= shown
    measured = pd.read_csv(tmp_path / "calibration.csv").query("model == 'b'")
    for method in ("none", "beta"):
        values = measured[measured["recalibration"] == method].set_index("score")["value"]
        note = f"{values['calibration_intercept']:.2f} / {values['calibration_slope']:.2f}"
        assert note.replace("-", "−") in shown
    levels = pd.read_csv(tmp_path / "subgroups.csv").query("model == 'a' and group == 'sex'")
    assert levels["suppressed"].any()
    for _, row in levels.iterrows():
        counts = f"{row['events']:,.0f} of {row['n']:,.0f}"
        assert f"{row['level']}  ({'not shown' if row['suppressed'] else counts})" in shown
    assert "Model A – All stays" in shown


def test_one_model_without_validation_patients_fits_the_page(source, tmp_path, texts):
    paths, groups = source
    frame = pd.read_parquet(paths["a"])
    alone = write(tmp_path, {"a": frame[frame["split"] == "test"]})
    draw_all((alone, groups), tmp_path, True, models=("a",))
    assert "after beta recalibration" not in texts
    width, height = Image.open(tmp_path / "reliability.png").size
    assert (width, height) == (1000, 990)


def test_few_real_patients_leave_a_diagram_that_says_so(source, tmp_path, texts):
    """Every bin is too small to be shown, the scores still are."""
    paths, _ = source
    rows = pd.read_parquet(paths["a"])
    few = pd.concat([part.head(2) for _, part in rows.groupby(["fold", "split", "label"])])
    few.to_parquet(tmp_path / "few.parquet")

    files = [tmp_path / name for name in ("c.csv", "r.csv", "r.png")]
    calibrate_models({"a": tmp_path / "few.parquet"}, STAYS, *files, Study())

    assert pd.read_csv(files[1]).empty
    assert any("too few patients" in text for text in texts)
