"""Scores under another setting are compared on the same rows, and read, not judged."""

import numpy as np
import pandas as pd
import pytest
from made_predictions import TITLES, table, write

from mimicflow.admission import protocols
from mimicflow.audit import agreement
from mimicflow.audit import scenarios as audits
from mimicflow.audit.findings import read_findings, verdict
from mimicflow.audit.future_only import audit_future_only
from mimicflow.audit.settings import audit_settings
from mimicflow.evaluation.study import Study
from mimicflow.running.configuration import merged, read_config, read_overlay
from mimicflow.running.scenarios import Scenarios

STUDY = Study(synthetic=True, titles=TITLES)


@pytest.fixture
def config(repository):
    return read_config(repository=repository)


@pytest.fixture
def release(repository):
    return read_overlay(repository / "presets/published.yaml")


def stays_tested(n=300, **made):
    rows = table(n, **made)
    return rows[rows["split"] == "test"].drop(columns="fold")


def compared(folder, run, other, system="admission", setting="charttime", study=STUDY):
    paths = write(folder, {"run": run, "other": other})
    audit_settings(
        system, {(setting, "a"): (paths["run"], paths["other"])}, folder / "s.csv", study
    )
    return read_findings(folder / "s.csv")


def test_a_setting_that_sees_the_outcome_gains_and_fails_nothing(tmp_path):
    run = stays_tested(seed=1)
    leaking = run.assign(probability=0.5 * run["probability"] + 0.5 * run["label"])

    found = compared(tmp_path, run, leaking)

    auroc = found.set_index("score").loc["auroc"]
    assert auroc["number"] == pytest.approx(auroc["other"] - auroc["run"])
    assert auroc["low"] > 0.05
    assert found["score"].tolist() == ["auroc", "auprc", "brier"]
    assert found["number"].tolist()[2] < 0  # a lower Brier score is better
    assert verdict(found).judged == 0


def test_an_equal_setting_differs_by_nothing(tmp_path):
    run = stays_tested(seed=1)
    found = compared(tmp_path, run, run)
    assert found[["number", "low", "high"]].eq(0).all().all()


def test_only_rows_of_both_are_compared(tmp_path):
    run = stays_tested(seed=1)
    elsewhere = run[run["stay_id"] >= 100].assign(probability=lambda rows: 1 - rows["probability"])
    found = compared(tmp_path, run, elsewhere).iloc[0]
    assert found["rows"] == len(run) - 100
    assert found["patients"] == (len(run) - 100) / 2
    assert found["other"] == pytest.approx(1 - found["run"])


def test_a_setting_without_common_patients_has_no_number(tmp_path):
    run = stays_tested(seed=1)
    found = compared(tmp_path, run, run.assign(stay_id=run["stay_id"] + 1000))
    assert found["number"].isna().all()
    assert found["rows"].tolist() == [0]
    assert "too few patients" in found["what"][0]


def test_the_last_hours_before_an_arrest_are_left_out_of_the_same_predictions(tmp_path):
    run = stays_tested(200, seed=2).rename(columns={"stay_id": "epoch_id"})
    late = run["label"] == 1
    run["hours_to_arrest"] = np.where(late, np.arange(len(run)) % 4 + 0.5, np.nan)
    # The model sees nothing but the last hour.
    run["probability"] = np.where(run["hours_to_arrest"] < 1, 0.9, 0.4)
    study = Study(synthetic=True, key="epoch_id", titles=TITLES)

    found = compared(tmp_path, run, run, "arrest", "gap_1_h", study).iloc[0]

    assert found["other"] == 0.5 < found["run"]
    assert found["rows"] == (~(run["hours_to_arrest"] < 1)).sum()


def test_how_many_are_compared_gives_no_few_real_patients_away(tmp_path):
    run = stays_tested(300, seed=1)
    real = Study(titles=TITLES)
    few_events = pd.concat([run[run["label"] == 1].head(6), run[run["label"] == 0].head(100)])
    but_two = run[run["subject_id"] > 1]
    enough = run[run["subject_id"] > 60]
    for other, hidden in ((few_events, True), (but_two, True), (enough, False)):
        found = compared(tmp_path, run, other, study=real)
        assert found[["rows", "events", "patients"]].isna().all().all() == hidden
        assert found["number"].notna().all()
    assert compared(tmp_path, run, but_two)["rows"].eq(len(run) - 4).all()


def test_the_future_is_read_by_the_same_function(tmp_path):
    paths = write(tmp_path, {"run": stays_tested(), "other": stays_tested(scale=2)})
    runs = {("stay_end", "a"): (paths["run"], paths["other"])}
    audit_future_only("admission", runs, tmp_path / "f.csv", STUDY)
    assert read_findings(tmp_path / "f.csv")["setting"].eq("stay_end").all()


def test_settings_that_are_configured_already_are_not_run(config):
    names = [one.name for one in audits.changed("admission", config)]
    assert "charttime" in names
    assert not {"storetime", "codes_0_days", "ecg_last", "triage_0"} & set(names)
    other = merged(config, {"features": {"availability": "charttime", "diagnosis_lag_days": 7}})
    names = [one.name for one in audits.changed("admission", other)]
    assert {"storetime", "codes_0_days"} <= set(names)
    assert not {"charttime", "codes_7_days"} & set(names)


