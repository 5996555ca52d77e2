"""The chapter of the cohort on the page."""

from pathlib import Path

import pandas as pd
from html_pages import Element, rows_of, tables

from mimicflow.evaluation import missing, sample_size


def test_patients_needed_stand_beside_those_there_are(arrest: Element, real_arrest: Element):
    caption = "Patients needed and present: Heart-rate variability, AUROC 0.801, 50 predictors."
    rows = rows_of(tables(arrest, caption)[0])
    assert rows[1] == ["Effects shrink to 0.9 or less", "1\u202f480", "320", "311", "67", "no"]
    assert rows[2][1:] == ["212", "320", "45", "67", "yes"]
    assert rows[-1][1:] == ["212", "90", "45", "", "no"]
    hidden = rows_of(tables(real_arrest, caption)[0])
    assert hidden[1][1:] == ["hidden"] * 4 + [""]


def test_missing_features_stand_by_outcome(arrest: Element, real_arrest: Element):
    first, second = rows_of(tables(arrest, "Features that may be missing, by outcome.")[0])
    assert first[1:] == ["540", "120", "22.2 %", "20.0 %", "30.0 %", "read as missing by LightGBM"]
    assert second[2] == "4"
    _, hidden = rows_of(tables(real_arrest, "Features that may be missing, by outcome.")[0])
    assert hidden[1:6] == ["540", *["hidden"] * 4]


def test_the_made_files_have_the_columns_that_are_written(results: Path):
    for table in (missing, sample_size):
        name = table.__name__.rpartition(".")[2]
        found = pd.read_csv(results / f"arrest/{name}.csv")
        assert found.columns.tolist() == table.COLUMNS
