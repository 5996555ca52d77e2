"""The chapter of the cohort on the page."""

from html_pages import Element, rows_of, tables


def test_patients_needed_stand_beside_those_there_are(arrest: Element, real_arrest: Element):
    caption = "Patients needed and present: Heart-rate variability, AUROC 0.801, 50 predictors."
    rows = rows_of(tables(arrest, caption)[0])
    assert rows[1] == ["Effects shrink to 0.9 or less", "1\u202f480", "320", "311", "67", "no"]
    assert rows[2][1:] == ["212", "320", "45", "67", "yes"]
    assert rows[-1][1:] == ["212", "90", "45", "", "no"]
    hidden = rows_of(tables(real_arrest, caption)[0])
    assert hidden[1][1:] == ["hidden"] * 4 + [""]