def test_only_settings_that_are_asked_for_are_run_and_the_future_always(config):
    config["audit"]["settings"] = ["ecg_1"]
    assert [one.name for one in audits.changed("admission", config)] == ["ecg_1", "stay_end"]
    assert audits.changed("arrest", config) == []
    assert list(agreement.disagreements(config)) == []
    (problem,) = agreement.disagreements(merged(config, {"audit": {"settings": ["ecg_7"]}}))
    assert "'audit.settings' names ecg_7" in problem


def test_a_system_of_which_no_setting_is_asked_for_says_so(tmp_path):
    audit_settings("arrest", {}, tmp_path / "s.csv", STUDY)
    assert read_findings(tmp_path / "s.csv")["what"].str.contains("no other setting").all()


def test_scenarios_share_what_their_keys_cannot_touch(config, release):
    known = Scenarios(config, [*protocols.scenarios(config), *audits.scenarios(config, release)])

    def own(name, path):
        return known.folder(name, path) != ""

    assert own("audit_charttime", "features/ed_labs/0.parquet")
    assert own("audit_charttime", "admission/lightgbm_all/predictions.parquet")
    assert not own("audit_charttime", "cohort/spine.parquet")
    assert not own("audit_charttime", "features/ed_stay/0.parquet")
    assert own("audit_codes_30_days", "features/diagnosis_history/0.parquet")
    assert own("audit_clock_plus_60", "cohort/stays.parquet")
    assert not own("audit_clock_plus_60", "ecg/store/0.npy")
    assert not own("audit_clock_plus_60", "tables/ed/edstays/0.parquet")
    assert own("audit_permuted_1", "tables/ed/edstays/0.parquet")
    assert not own("audit_permuted_1", "tables/ed/triage/0.parquet")
    assert own("audit_permuted_1", "features/prior_stays/0.parquet")
    assert own("audit_stay_end", "features/ed_medications/0.parquet")


def test_exchanged_outcomes_are_learned_from_under_the_published_keys_too(config, release):
    known = Scenarios(config, audits.scenarios(config, release))
    ours = known.config("audit_permuted_2")
    published = known.config("audit_permuted_2_published")
    assert published["cohort"]["permuted_outcomes"] == ours["cohort"]["permuted_outcomes"] == 2
    assert published["cohort"] | release["cohort"] == published["cohort"]
    assert published["features"] == ours["features"] | release["features"]
    assert published["split"] == ours["split"] | release["split"]
    assert published["split"]["stopping"] == "test"
    assert published["vitals"] == ours["vitals"] | release["vitals"]
    # Nobody is left to calibrate by; ECGs, encoder and sizes are those of the run.
    assert {model["calibration"] for model in published["models"].values()} == {"none"}
    assert published["encoder"] == config["encoder"]
    assert known.folder("audit_permuted_2_published", "tables/ed/edstays/0.parquet") == (
        "scenarios/audit_permuted_2/"
    )
    assert known.folder("audit_permuted_2_published", "ecg/store/0.npy") == ""


def test_settings_of_another_cohort_are_tested_on_the_same_patients(config, release):
    known = Scenarios(config, audits.scenarios(config, release))
    assert known.config("audit_clock_plus_15")["split"]["patients"] == "kept"
    assert known.config("audit_ecg_1")["split"]["patients"] == "kept"
    assert known.config("audit_codes_7_days")["split"]["patients"] == "drawn"
    assert known.config("audit_permuted_1")["split"]["patients"] == "drawn"


def test_settings_of_mortality_are_its_audited_protocol_but_for_a_key(config):
    audited = config["mortality"]["protocols"]["audited"]
    future = audits.protocols(config)["audit_all_visits"]
    assert {key for key in audited if audited[key] != future[key]} == {"visits"}


def test_a_protocol_that_is_configured_is_not_fitted_twice(config):
    (icu_out,) = (one for one in audits.settings("mortality") if one.name == "icu_out")
    assert audits.protocol_of(icu_out, config) == "audited_icu_out"
    assert "audit_icu_out" not in audits.protocols(config)
    del config["mortality"]["protocols"]["audited_icu_out"]
    assert audits.protocol_of(icu_out, config) == "audit_icu_out"
    assert "audit_icu_out" in audits.protocols(config)


@pytest.mark.parametrize(
    "overlay",
    [
        {"features": {"until": "stay_end"}},
        {"cohort": {"permuted_outcomes": 1}},
        {"split": {"patients": "kept"}},
    ],
)
def test_no_configuration_lets_the_future_in_by_itself(config, overlay):
    assert list(agreement.disagreements(config)) == []
    (problem,) = agreement.disagreements(merged(config, overlay))
    assert "only scenarios of the audit" in problem


def test_every_setting_says_what_a_large_difference_means():
    for system in ("admission", "mortality", "arrest"):
        names = [one.name for one in audits.settings(system)]
        assert len(set(names)) == len(names)
        for one in audits.settings(system):
            assert one.check in ("settings", "future_only"), one
            assert one.reading.endswith("."), one
            assert len(one.reading) > 50, one
