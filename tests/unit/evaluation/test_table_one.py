"""Table 1 says what the package tableone says, and hides what is small."""

import numpy as np
import pandas as pd
import pytest
from tableone import TableOne

from mimicflow.errors import InputError
from mimicflow.evaluation.study import Study
from mimicflow.evaluation.table_one import table_one, write_table_one
from mimicflow.reference import reference

N = 400
LISTED = pd.read_csv(reference("table_one.csv"), keep_default_na=False)
VARIABLES = LISTED[LISTED["system"] == "admission"]


@pytest.fixture
def tables():
    """Four tables of made-up stays."""
    rng = np.random.default_rng(0)
    label = np.r_[np.zeros(220, int), np.ones(180, int)]
    spine = pd.DataFrame(
        {
            "stay_id": np.arange(N),
            "subject_id": np.arange(N) // 2 * 2,  # two stays each
            "label": label,
            "disposition": np.where(label, "ADMITTED", "HOME"),
            "acuity": rng.choice([1.0, 2.0, 3.0, np.nan], N),
        }
    )
    groups = pd.DataFrame({"stay_id": np.arange(N)})
    for name in ("age_band", "sex", "race", "arrival", "insurance"):
        groups[name] = rng.choice(["A", "B", "Unknown"], N, p=[0.4, 0.4, 0.2])
    features = pd.DataFrame({"stay_id": np.arange(N)})
    for row in VARIABLES[VARIABLES["source"] == "final_ecgs"].itertuples():
        flag = row.kind == "flag"
        features[row.variable] = rng.integers(0, 2, N) if flag else rng.normal(50, 9, N) + label
    vitals = pd.DataFrame({"stay_id": np.arange(N), "source": 1, "real_pain": 1})
    for row in VARIABLES[VARIABLES["source"] == "vitals"].itertuples():
        vitals[row.variable] = rng.normal(80, 9, N) + label
    vitals["pain"] = 4.0
    vitals.loc[:20, "heartrate"] = np.nan
    vitals.loc[:30, ["pain", "real_pain"]] = -1, 0
    later = vitals.assign(source=2, heartrate=0)
    return {
        "spine": spine,
        "final_ecgs": features,
        "groups": groups,
        "vitals": pd.concat([vitals, later]),
    }


@pytest.fixture
def write(tables, tmp_path):
    def run(synthetic=False, **options):
        paths = {name: tmp_path / f"{name}.parquet" for name in tables}
        for name, path in paths.items():
            tables[name].to_parquet(path)
        write_table_one(
            **paths, output=tmp_path / "one.csv", study=Study(synthetic=synthetic), **options
        )
        return pd.read_csv(tmp_path / "one.csv", keep_default_na=False, dtype=str)

    return run


def row(table, start, level=""):
    return table[table["variable"].str.startswith(start) & (table["level"] == level)].iloc[0]


def test_columns_and_size(write):
    table = write()
    columns = ["variable", "level", "overall", "home", "admitted", "missing", "smd", "data"]
    assert list(table) == columns
    assert row(table, "Stays")[["overall", "home", "admitted"]].tolist() == ["400", "220", "180"]
    assert row(table, "Patients")[["overall", "home", "admitted"]].tolist() == ["200", "110", "90"]
    assert set(table["data"]) == {"real"}
    assert set(write(synthetic=True)["data"]) == {"synthetic"}


def test_it_says_what_tableone_says(write, tables):
    ours = write()
    first = tables["vitals"].query("source == 1")
    frame = tables["final_ecgs"].assign(
        **tables["groups"].drop(columns="stay_id"),
        **first.drop(columns=["stay_id", "pain", "source"]),
    )
    frame["acuity"] = tables["spine"]["acuity"].astype("Int64").astype("string").astype(object)
    frame["outcome"] = tables["spine"]["label"]
    listed = VARIABLES[VARIABLES["variable"] != "pain"]
    is_continuous = listed["kind"] == "continuous"
    continuous = listed.loc[is_continuous, "variable"].tolist()
    categorical = listed.loc[~is_continuous, "variable"].tolist()
    theirs = TableOne(
        frame.where(frame.notna(), None),
        columns=[*continuous, *categorical],
        continuous=continuous,
        categorical=categorical,
        nonnormal=continuous,
        groupby="outcome",
        smd=True,
    )
    cells = theirs.tableone["Grouped by outcome"]
    compared = 0
    for variable in listed.itertuples():
        if variable.kind == "continuous":
            expected = cells.loc[f"{variable.variable}, median [Q1,Q3]"].iloc[0]
            found = row(ours, variable.label)
            for name, column in (("overall", "Overall"), ("home", "0"), ("admitted", "1")):
                text = expected[column].replace("[", "(").replace("]", ")").replace(",", "–")
                assert found[name] == text, variable
            smd = found["smd"]
        else:
            expected = cells.loc[f"{variable.variable}, n (%)"]
            rows = ours[ours["variable"] == f"{variable.label}, n (%)"]
            smd = rows["smd"].iloc[0]
            for found in rows.itertuples():
                level = "1" if variable.kind == "flag" else found.level
                line = expected.loc[level]
                assert [found.overall, found.home, found.admitted] == line[
                    ["Overall", "0", "1"]
                ].tolist()
                compared += 1
        assert abs(float(smd)) == pytest.approx(
            abs(theirs.smd_table.loc[variable.variable].iloc[0]), abs=0.003
        )
        compared += 1
    assert compared > 40


