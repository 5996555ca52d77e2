"""Table 1 of a few stays, worked out by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from mimicflow.arrest.results.description import describe_arrest_cohort
from mimicflow.errors import InputError
from mimicflow.evaluation.study import Study

START = pd.Timestamp("2150-01-01")


class Files:
    """Stays of one patient each, the first with an arrest; every stay has four epochs of 5 min."""

    def __init__(self, folder, stays=6, reasons=("", "", "flat", "no_signal")):
        numbers = range(stays)
        self.folder, self.output = folder, folder / "table_one.csv"
        names = [f"s{n}" for n in numbers]
        self.spine = pd.DataFrame(
            {
                "stay_id": names,
                "subject_id": [f"p{n}" for n in numbers],
                "label": [int(n < max(1, stays // 4)) for n in numbers],
                "split": ["test" if n % 2 else "train" for n in numbers],
                "age": [60.0 + n for n in numbers],
                "n_recordings": 2,
                "intime": START,
                "outtime": [START + pd.Timedelta(days=1 + n) for n in numbers],
            }
        )
        self.groups = pd.DataFrame(
            {"stay_id": names, "sex": "Female", "icu": "MICU", "monitor": "IntelliVue"}
        )
        epochs = pd.DataFrame({"stay_id": [name for name in names for _ in reasons]})
        start = START + pd.to_timedelta(5 * epochs.index, "min")
        self.plan = epochs.assign(
            epoch_id=epochs.index, start=start, end=start + pd.Timedelta(minutes=5)
        )
        self.measured = self.plan[["epoch_id"]].assign(reason=[*reasons] * stays)

    def described(self, study):
        tables = ("spine", "groups", "plan", "measured")
        paths = {name: self.folder / f"{name}.parquet" for name in tables}
        for name, path in paths.items():
            getattr(self, name).to_parquet(path)
        # Two shards, the second without rows.
        empty = self.folder / "empty.parquet"
        self.measured.head(0).to_parquet(empty)
        describe_arrest_cohort(
            paths["spine"], paths["groups"], paths["plan"], [paths["measured"], empty],
            self.output, study,
        )  # fmt: skip
        return pd.read_csv(self.output, dtype=str).fillna("")


def cell(table, variable, column="overall", level=""):
    [row] = table[table["variable"].str.startswith(variable) & (table["level"] == level)].to_dict(
        "records"
    )
    return row[column]


def test_who_they_are_and_how_much_was_recorded_and_kept(tmp_path):
    table = Files(tmp_path).described(Study(synthetic=True))

    assert list(table.columns) == [
        *("variable", "level", "overall", "control", "event", "missing", "smd", "data")
    ]
    assert cell(table, "Stays") == "6" and cell(table, "Stays", "event") == "1"
    assert cell(table, "Age (years)", "event") == "60.0 (60.0–60.0)"
    assert cell(table, "Length of the ICU stay (days)") == "3.5 (2.2–4.8)"
    # Three of four epochs have a signal, a quarter of an hour; two of these are kept.
    assert cell(table, "ECG recorded in the window (hours)") == "0.2 (0.2–0.2)"
    assert cell(table, "Epochs kept") == "2.0 (2.0–2.0)"
    assert cell(table, "Share of recorded epochs kept (%)") == "66.7 (66.7–66.7)"
    assert cell(table, "Part of the split", level="held out") == "3 (50.0)"
    assert cell(table, "Part of the split", "event", "development") == "1 (100.0)"
    assert cell(table, "Unit", level="MICU") == "6 (100.0)"


def test_a_share_of_nothing_recorded_is_not_known(tmp_path):
    files = Files(tmp_path)
    files.measured.loc[:3, "reason"] = "unreadable"  # of the first stay
    table = files.described(Study(synthetic=True))

    assert cell(table, "Share of recorded", "missing") == "1"
    assert cell(table, "Share of recorded", "event") == ""
    assert cell(table, "Epochs kept", "event") == "0.0 (0.0–0.0)"


def test_few_real_patients_are_hidden(tmp_path):
    files = Files(tmp_path, stays=40)
    files.groups.loc[:2, "monitor"] = "Antique"
    table = files.described(Study())

    assert cell(table, "Monitor", level="Antique") == "<10"
    assert cell(table, "Monitor", level="IntelliVue") == "hidden"
    assert cell(table, "Stays", "event") == "10"
    few = Files(tmp_path, stays=8).described(Study())
    assert cell(few, "Age", "event") == "<10" and cell(few, "Stays", "event") == "<10"


def test_groups_of_other_stays_stop(tmp_path):
    files = Files(tmp_path)
    files.groups = files.groups.iloc[1:]
    with pytest.raises(InputError, match=r"groups\.parquet: does not hold the stays"):
        files.described(Study())
