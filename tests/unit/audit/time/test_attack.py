"""A future that reaches a feature is found, whichever table and whichever way it comes by."""

import pandas as pd
import pytest
from made_hospital_tables import table, typed

from mimicflow.audit.findings import read_findings
from mimicflow.audit.time.attack import audit_attack, choose_stays
from mimicflow.audit.time.comparison import differences
from mimicflow.audit.time.future import KINDS, Future
from mimicflow.concepts import extract
from mimicflow.evaluation.study import Study

VISITS = "audited visit_codes"


@pytest.fixture
def attacked(tmp_path, asked, options):
    """Return a function: the findings of an attack under these options, by table and kind."""

    def run(system="admission", only=None, tables=None, stays=None, **changed):
        concepts = asked(system, tables, stays)
        audit_attack(
            tmp_path / "attack.csv",
            Study(synthetic=True),
            system=system,
            stays=5,
            concepts={name: concepts[name] for name in only or concepts},
            options=options(system, **changed),
        )
        found = read_findings(tmp_path / "attack.csv")
        return found.set_index(found["what"].str.partition(":")[0].str.split(", ").map(tuple))

    return run


def failed(found):
    return {table.rpartition(" ")[2] for table, _ in found.index[found["passed"].eq(False)]}


SOME = ["ed_labs", "medication_history", "prior_stays", "vitalsigns"]


@pytest.mark.parametrize(
    ("system", "only", "tables"), [("admission", SOME, 6), ("mortality", [VISITS], 4)]
)
def test_the_future_changes_nothing(attacked, system, only, tables):
    found = attacked(system, only)

    assert failed(found) == set()
    assert len(found) == tables * len(KINDS)
    # And something was attacked: every table has a future here, or gets one.
    assert (found["rows_touched"] > 0).groupby(lambda key: key[0]).any().all()


@pytest.mark.parametrize(
    ("concept", "changed", "source"),
    [
        ("ed_labs", {"availability": "charttime"}, "labevents"),
        ("ed_labs", {"missing_storetime": "charttime"}, "labevents"),
        ("medication_history", {"own_admission": "keep"}, "prescriptions"),
        ("diagnosis_history", {"reversed_times": "as_written"}, "admissions"),
        (VISITS, {"late_rows": "keep"}, "prescriptions"),
        (VISITS, {"late_rows": "keep"}, "procedures_icd"),
        (VISITS, {"reversed_times": "as_written"}, "admissions"),
    ],
)
def test_a_published_rule_that_lets_the_future_in_fails(attacked, concept, changed, source):
    system = "mortality" if concept == VISITS else "admission"

    assert source in failed(attacked(system, only=[concept], **changed))


def test_codes_of_a_later_admission_are_found_though_no_times_of_the_data_are_reversed(
    attacked, hospital
):
    """An admission that is added has codes: without any, nobody sees that its end is believed."""
    ordered = hospital["admissions"].query("admittime < dischtime")
    tables = {"admissions": ordered.reset_index(drop=True)}
    only = ["diagnosis_history"]

    assert failed(attacked(only=only, tables=tables)) == set()
    found = attacked(only=only, tables=tables, reversed_times="as_written")
    assert failed(found) == {"admissions"}


def test_diagnoses_that_count_from_the_admission_on_are_found(
    attacked, under_way, from_the_admission_on, monkeypatch
):

    monkeypatch.setattr(extract, "sql", from_the_admission_on)
    assert "diagnoses_icd" in failed(attacked(only=["diagnosis_history"], tables=under_way))


@pytest.mark.parametrize("table", ["prescriptions", "procedures_icd"])
def test_orders_and_procedures_dated_later_are_added_to_visits_that_are_known(hospital, table):
    """Also where the spine says when the stay began, as that of ICU stays does."""
    until = pd.Timestamp("2149-06-05 12:00")
    spine = pd.DataFrame(
        {"stay_id": [50], "subject_id": 1, "hadm_id": 90, "intime": until - pd.Timedelta(days=3),
         "prediction_time": until}
    )  # fmt: skip
    tables = {name: hospital[name] for name in ("admissions", table)}

    added = Future("mortality", tables, spine, seed=0).attacked(table, "added")[0][table]
    new = added.iloc[len(hospital[table]) :]
    time = "starttime" if table == "prescriptions" else "chartdate"
    assert (new[time] > until).all()
    assert 90 in set(new["hadm_id"])


def test_a_broken_cut_of_time_is_found_in_every_table(attacked, monkeypatch):
    def no_cut(connection, until):
        connection.execute("CREATE TEMP TABLE known_events AS FROM events")

    monkeypatch.setattr(extract, "keep_known_events", no_cut)

    assert {"labevents", "vitalsign"} <= failed(attacked(only=["ed_labs", "vitalsigns"]))


def test_what_had_begun_or_was_known_stays_as_it_is():
    """An admission that is under way keeps its beginning; a known row every bit."""
    raw = {
        "admissions": """
            subject_id  hadm_id  admittime         dischtime         insurance
            1           90       2149-06-01 12:00  2149-06-05 12:00  A
            1           95       2149-12-30 12:00  2150-01-04 12:00  B
            1           110      2150-03-01 12:00  2150-03-04 12:00  C
        """
    }
    tables = {name: typed(name, table(text)) for name, text in raw.items()}
    spine = pd.DataFrame(
        {"subject_id": [1], "stay_id": 30, "prediction_time": pd.to_datetime(["2150-01-01 12:00"])}
    )
    future = Future("admission", tables, spine, seed=0)
    before = tables["admissions"]

    after, touched = future.attacked("admissions", "changed")
    assert touched == 2
    assert after["admissions"].iloc[0].equals(before.iloc[0])
    assert after["admissions"]["admittime"].iloc[1] == before["admittime"].iloc[1]
    assert (after["admissions"]["dischtime"] > before["dischtime"]).tolist() == [False, True, True]
    deleted, gone = future.attacked("admissions", "deleted")
    assert (deleted["admissions"]["hadm_id"].tolist(), gone) == ([90, 95], 1)


def test_one_stay_of_a_patient_is_attacked():
    spine = pd.DataFrame({"stay_id": range(20), "subject_id": [0, 1, 2, 3] * 5})

    chosen = choose_stays(spine, 3, seed=0)
    assert len(chosen) == chosen["subject_id"].nunique() == 3
    assert len(choose_stays(spine, 50, seed=0)) == 4


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ({"stay_id": [1, 1, 2], "a": [0.1, 0.2, 0.3], "b": [1, 2, 3]}, (0, 0)),
        ({"stay_id": [1, 1, 2], "a": [0.1, 0.2, 0.1 + 0.2], "b": [1, 2, 3]}, (1, 1)),
        ({"stay_id": [1, 2], "a": [0.1, 0.3], "b": [1, 3]}, (2, 1)),
        ({"stay_id": [1, 1, 2], "a": [0.1, 0.2, None], "b": [2, 1, 3]}, (2, 2)),
    ],
)
def test_features_are_compared_by_their_bits(after, expected):
    before = pd.DataFrame({"stay_id": [1, 1, 2], "a": [0.1, 0.2, 0.3], "b": [1, 2, 3]})

    assert differences({"x": before}, {"x": pd.DataFrame(after)}) == expected
