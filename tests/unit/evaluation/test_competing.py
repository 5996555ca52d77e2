"""Competing events: counted, hidden where few, and not taken for zero where nobody knows."""

import numpy as np
import pandas as pd
import pytest

from mimicflow.evaluation.competing import COLUMNS, count_competing_events
from mimicflow.evaluation.study import Study
from mimicflow.reference import reference


def counted(tmp_path, rows, found, system="mortality", **study):
    output = tmp_path / "competing_events.csv"
    count_competing_events(rows, found, output, Study(**study), system=system)
    table = pd.read_csv(output)
    assert table.columns.tolist() == COLUMNS
    return table.set_index("event")


@pytest.fixture
def rows():
    """Sixty stays of as many patients: the first twenty have the outcome, the last ten no label."""
    label = np.repeat([1.0, 0.0, np.nan], [20, 30, 10])
    return pd.DataFrame({"subject_id": range(60), "label": label})


def test_each_event_is_counted_with_its_outcomes_and_its_share(tmp_path, rows):
    place = np.arange(60)
    found = {"died_in_icu": place >= 45, "hospice": (place >= 15) & (place < 25)}
    table = counted(tmp_path, rows, found, synthetic=True)

    assert table.loc["all", ["n", "patients", "events", "share"]].tolist() == [60, 60, 20, 1]
    assert table.loc["hospice", ["n", "patients", "events"]].tolist() == [10, 10, 5]
    assert table.loc["died_in_icu", ["n", "events", "share"]].tolist() == [15, 0, 0.25]
    assert set(table["data"]) == {"synthetic"}


def test_what_the_tables_do_not_say_is_no_zero(tmp_path, rows):
    table = counted(tmp_path, rows, {}, synthetic=True)

    assert table.loc["limits", "known"] == "no"
    assert table.loc["limits", ["n", "patients", "events", "share"]].isna().all()
    assert "not read" in table.loc["limits", "label"]


def test_few_real_patients_are_hidden_and_so_are_their_outcomes(tmp_path, rows):
    place = np.arange(60)
    found = {"died_in_icu": place < 9, "hospice": (place >= 12) & (place < 40)}
    table = counted(tmp_path, rows, found)

    assert table.loc["died_in_icu", "suppressed"]
    assert table.loc["died_in_icu", ["n", "patients", "events", "share"]].isna().all()
    # Eight of the 28 have the outcome: the other count may stand, this one may not.
    assert table.loc["hospice", "n"] == 28
    assert np.isnan(table.loc["hospice", "events"])


def test_every_system_says_what_its_label_makes_of_each_event():
    facts = pd.read_csv(reference("competing_events.csv"), keep_default_na=False)
    assert set(facts["system"]) == {"admission", "mortality", "arrest"}
    assert facts[facts["event"] != "all"]["label"].ne("").all()
    assert not facts.duplicated(["system", "event"]).any()
