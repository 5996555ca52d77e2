"""A value that was not known by the prediction is found, whichever way it has come in."""

import pandas as pd
import pytest
from made_hospital_tables import table, typed

from mimicflow.audit.findings import read_findings
from mimicflow.audit.time import provenance
from mimicflow.audit.time.monitored import epoch_rows
from mimicflow.audit.time.provenance import audit_provenance
from mimicflow.concepts import extract
from mimicflow.evaluation.study import Study

STUDY = Study(synthetic=True)
VISITS = "audited visit_codes"
NOON = pd.Timestamp("2150-01-01 12:00")


@pytest.fixture
def audited(tmp_path, asked, options):
    """Return a function: the findings of a system, under other options or with other tables."""

    def run(system="admission", study=STUDY, only=None, tables=None, **changed):
        concepts = asked(system, tables)
        audit_provenance(
            tmp_path / "provenance.csv",
            study,
            concepts={name: concepts[name] for name in only or concepts},
            options=options(system, **changed),
        )
        found = read_findings(tmp_path / "provenance.csv")
        words = found["what"].str.removesuffix(": not known by the prediction")
        return found.set_index(words)

    return run


def failed(found):
    return set(found.index[found["passed"].eq(False)])


@pytest.mark.parametrize(("system", "sources"), [("admission", 10), ("mortality", 4)])
def test_what_was_known_passes(audited, system, sources):
    found = audited(system)

    assert failed(found) == set()
    assert len(found) >= sources - 1


def test_a_row_says_when_the_newest_value_was_known(audited):
    troponin = audited(only=["ed_labs"]).loc["laboratory results: tropT"]

    assert troponin[["source", "predictions", "values"]].tolist() == ["hosp/labevents", 1, 1]
    assert (troponin["features"], troponin["such_as"]) == (4, "tropT_first")
    assert troponin["median_hours"] == 1  # stored at eleven
    assert troponin["within_a_minute"] == 0


@pytest.mark.parametrize(
    ("concept", "changed", "source"),
    [
        ("ed_labs", {"availability": "charttime"}, "laboratory results: tropT"),
        ("ed_labs", {"missing_storetime": "charttime"}, "laboratory results: creat"),
        ("medication_history", {"own_admission": "keep"}, "orders of earlier admissions"),
        (
            "diagnosis_history",
            {"reversed_times": "as_written"},
            "coded diagnoses of earlier admissions",
        ),
        (VISITS, {"visits": "all"}, "audited visits"),
        (VISITS, {"late_rows": "keep"}, "audited orders of visits"),
        (VISITS, {"late_rows": "keep"}, "audited procedures of visits"),
        (VISITS, {"reversed_times": "as_written"}, "audited visits"),
    ],
)
def test_a_published_rule_that_lets_the_future_in_fails(audited, concept, changed, source):
    system = "mortality" if concept == VISITS else "admission"

    assert source in failed(audited(system, only=[concept], **changed))


def test_diagnoses_that_count_from_the_admission_on_are_found(
    audited, under_way, from_the_admission_on, monkeypatch
):
    """As a concept would that forgets that they are coded at the discharge."""
    only = ["diagnosis_history"]
    assert failed(audited(only=only, tables=under_way)) == set()

    monkeypatch.setattr(extract, "sql", from_the_admission_on)
    found = failed(audited(only=only, tables=under_way))
    assert found == {"coded diagnoses of earlier admissions"}


def test_another_result_of_the_same_drawing_accounts_for_none_of_a_late_one(audited):
    """Blood goes to several machines at once: potassium was stored by noon, troponin was not."""
    rows = """
        subject_id  itemid  charttime         storetime         valuenum  flag
        1           51003   2150-01-01 11:30  2150-01-01 12:30  0.9       abnormal
        1           50971   2150-01-01 11:30  2150-01-01 11:50  4.1       -
    """
    tables = {"labevents": typed("labevents", table(rows))}

    found = audited(only=["ed_labs"], tables=tables, availability="charttime")
    assert failed(found) == {"laboratory results: tropT"}


def test_a_broken_cut_of_time_is_found_in_every_source(audited, monkeypatch):
    """The audit asks the raw tables, not the one place that is broken."""

    def no_cut(connection, until):
        connection.execute("CREATE TEMP TABLE known_events AS FROM events")

    monkeypatch.setattr(extract, "keep_known_events", no_cut)

    found = failed(audited())
    assert {"drugs dispensed in the stay", "vital signs at the bedside"} <= found
    assert {"drugs taken at home", "laboratory results: tropT"} <= found
    assert failed(audited("mortality")) >= {"audited visits", "audited orders of visits"}


def test_an_event_that_calls_itself_early_is_found_by_the_raw_table(audited, monkeypatch):
    """As a concept would that takes the time of the drawing for that of the result."""

    def early(connection, until):
        connection.execute(
            "CREATE TEMP TABLE known_events AS "
            "SELECT events.* REPLACE (event_time AS available_time) "
            "FROM events JOIN spine USING (stay_id) WHERE event_time <= spine.prediction_time"
        )

    monkeypatch.setattr(extract, "keep_known_events", early)

    assert failed(audited(only=["ed_labs"])) >= {"laboratory results: tropT"}