def test_missing_values_are_counted(write, tables):
    table = write()
    assert row(table, "Heart rate")["missing"] == "21"
    assert row(table, "Pain")["missing"] == "31"
    assert row(table, "Pain")["home"] == "4.0 (4.0–4.0)"
    lacking = str(tables["spine"]["acuity"].isna().sum())
    assert row(table, "Acuity", "1")["missing"] == lacking


def test_small_groups_are_hidden_and_cannot_be_worked_out(write, tables):
    race = np.array(["White"] * N, dtype=object)
    race[:4], race[200:300] = "Asian", "Black"  # two patients
    tables["groups"]["race"] = race
    table = write()
    asian = row(table, "Race", "Asian")
    assert asian[["overall", "home"]].tolist() == ["<10", "<10"]
    assert asian["admitted"] == "0 (0.0)"
    shown = table[table["variable"].str.startswith("Race")]
    assert (shown["home"] == "hidden").sum() == 1
    assert (shown["overall"] == "hidden").sum() == 1
    assert set(shown["smd"]) == {""}
    open_table = write(synthetic=True)
    assert row(open_table, "Race", "Asian")["overall"] == "4 (1.0)"
    assert not open_table.isin(["<10", "hidden"]).any(axis=None)


def test_a_flag_hides_the_few_that_lack_it(write, tables):
    tables["final_ecgs"]["Syncope"] = [0, 0, *[1] * (N - 2)]  # one patient without
    assert row(write(), "Complaint of syncope")["overall"] == "hidden"


def test_few_measurements_and_few_missing_ones_are_hidden(write, tables):
    tables["vitals"].loc[:, "sbp"] = np.nan
    tables["vitals"].iloc[:4, tables["vitals"].columns.get_loc("sbp")] = 120.0
    tables["vitals"].loc[3, "dbp"] = np.nan
    table = write()
    assert row(table, "Systolic")[["overall", "home", "smd"]].tolist() == ["<10", "<10", ""]
    assert row(table, "Diastolic")["missing"] == "<10"


def test_a_variable_without_spread_has_no_difference(write, tables):
    tables["groups"]["sex"] = "Female"
    tables["final_ecgs"]["age"] = 50.0
    table = write()
    assert row(table, "Sex", "Female")["smd"] == ""
    assert row(table, "Age (")["smd"] == ""


def test_levels_are_ordered_for_readers(write, tables):
    tables["groups"]["insurance"] = ["Unknown"] * 200 + ["Other"] * 100 + ["Private"] * 100
    levels = write().query("variable.str.startswith('Insurance')")["level"].tolist()
    assert levels == ["Private", "Other", "Unknown"]


def test_tables_of_other_stays_are_refused(write, tables):
    tables["groups"] = tables["groups"].head(10)
    with pytest.raises(InputError, match="does not hold the stays"):
        write()


def test_every_variable_has_a_kind_and_its_system_once():
    assert set(LISTED["kind"]) == {"continuous", "category", "flag", "flags"}
    assert not LISTED.duplicated(["system", "variable"]).any()


def test_another_system_has_other_variables_and_outcomes():
    stays = pd.DataFrame({"subject_id": range(60), "label": [0, 1] * 30})
    stays = stays.assign(age=50.0, icu_los=[1.0, 3.0] * 30, prior_icu=1, died=stays["label"])
    codes = pd.DataFrame({"X": [1] * 30 + [0] * 30, "Y": 0}, index=stays.index)
    tables = {"spine": stays, "codes": codes.assign(Z=[1] + [0] * 59)}
    found = table_one(tables, "mortality", ["alive", "died"], Study())
    assert found.columns[2:5].tolist() == ["overall", "alive", "died"]
    assert row(found, "Length of the ICU stay")["died"] == "3.0 (3.0–3.0)"
    assert not found["variable"].str.startswith(("Sex", "Hospital visits")).any()  # no such source
    shown = found[found["variable"].str.startswith("Most frequent codes")].set_index("level")
    assert shown.loc["X", ["overall", "alive", "died"]].tolist() == [
        "30 (50.0)",
        *["15 (50.0)"] * 2,
    ]
    assert shown.loc["Z", ["overall", "alive", "died"]].tolist() == ["<10", "<10", "0 (0.0)"]
    assert "Y" not in shown.index  # nobody has it


def test_the_same_input_gives_the_same_bytes(write, tmp_path):
    write()
    before = (tmp_path / "one.csv").read_bytes()
    write()
    assert (tmp_path / "one.csv").read_bytes() == before


def test_few_patients_with_stays_of_both_outcomes_cannot_be_worked_out(tables):
    """Patients with either outcome, less all patients, are those with both."""
    for both, shown in ((4, False), (40, True)):
        patients = np.arange(N)
        patients[220 : 220 + both] = np.arange(both)
        stays = {name: table.set_index("stay_id") for name, table in tables.items()}
        stays.pop("vitals")
        stays["spine"] = stays["spine"].assign(subject_id=patients)
        found = table_one(stays, "admission", ["home", "admitted"], Study())
        row = found[found["variable"] == "Patients, n"].iloc[0]
        assert row["overall"] == str(N - both)
        assert ([row["home"], row["admitted"]] == ["220", "180"]) is shown
