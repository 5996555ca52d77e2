"""A future that reaches a feature is found, whichever table and whichever way it comes by."""

import pandas as pd
import pytest
from made_hospital_tables import spine, table, typed

from mimicflow import concepts
from mimicflow.audit.findings import read_findings
from mimicflow.audit.time.attack import audit_attack, choose_stays
from mimicflow.audit.time.comparison import differences
from mimicflow.audit.time.future import KINDS, Future
from mimicflow.concepts import extract
from mimicflow.evaluation.study import Study

VISITS = "audited visit_codes"
STUDY = Study(synthetic=True)


@pytest.fixture
def attacked(tmp_path, asked, options):
    """Return a function: the findings of an attack under these options, by table and kind."""

    def run(system="admission", only=None, tables=None, stays=None, **changed):
        concepts = asked(system, tables, stays)
        audit_attack(
            tmp_path / "attack.csv",
            STUDY,
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
    assert len(found) == tables * len(KINDS) + 1  # and what became of the stays
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
    stays = pd.DataFrame(
        {"stay_id": [50], "subject_id": 1, "hadm_id": 90, "intime": until - pd.Timedelta(days=3),
         "prediction_time": until}
    )  # fmt: skip
    tables = {name: hospital[name] for name in ("admissions", table)}

    added = Future("mortality", tables, stays, seed=0).attacked(table, "added")[0][table]
    new = added.iloc[len(hospital[table]) :]
    time = "starttime" if table == "prescriptions" else "chartdate"
    assert (new[time] > until).all()
    assert 90 in set(new["hadm_id"])


@pytest.mark.parametrize(
    ("sound", "leak"),
    [
        ("spine.intime, spine.prediction_time", "spine.intime, spine.outtime"),
        ("event.age,", "event.age + spine.label AS age,"),
        ("event.age,", "event.age + (spine.hadm_id > 0)::INT AS age,"),
        ("'HELICOPTER'", "'HELICOPTER' OR spine.disposition = 'HOME'"),
    ],
)
def test_a_feature_made_of_what_became_of_the_stay_is_found(attacked, monkeypatch, sound, leak):
    """No raw table changes it: it stands beside who is predicted."""
    text = concepts.sql("ed_stay_features")
    assert sound in text
    planted = text.replace(sound, leak)
    monkeypatch.setattr(
        extract, "sql", lambda name: planted if name == "ed_stay_features" else concepts.sql(name)
    )
    [found] = attacked(only=["ed_stay"], stays=spine(hadm_id=None)).itertuples()

    assert not found.passed and found.what.startswith("what became of the stays")


def test_a_patient_lives_on_or_dies_in_another_way():
    until = pd.to_datetime(["2150-01-05 12:00"] * 2)
    stays = pd.DataFrame(
        {"subject_id": [1, 2], "stay_id": [30, 50], "hadm_id": [100, 200], "label": [0, 1],
         "prediction_time": until, "outtime": until, "dischtime": until + pd.Timedelta(days=3),
         "dod": pd.to_datetime([None, "2150-03-01"])}
    )  # fmt: skip
    other = Future("mortality", {}, stays, seed=0).other_outcomes()

    assert other["label"].tolist() == [1, 0]
    assert (other["dischtime"] > stays["dischtime"]).all() and other["dod"].notna().all()
    assert (other["dod"] > until[0]).all() and other["dod"][1] != stays["dod"][1]
    known = ["subject_id", "stay_id", "hadm_id", "prediction_time", "outtime"]
    pd.testing.assert_frame_equal(other[known], stays[known])


def test_where_nothing_comes_later_there_is_nothing_to_judge(attacked, hospital):
    early = hospital["vitalsign"].query("charttime < '2150-01-01 12:00'").reset_index(drop=True)

    found = attacked(only=["vitalsigns"], tables={"vitalsign": early})
    rows = found[[key[0] == "vitalsign" for key in found.index]]
    assert rows["passed"].isna().tolist() == [False, True, True]
    assert rows["what"].str.endswith("(there was none)").tolist() == [False, True, True]


@pytest.mark.parametrize(("n_ecg", "differ"), [(1, 0), (2, 1)])
def test_a_feature_of_the_run_that_no_raw_row_gives_is_found(
    tmp_path, asked, options, n_ecg, differ
):
    """As where tables are joined: the concepts are sound, and what a model reads is not."""
    run = pd.DataFrame({"stay_id": [30], "n_ecg": n_ecg, "pre_los": 2.0, "tropT_first": 0.4})
    run.to_parquet(tmp_path / "final.parquet")

    found = audit(tmp_path, asked, options, STUDY, made={"": [tmp_path / "final.parquet"]})
    [row] = found[found["what"].str.contains("of the run")].itertuples()
    assert (row.number, row.predictions_changed) == (differ, differ)


def test_of_few_real_patients_no_count_is_shown(tmp_path, asked, options):
    found = audit(tmp_path, asked, options, Study(synthetic=False))

    assert found[["predictions", "rows_touched"]].isna().all(axis=None)
    assert found["passed"].all()


def audit(folder, asked, options, study, **more):
    audit_attack(
        folder / "attack.csv",
        study,
        system="admission",
        stays=5,
        concepts={"ed_stay": asked("admission")["ed_stay"]},
        options=options("admission"),
        **more,
    )
    return read_findings(folder / "attack.csv")


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
    stays = pd.DataFrame(
        {"subject_id": [1], "stay_id": 30, "prediction_time": pd.to_datetime(["2150-01-01 12:00"])}
    )
    future = Future("admission", tables, stays, seed=0)
    before = tables["admissions"]

    after, touched = future.attacked("admissions", "changed")
    assert touched == 2
    assert after["admissions"].iloc[0].equals(before.iloc[0])
    assert after["admissions"]["admittime"].iloc[1] == before["admittime"].iloc[1]
    assert (after["admissions"]["dischtime"] > before["dischtime"]).tolist() == [False, True, True]
    deleted, gone = future.attacked("admissions", "deleted")
    assert (deleted["admissions"]["hadm_id"].tolist(), gone) == ([90, 95], 1)


def test_one_stay_of_a_patient_is_attacked():
    stays = pd.DataFrame({"stay_id": range(20), "subject_id": [0, 1, 2, 3] * 5})

    chosen = choose_stays(stays, 3, seed=0)
    assert len(chosen) == chosen["subject_id"].nunique() == 3
    assert len(choose_stays(stays, 50, seed=0)) == 4


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