def test_of_few_real_stays_neither_counts_nor_times_are_shown(audited):
    found = audited(study=Study(synthetic=False), only=["ed_labs", "vitalsigns"])

    assert found[["predictions", "values", "median_hours", "within_a_minute"]].isna().all(axis=None)
    assert failed(found) == set()


@pytest.mark.parametrize(
    ("have", "lack", "predictions", "within"),
    [(37, 0, 40, 0.5), (9, 30, None, None), (30, 9, None, None), (40, 10, 40, 0.5)],
)
def test_neither_who_has_a_value_nor_who_has_it_not_are_few_real_patients(
    have, lack, predictions, within
):
    newest = pd.DataFrame(
        {"subject_id": range(have), "prediction_time": NOON, "events": 2, "beyond": 0}
    )
    newest["newest"] = [NOON - pd.Timedelta(hours=place % 2) for place in range(have)]

    row = provenance._row("a value", newest, have + lack, Study(synthetic=False))
    shown = [row[name] for name in ("predictions", "within_a_minute")]
    assert [None if pd.isna(value) else value for value in shown] == [predictions, within]
    assert pd.isna(row["median_hours"]) is (predictions is None)


def test_epochs_are_many_and_their_patients_few(tmp_path):
    newest = pd.DataFrame(
        {"subject_id": [1, 2] * 300, "prediction_time": NOON, "newest": NOON, "events": 1,
         "beyond": 0}
    )  # fmt: skip
    row = provenance._row("samples", newest, 2, Study(synthetic=False))

    assert pd.isna(row["predictions"]) and pd.isna(row["median_hours"])
    assert row["passed"] is True


@pytest.mark.parametrize(
    ("minutes", "skew", "passes"),
    [(0, 0, True), (-10, 0, True), (1, 0, False), (15, -15, True), (-14, 15, False)],
)
def test_an_ecg_after_the_prediction_is_found(tmp_path, minutes, skew, passes):
    """By the clock of the hospital, as far as it is known how far that of the carts is off."""
    time = NOON + pd.Timedelta(minutes=minutes)
    ecgs = pd.DataFrame({"stay_id": [30], "study_id": [400], "ecg_time": [NOON]})
    records = pd.DataFrame({"subject_id": [1], "study_id": [400], "ecg_time": [time]})

    assert ecg_row_passes(tmp_path, ecgs, records, ecg_clock_skew_minutes=skew) is passes


@pytest.mark.parametrize(("counted", "passes"), [(1, True), (2, False)])
def test_an_ecg_that_is_counted_though_it_comes_after_the_prediction_is_found(
    tmp_path, counted, passes
):
    """As `count_ecgs: whole_stay` does: it is in no sequence, and in `n_ecg` all the same."""
    ecgs = pd.DataFrame({"stay_id": [30], "study_id": [400], "ecg_time": [NOON]})
    records = ecgs[["study_id", "ecg_time"]].assign(subject_id=1)

    assert ecg_row_passes(tmp_path, ecgs, records, n_ecg=counted) is passes


def ecg_row_passes(folder, ecgs, records, n_ecg=1, **more):
    stays = pd.DataFrame(
        {"stay_id": [30], "subject_id": [1], "prediction_time": [NOON], "n_ecg": [n_ecg]}
    )
    files = []
    for name, frame in (("ecgs", ecgs), ("stays", stays), ("records", records)):
        files.append(folder / f"{name}.parquet")
        frame.to_parquet(files[-1])
    audit_provenance(folder / "x.csv", STUDY, ecgs=files, **more)
    [passed] = read_findings(folder / "x.csv")["passed"]
    return bool(passed)


@pytest.mark.parametrize(("more", "beyond"), [(0, 0), (1, 1)])
def test_a_sample_after_the_end_of_an_epoch_is_found(tmp_path, more, beyond):
    start = pd.Timestamp("2150-01-01")
    epoch = {"epoch_id": 0, "subject_id": 1, "stay_id": "S", "recording_id": 7, "start": start,
             "end": start + pd.Timedelta(minutes=5), "first_sample": 0,
             "n_samples": 75_001 + more}  # fmt: skip
    recording = {"recording_id": 7, "start": start, "sampling_rate": 250.0, "numerics": ""}
    tables = {"plan": epoch, "scanned": recording, "measured": {"epoch_id": 0, "reason": ""}}
    paths = {}
    for name, row in tables.items():
        paths[name] = tmp_path / f"{name}.parquet"
        pd.DataFrame([row]).to_parquet(paths[name])

    samples, numbers = epoch_rows(
        paths["plan"], [paths["scanned"]], [paths["measured"]], tmp_path, "none"
    )
    assert samples["beyond"].tolist() == [bool(beyond)]
    assert numbers.empty
