"""False positives and negatives of a few patients, counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_predictions import draw

from mimicflow.errors import InputError
from mimicflow.evaluation.study import Study
from mimicflow.mortality.misjudged import CELLS, COLUMNS, describe_errors

MADE = Study(synthetic=True)
# Alive .1 .6 .8, died .3 .9 of women; alive .2, died .5 .7 of men.
EIGHT = pd.DataFrame(
    {
        "sex": ["Female"] * 5 + ["Male"] * 3,
        "label": [0, 0, 0, 1, 1, 0, 1, 1],
        "probability": [0.1, 0.6, 0.8, 0.3, 0.9, 0.2, 0.5, 0.7],
    }
)


def described(folder, patients, study=MADE, **groups):
    ids = np.arange(len(patients))
    table = patients.assign(stay_id=ids, subject_id=ids + 1000, split="test")
    members = table[["stay_id", "sex"]].assign(**groups)
    members.to_parquet(folder / "groups.parquet")
    table.drop(columns="sex").to_parquet(folder / "lstm.parquet")
    output = folder / "errors.csv"
    describe_errors("lstm", folder / "lstm.parquet", folder / "groups.parquet", output, study)
    return pd.read_csv(output, dtype={"patients": str}).set_index(["group", "level", "cell"])


def made(n=400):
    """Return patients of whom every hundredth is of a third sex, and who die as predicted."""
    label, probability = draw(n)
    sex = np.where(np.arange(n) % 100 == 0, "Unknown", np.where(np.arange(n) % 2, "Female", "Male"))
    return pd.DataFrame({"sex": sex, "label": label, "probability": probability})


def test_errors_are_counted_with_their_mean_probability(tmp_path):
    found = described(tmp_path, EIGHT)

    assert found.loc[("all", "all"), "patients"].to_dict() == {
        "fp": "2", "fn": "1", "tp": "3", "tn": "2",
    }  # fmt: skip
    everybody = found.loc[("all", "all")]
    assert everybody["mean_probability"].to_dict() == pytest.approx(
        {"fp": 0.7, "fn": 0.3, "tp": 0.7, "tn": 0.15}
    )
    assert everybody["share"].to_dict() == pytest.approx(
        {"fp": 0.5, "fn": 0.25, "tp": 0.75, "tn": 0.5}
    )
    assert everybody[["low", "high"]].isna().all(axis=None)  # of three patients at most
    men = found.loc[("sex", "Male")]
    assert men["patients"].to_dict() == {"fp": "0", "fn": "0", "tp": "2", "tn": "1"}
    assert men.loc["fp", "share"] == 0 and np.isnan(men.loc["fp", "mean_probability"])


def test_a_probability_at_the_threshold_is_flagged_and_unknown_stands_last(tmp_path):
    patients = EIGHT.assign(sex=["Unknown"] * 2 + ["Zebra"] * 6)
    found = described(tmp_path, patients)

    assert found.loc[("sex", "Zebra", "tp"), "patients"] == "3"  # one of them at .5
    assert list(dict.fromkeys(found.loc["sex"].index.get_level_values("level"))) == [
        "Zebra",
        "Unknown",
    ]


def test_small_cells_of_real_patients_are_hidden_and_none_follows_from_others(tmp_path):
    patients = made()
    found = described(tmp_path, patients, Study())
    counts = found["patients"]
    numbers = counts[counts.str.isdigit()].astype(int)

    assert not numbers.between(1, 9).any()
    hidden = found[~counts.str.isdigit()]
    assert hidden[["share", "mean_probability", "low", "high"]].isna().all(axis=None)
    assert (counts.loc[("sex", "Unknown")].isin(["<10", "hidden"])).all()
    # What is hidden of a cell cannot be all that is missing from the whole.
    for cell in CELLS:
        of_sex = counts.xs(cell, level="cell").loc["sex"]
        assert (~of_sex.str.isdigit()).sum() != 1
        shown = of_sex[of_sex.str.isdigit()].astype(int).sum()
        rest = int(counts[("all", "all", cell)]) - shown
        assert rest == 0 or rest >= 10


def test_a_small_cell_does_not_follow_from_the_outcomes_of_its_level(tmp_path):
    sizes = {("Female", 0): (5, 95), ("Male", 0): (30, 70)}
    sizes |= {("Female", 1): (25, 25), ("Male", 1): (25, 25)}
    patients = pd.DataFrame(
        [
            {"sex": sex, "label": label, "probability": probability}
            for (sex, label), numbers in sizes.items()
            for number, probability in zip(numbers, (0.9, 0.1), strict=True)
            for _ in range(number)
        ]
    )
    found = described(tmp_path, patients, Study())["patients"]

    assert found.loc[("sex", "Female")].to_dict() == {
        "fp": "<10", "fn": "25", "tp": "25", "tn": "hidden",
    }  # fmt: skip
    # All false positives are known, and so are the living of each sex.
    assert found.loc[("sex", "Male")].to_dict() == {
        "fp": "hidden", "fn": "25", "tp": "25", "tn": "hidden",
    }  # fmt: skip


def test_of_few_deaths_nothing_is_shown(tmp_path):
    patients = made(60)
    died = patients.index[patients["label"] == 1]
    patients = patients.drop(index=died[9:]).reset_index(drop=True)
    found = described(tmp_path, patients, Study())

    assert not found["patients"].str.isdigit().any()


def test_no_patient_is_in_the_table(tmp_path):
    described(tmp_path, EIGHT)
    text = (tmp_path / "errors.csv").read_text()

    assert not any(str(number) in text for number in range(1000, 1008))
    assert list(pd.read_csv(tmp_path / "errors.csv").columns) == COLUMNS


def test_a_stay_without_groups_stops(tmp_path):
    described(tmp_path, EIGHT)
    groups = pd.read_parquet(tmp_path / "groups.parquet").iloc[1:]
    groups.to_parquet(tmp_path / "groups.parquet")
    with pytest.raises(InputError, match=r"groups\.parquet: 1 stays with predictions"):
        describe_errors(
            "lstm", tmp_path / "lstm.parquet", tmp_path / "groups.parquet", tmp_path / "e.csv", MADE
        )
