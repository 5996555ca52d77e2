"""A real hospital with planted small groups: an attacker finds none of them in its tables.

The attacker (`small_cells.attack`) adds and subtracts whatever stands in them. Where nothing is
hidden, as of made-up patients, it finds what was planted.
"""

import made_arrest_predictions
import numpy as np
import pandas as pd
import pytest
from made_arrest_registry import COHORT, EPOCHS, write_registry, write_scanned
from made_hospital_tables import cohort, icu_cohort
from made_predictions import write
from scipy.special import expit
from small_cells import attack

from mimicflow.arrest.cohort import build_arrest_cohort
from mimicflow.arrest.results.horizons import score_horizons
from mimicflow.arrest.results.monitors import score_monitors
from mimicflow.arrest.ward.gap import score_gaps
from mimicflow.evaluation.calibration_table import calibrate_models
from mimicflow.evaluation.comparison import compare_models
from mimicflow.evaluation.decisions import weigh_decisions
from mimicflow.evaluation.scores import RULES, score_models
from mimicflow.evaluation.study import Study
from mimicflow.evaluation.subgroups import score_subgroups
from mimicflow.mortality.model_results import OUTPUTS, write_mortality_results

REAL, MADE_UP = Study(), Study(synthetic=True)
PATIENTS = range(1, 81)


def admission(study):
    """80 stays: 4 without triage, 12 not cardiac, 3 whose ECG has no record, 7 eloped."""
    edstays = pd.DataFrame(
        {"subject_id": PATIENTS, "hadm_id": None, "stay_id": [100 + p for p in PATIENTS],
         "intime": "2150-01-01 10:00", "outtime": "2150-01-01 20:00", "gender": "F"}
    )  # fmt: skip
    edstays["disposition"] = ["ELOPED" if p > 73 else "ADMITTED" if p % 2 else "HOME"
                              for p in PATIENTS]  # fmt: skip
    ecgs = pd.DataFrame(
        {"subject_id": PATIENTS, "study_id": [400 + p for p in PATIENTS],
         "ecg_time": "2150-01-01 13:00"}
    )  # fmt: skip
    triage = pd.DataFrame({"stay_id": edstays["stay_id"], "acuity": 3})[4:]
    triage["chiefcomplaint"] = ["Fall" if stay < 117 else "Chest pain" for stay in triage.stay_id]
    return cohort(
        study=study,
        edstays=edstays,
        triage=triage,
        machine_measurements=ecgs,
        record_list=ecgs[:-3].assign(path="files/" + ecgs["study_id"].astype(str)),
        patients=pd.DataFrame(
            {"subject_id": PATIENTS, "gender": "F", "anchor_age": 60, "anchor_year": 2150}
        ),
        admissions=None,
    )[2]


def mortality(study, **options):
    return died_and_survived(study, **options)[1]


def died_and_survived(study, **options):
    """80 patients with an ICU stay: 5 children, 6 died in it, 3 on the day, 20 within the year."""
    dates = {True: "2150-06-01", False: None}
    return icu_cohort(
        study=study,
        **options,
        patients=pd.DataFrame(
            {"subject_id": PATIENTS, "gender": "F", "anchor_year": 2150,
             "anchor_age": [10 if p <= 5 else 60 for p in PATIENTS],
             "dod": ["2150-03-10" if 5 < p <= 14 else dates[14 < p <= 34] for p in PATIENTS]}
        ),
        admissions=pd.DataFrame(
            {"subject_id": PATIENTS, "hadm_id": [200 + p for p in PATIENTS], "race": "WHITE",
             "admittime": "2150-03-01 08:00", "dischtime": "2150-03-10 12:00",
             "deathtime": ["2150-03-10 11:00" if 5 < p <= 11 else None for p in PATIENTS],
             "insurance": "Medicare"}
        ),
        icustays=pd.DataFrame(
            {"subject_id": PATIENTS, "hadm_id": [200 + p for p in PATIENTS],
             "stay_id": [300 + p for p in PATIENTS],
             "intime": "2150-03-02 08:00", "outtime": "2150-03-04 20:00"}
        ),
    )  # fmt: skip


def arrest(study, folder):
    """80 stays: 3 of children, 12 of another ICU, 4 without a usable recording, 20 arrests."""
    begin, end = "2150-01-01 00:00:00", "2150-01-05 00:00:00"
    age = [10 if p <= 3 else 60 for p in PATIENTS]
    icu = ["TSICU" if 3 < p <= 15 else "MICU" for p in PATIENTS]
    registry = write_registry(
        folder / "registry",
        [f"p{p},S{p},r{p},,,Monitor" for p in PATIENTS],
        [f"p{p},S{p},{a},F,{i},{begin},{end}" for p, a, i in zip(PATIENTS, age, icu, strict=True)],
        [f"S{p},2150-01-01 12:00:00" for p in PATIENTS if p > 60],
    )
    found = {f"r{p}": ("2150-01-01 00:00", "2150-01-02 00:00") for p in PATIENTS}
    found |= dict.fromkeys(("r16", "r17", "r18", "r19"), "no_ecg_lead")
    scanned = write_scanned(folder / "recordings", registry, found)
    written = [folder / name for name in ("stays.parquet", "attrition.csv", "exclusions.csv")]
    build_arrest_cohort(registry, scanned, COHORT | EPOCHS, *written, study)


