"""The cohort by outcome and the histogram of visits, worked by hand and hidden where small."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from mimicflow.errors import CohortError, InputError
from mimicflow.evaluation.study import Study
from mimicflow.mortality.description import describe_icu_cohort, describe_visits

# Patients by number of visits; 120 in all, 261 visits.
VISITS = {1: 60, 2: 25, 3: 20, 4: 4, 5: 6, 9: 5}
N = 120


@pytest.fixture
def cohort():
    """120 patients, the last 40 of whom died."""
    return pd.DataFrame(
        {
            "stay_id": np.arange(N) + 500,
            "subject_id": np.arange(N),
            "hadm_id": np.arange(N),
            "label": np.repeat([0, 1], [80, 40]).astype("int8"),
            "split": "train",
            "age": np.repeat([50, 70], [80, 40]),
            "gender": np.tile(["F", "M"], 60),
            "race": np.repeat(["WHITE", " white - russian", "ASIAN", None, "ELSEWHERE"], 24),
            "insurance": np.repeat(["Medicare", None], 60),
            "icu_los": 2.0,
            "n_prior_icu": np.repeat([0, 2], [108, 12]),
        }
    )


@pytest.fixture
def sequences(cohort):
    """A row per kept visit: code A always and twice, b in the last visit of the dead, rare ones."""
    rows = []
    for stay, died, n in zip(
        cohort["stay_id"],
        cohort["label"],
        np.repeat(list(VISITS), list(VISITS.values())),
        strict=True,
    ):
        kept = min(n, 3)
        for position in range(1, kept + 1):
            codes = ["ICD10:A", "ICD10:A"]
            codes += ["DRUG:b"] * int(died and position == kept)
            codes += [f"PROC9:{stay % 12:02d}"] if position == 1 else []
            rows.append((stay, position, n, 1000 * stay + position, codes))
    columns = ["stay_id", "position", "n_visits", "hadm_id", "codes"]
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture
def files(cohort, sequences, tmp_path):
    def write():
        cohort.to_parquet(tmp_path / "spine.parquet")
        shards = [tmp_path / f"{shard}.parquet" for shard in range(2)]
        for shard, path in enumerate(shards):
            sequences[sequences["stay_id"] % 2 == shard].to_parquet(path)
        return tmp_path / "spine.parquet", shards

    return write


@pytest.fixture
def describe(files, tmp_path):
    def run(synthetic=False):
        describe_icu_cohort(*files(), tmp_path / "one.csv", Study(synthetic=synthetic))
        return pd.read_csv(tmp_path / "one.csv", keep_default_na=False, dtype=str)

    return run


@pytest.fixture
def count(files, tmp_path):
    def run(synthetic=False):
        outputs = [tmp_path / name for name in ("visits.csv", "summary.csv", "visits.png")]
        describe_visits(*files(), *outputs, Study(synthetic=synthetic))
        counts, summary = (pd.read_csv(path, dtype=str) for path in outputs[:2])
        assert counts.columns.tolist() == ["n_visits", "patients"]
        assert summary.columns.tolist() == ["statistic", "value"]
        return tuple(dict(table.to_numpy().tolist()) for table in (counts, summary))

    return run


@pytest.fixture
def bars(monkeypatch) -> dict[int, int]:
    drawn: dict[int, int] = {}
    bar = Axes.bar

    def keep(self, places, heights, **style):
        drawn.update(zip(places, heights, strict=True))
        return bar(self, places, heights, **style)

    monkeypatch.setattr(Axes, "bar", keep)
    return drawn


def row(table, start, level=""):
    found = table[table["variable"].str.startswith(start) & (table["level"] == level)]
    return found.iloc[0][["overall", "alive", "died"]].tolist()


def test_the_cohort_by_outcome(describe):
    table = describe(synthetic=True)
    columns = ["variable", "level", "overall", "alive", "died", "missing", "smd", "data"]
    assert table.columns.tolist() == columns
    assert row(table, "Patients, n") == ["120", "80", "40"]
    assert row(table, "Age (years)") == ["50.0 (50.0–70.0)", "50.0 (50.0–50.0)", "70.0 (70.0–70.0)"]
    assert row(table, "Sex", "Female") == ["60 (50.0)", "40 (50.0)", "20 (50.0)"]
    assert row(table, "Race", "White") == ["48 (40.0)", "48 (60.0)", "0 (0.0)"]
    assert row(table, "Race", "Unknown") == ["24 (20.0)", "8 (10.0)", "16 (40.0)"]
    assert row(table, "Race", "Other") == ["24 (20.0)", "0 (0.0)", "24 (60.0)"]
    assert row(table, "Insurance", "Unknown") == ["60 (50.0)", "20 (25.0)", "40 (100.0)"]
    assert row(table, "Hospital visits") == ["1.5 (1.0–3.0)", "1.0 (1.0–1.2)", "3.0 (3.0–5.0)"]
    assert row(table, "Length of the ICU stay (days)") == ["2.0 (2.0–2.0)"] * 3
    assert row(table, "ICU stay before") == ["12 (10.0)", "0 (0.0)", "12 (30.0)"]
    assert row(table, "Death within a year") == ["40 (33.3)", "0 (0.0)", "40 (100.0)"]
    assert set(table["data"]) == {"synthetic"}


def test_nobody_with_an_earlier_icu_stay_is_a_row_of_zeros(describe, cohort):
    cohort["n_prior_icu"] = 0
    assert row(describe(), "ICU stay before") == ["0 (0.0)"] * 3


def test_a_patient_has_a_code_once_and_the_ten_most_frequent_are_shown(describe):
    table = describe(synthetic=True)
    codes = table[table["variable"] == "Most frequent codes of the sequences, n (%)"]
    assert codes["level"].tolist() == [
        *("ICD10:A", "DRUG:b"),
        *(f"PROC9:{code:02d}" for code in range(8)),  # ten patients each: by name
    ]
    assert row(table, "Most", "ICD10:A") == ["120 (100.0)", "80 (100.0)", "40 (100.0)"]
    assert row(table, "Most", "DRUG:b") == ["40 (33.3)", "0 (0.0)", "40 (100.0)"]


def test_visits_of_others_and_of_none(describe, count, sequences, cohort):
    others = sequences.assign(stay_id=lambda v: v["stay_id"] + 10_000, n_visits=99)
    none = sequences["stay_id"] == 500
    sequences.drop(index=sequences.index[none], inplace=True)
    sequences.loc[len(sequences) + 1] = others.iloc[0]
    counts, _ = count(synthetic=True)
    assert (counts["0"], counts["1"]) == ("1", "59")  # the first patient has none
    assert "99" not in counts
    assert row(describe(synthetic=True), "Most", "ICD10:A")[0] == "119 (99.2)"


def test_small_groups_are_hidden_in_the_table(describe):
    table = describe()
    assert row(table, "Race", "Unknown")[1] == "<10"
    races = table[table["variable"] == "Race, n (%)"]
    assert (races["alive"] == "hidden").sum() == 1  # or the total would give it away
    assert races["smd"].tolist() == [""] * 4
    assert row(table, "Most", "PROC9:00")[1:] == ["<10", "<10"]
    assert set(table["data"]) == {"real"}


def test_visits_per_patient(count, texts, bars):
    counts, summary = count(synthetic=True)
    assert counts == {str(n): str(patients) for n, patients in VISITS.items()}
    assert summary == {
        **{"patients": "120", "min": "1", "median": "1.5", "max": "9"},
        "mean": str(261 / 120),
    }
    assert bars == VISITS
    assert {"120 patients", "min 1", "median 1.5", "mean 2.2", "max 9"} <= set(texts)
    assert not any("not drawn" in text for text in texts)


def test_small_numbers_of_patients_are_hidden(count, texts, bars):
    counts, summary = count()
    assert counts == {"1": "60", "2": "25", "3": "20", "4": "<10", "5": "<10", "9": "<10"}
    assert summary["mean"] == "2"  # of 2.175: no second sum to work the counts out from
    assert bars == {1: 60, 2: 25, 3: 20}
    assert any("Bars of fewer than 10 patients are not drawn." in text for text in texts)


def test_in_a_large_cohort_one_decimal_of_the_mean_gives_nothing_away(cohort, sequences, tmp_path):
    n = 20_000
    spine = cohort.loc[np.zeros(n, int)].assign(stay_id=np.arange(n))
    visits = sequences.loc[np.zeros(n, int)].assign(stay_id=np.arange(n), n_visits=2)
    visits["n_visits"] = np.r_[np.full(n // 2, 2), np.full(n // 2 - 8, 3), [4] * 4, [9] * 4]
    paths = [tmp_path / name for name in ("s.parquet", "v.parquet", "v.csv", "m.csv", "v.png")]
    spine.to_parquet(paths[0])
    visits.to_parquet(paths[1])
    describe_visits(*paths, Study())
    assert pd.read_csv(paths[2])["patients"].tolist() == ["10000", "hidden", "<10", "<10"]
    assert pd.read_csv(paths[3], index_col=0).loc["mean", "value"] == 2.5


def test_a_single_small_count_takes_another_with_it(count, bars, sequences):
    sequences.loc[sequences["n_visits"].isin([4, 5]), "n_visits"] = 3
    counts, _ = count()
    assert counts == {"1": "60", "2": "hidden", "3": "30", "9": "<10"}
    assert bars == {1: 60, 3: 30}


def test_a_cohort_of_few_patients_is_not_described(files, cohort, count, texts):
    cohort.drop(index=cohort.index[5:], inplace=True)
    counts, summary = count()
    assert counts == {"1": "<10"}
    assert set(summary.values()) == {"<10"}
    assert not any(text.startswith(("min", "5 patients")) for text in texts)


def test_the_same_input_gives_the_same_bytes(describe, count, tmp_path):
    names = ("one.csv", "visits.csv", "summary.csv", "visits.png")
    describe(), count()
    before = [(tmp_path / name).read_bytes() for name in names]
    describe(), count()
    assert before == [(tmp_path / name).read_bytes() for name in names]


def test_files_that_cannot_be_used_are_named(files, cohort, tmp_path):
    spine, visits = files()
    output = tmp_path / "one.csv"
    with pytest.raises(InputError, match=r"none\.parquet: cannot be read"):
        describe_icu_cohort(tmp_path / "none.parquet", visits, output, Study())
    with pytest.raises(InputError, match="the visits cannot be read"):
        describe_icu_cohort(spine, tmp_path / "none.parquet", output, Study())
    pd.concat([cohort, cohort]).to_parquet(spine)
    with pytest.raises(InputError, match="holds stays more than once"):
        describe_icu_cohort(spine, visits, output, Study())
    cohort.drop(columns="age").to_parquet(spine)
    with pytest.raises(InputError, match=r"spine\.parquet: cannot be read: .*age"):
        describe_icu_cohort(spine, visits, output, Study())
    cohort.assign(stay_id=np.arange(N)).to_parquet(spine)
    with pytest.raises(InputError, match="of other stays than those of the cohort"):
        describe_icu_cohort(spine, visits, output, Study())
    cohort.head(0).to_parquet(spine)
    with pytest.raises(CohortError, match="nobody is in the cohort"):
        describe_icu_cohort(spine, visits, output, Study())
    assert not output.exists()


def test_a_cohort_that_differs_by_a_few_from_another_protocols_shows_no_count(files, tmp_path):
    spine, visits = files()
    others = tmp_path / "others.parquet"
    outputs = [tmp_path / name for name in ("visits.csv", "summary.csv", "visits.png")]
    for fewer, shown in ((4, False), (40, True)):
        pd.read_parquet(spine).reset_index().iloc[fewer:].to_parquet(others)
        describe_icu_cohort(spine, visits, tmp_path / "one.csv", Study(), beside=[others])
        describe_visits(spine, visits, *outputs, Study(), beside=[others])
        table = pd.read_csv(tmp_path / "one.csv", keep_default_na=False, dtype=str)
        assert table[["overall", "alive"]].isin(["", "hidden"]).all(axis=None) is not shown
        assert (set(pd.read_csv(outputs[0])["patients"]) == {"hidden"}) is not shown
        assert (set(pd.read_csv(outputs[1])["value"]) == {"hidden"}) is not shown