@pytest.mark.parametrize(("build", "shown"), [(admission, 3), (mortality, 3)])
def test_steps_of_a_cohort(tmp_path, build, shown):
    build(MADE_UP).to_csv(tmp_path / "attrition.csv")
    assert len(attack(tmp_path)) > 10
    steps = build(REAL)
    steps.to_csv(tmp_path / "attrition.csv")
    assert attack(tmp_path) == []
    assert not steps.loc["cohort", "suppressed"]
    assert steps.loc[~steps["suppressed"], "patients"].nunique() >= shown


def test_steps_and_exclusions_of_the_arrest_system(tmp_path):
    arrest(MADE_UP, tmp_path)
    assert {line.split(":")[0] for line in attack(tmp_path)} == {"attrition.csv", "exclusions.csv"}
    arrest(REAL, tmp_path)
    assert attack(tmp_path) == []
    steps = pd.read_csv(tmp_path / "attrition.csv").set_index("step")
    assert not steps.loc["with_epochs", "suppressed"]
    reasons = pd.read_csv(tmp_path / "exclusions.csv").set_index("reason")
    assert reasons.loc[["too_young", "no_usable_recording"], "suppressed"].all()


@pytest.fixture
def predicted(tmp_path):
    """Two models: of 600 stays, and of those of several ECGs; 6 of a race have one ECG only."""
    generator = np.random.default_rng(1)
    stay = np.arange(900)
    stays = pd.DataFrame({"stay_id": stay, "subject_id": stay})
    stays["split"] = np.where(stay < 600, "test", "validation")
    stays["label"] = (stay % 3 == 0).astype(int)
    noise = generator.normal(size=900)
    race = np.where(stay % 10 == 0, "Asian", np.where(stay % 10 < 4, "Black", "White"))
    multi = (stay % 2 == 0) | (stay >= 600)
    multi[stays.index[(race == "Asian") & (stay < 600)][6:]] = True
    multi[stays.index[(race == "Asian") & (stay < 600)][:6]] = False
    tables = {
        name: stays.assign(probability=expit(3.5 * stays["label"] - 1.7 + noise * spread))[rows]
        for name, spread, rows in (("a", 1, stay >= 0), ("b", 1.5, multi))
    }
    stays.to_parquet(tmp_path / "cohort.parquet")
    stays.assign(race=race, sex="F").to_parquet(tmp_path / "groups.parquet")
    return write(tmp_path, tables)


SUBSETS = {"a": "all", "b": "multi"}
SOLVED = ("scores", "folds", "curves", "reliability", "decision")


def evaluated(predicted, folder, study):
    """Write the tables of scores of the two models."""
    folder.mkdir()
    outputs = {name: folder / f"{name}.csv" for name in ("scores", "folds", "curves")}
    score_models(predicted, SUBSETS, outputs, study)
    calibrated = [folder / name for name in ("calibration.csv", "reliability.csv", "r.png")]
    calibrate_models(predicted, SUBSETS, *calibrated, study)
    compare_models(predicted, SUBSETS, folder / "comparison.csv", folder / "comparison.png", study)
    at = np.arange(1, 20) / 20
    figure = folder / "decision.png"
    weigh_decisions(predicted, SUBSETS, folder / "decision.csv", figure, study, thresholds=at)
    groups = [predicted["a"].with_name(f"{name}.parquet") for name in ("groups", "cohort")]
    score_subgroups(predicted, SUBSETS, *groups, folder / "subgroups.csv", {}, study, RULES)
    return attack(folder)


def test_scores_decisions_and_subgroups_of_two_subsets(predicted, tmp_path):
    settings = {"titles": {}}
    found = evaluated(predicted, tmp_path / "made up", Study(synthetic=True, **settings))
    assert any("race Asian, a and b = 6" in line for line in found)
    found_in = {line.split(":")[0] for line in found}
    assert found_in == {
        f"{name}.csv" for name in ("decision", "reliability", "scores", "subgroups")
    }
    assert evaluated(predicted, tmp_path / "real", Study(**settings)) == []
    shown = pd.read_csv(tmp_path / "real/subgroups.csv").query("group == 'race'")
    hidden = shown[shown["suppressed"]]
    assert set(hidden["model"]) == {"b"} and "Asian" in set(hidden["level"])
    decisions = pd.read_csv(tmp_path / "real/decision.csv").query("model == 'a'")["net_benefit"]
    assert 3 < decisions.notna().sum() < len(decisions)


def test_sizes_that_are_hidden_follow_from_no_share_and_no_sum(predicted, tmp_path):
    """Six stays, two of them events, have one ECG only: no score of the others counts them."""
    rows = pd.read_parquet(predicted["a"])
    few = rows["stay_id"].isin([1, 2, 3, 5, 6, 8])
    rows.assign(fold=rows["stay_id"] // 3 % 3).to_parquet(predicted["a"])
    rows.assign(fold=rows["stay_id"] // 3 % 3)[~few].to_parquet(predicted["b"])

    assert evaluated(predicted, tmp_path / "real", Study(titles={})) == []

    tables = {name: pd.read_csv(tmp_path / f"real/{name}.csv") for name in SOLVED}
    sizes = {name: ["n", "events"] for name in ("scores", "folds", "reliability")}
    for name, table in tables.items():
        ours, others = (table[table["model"] == model] for model in "ab")
        assert len(ours) > 0
        assert others[sizes.get(name, [])].isna().all(axis=None)
    b = tables["scores"].query("model == 'b'")
    assert (b["value"].dropna() == b["value"].dropna().round(3)).all()
    assert b.loc[b["score"] == "auroc", "value"].notna().all()


def test_confusion_and_report_at_each_threshold(predicted, tmp_path):
    for study in (Study(synthetic=True), Study()):
        folder = tmp_path / study.data
        tables = ("confusion", "classification_report")
        outputs = {
            name: folder / f"{name}.{'csv' if name in tables else 'png'}" for name in OUTPUTS
        }
        write_mortality_results("b", predicted["b"], outputs, study)
    assert len(attack(tmp_path / "synthetic")) > 10
    assert attack(tmp_path / "real") == []
    assert pd.read_csv(tmp_path / "real/confusion.csv")["tp"].notna().any()


def test_a_protocol_whose_patients_differ_by_a_few_has_no_confusion(predicted, tmp_path):
    rows = pd.read_parquet(predicted["a"])
    rows[~rows["stay_id"].isin([1, 2, 3])].to_parquet(predicted["b"])
    tables = ("confusion", "classification_report", "reliability")
    outputs = {name: tmp_path / f"{name}.{'csv' if name in tables else 'png'}" for name in OUTPUTS}
    write_mortality_results("b", predicted["b"], outputs, REAL, beside=[predicted["a"]])
    confusion, report, bins = (pd.read_csv(outputs[name]) for name in tables)
    assert confusion[["tn", "fp", "fn", "tp"]].isna().all(axis=None)
    assert report[["recall", "support"]].isna().all(axis=None)
    assert bins.empty


def test_decisions_of_the_arrest_system_at_each_horizon(tmp_path):
    """At 0.995 few epochs exceed: of a handful of patients shortly before the arrest."""
    table = made_arrest_predictions.predictions(stays=120, events=40, noise=2.0)
    file = made_arrest_predictions.write(tmp_path, {"hrv": table})["hrv"]
    of = table[["stay_id"]].drop_duplicates()
    of.assign(monitor=np.where(np.arange(120) % 4 < 2, "A", "B")).to_parquet(tmp_path / "of")
    options = {"horizons_h": [24, 6, 1], "specificity": 0.995, "confidence": "none", "gaps_h": [2]}
    for study in (MADE_UP, REAL):
        folder = tmp_path / study.data
        figures = folder / "roc.png", folder / "prc.png"
        score_horizons(file, options, folder / "metrics.csv", *figures, study, model="hrv")
        score_gaps({"hrv": file}, options, folder / "gaps.csv", study)
        score_monitors({"hrv": file}, tmp_path / "of", options, folder / "monitors.csv", study)
    found = attack(tmp_path / "synthetic")
    assert {line.split(":")[0] for line in found} == {"gaps.csv", "metrics.csv", "monitors.csv"}
    assert attack(tmp_path / "real") == []


def test_protocols_whose_patients_differ_by_a_few(tmp_path):
    """Under the published protocol three patients more are in the cohort: died on the day."""
    audited, _ = died_and_survived(REAL)
    audited.to_parquet(tmp_path / "audited.parquet")
    published, alone = died_and_survived(REAL, protocol="published")
    assert len(published) - len(audited) == 3
    assert not alone.loc["cohort", "suppressed"]
    beside = mortality(REAL, protocol="published", beside=[tmp_path / "audited.parquet"])
    assert beside.loc["cohort", "suppressed"]
    shown = beside.loc[~beside["suppressed"] & (beside["patients"] > 0), "patients"]
    assert (abs(shown - len(audited)).between(1, 9)).sum() == 0


def test_who_died_under_another_protocol_is_known_too(tmp_path):
    """Two more died there; or fifteen more, which may be known."""
    audited, _ = died_and_survived(REAL)
    died = audited["label"].sum()
    for more, hidden in ((2, True), (15, False)):
        rank = (-audited["label"]).argsort(kind="stable").argsort()
        audited.assign(label=(rank < died + more).astype(int)).to_parquet(
            tmp_path / "known.parquet"
        )
        steps = mortality(REAL, beside=[tmp_path / "known.parquet"])
        assert not steps.loc["cohort", "suppressed"]
        assert steps.loc["of_which_positive", "suppressed"] == hidden
