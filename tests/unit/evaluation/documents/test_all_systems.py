"""Every system has its model card and checklists, from its own files and texts."""

import json

import numpy as np
import pandas as pd
import pytest
from documented.made_run import RUN
from unexplained_figures import unexplained

from mimicflow.evaluation.documents.checklist import CHECKLISTS, write_checklist
from mimicflow.evaluation.documents.facts import gather
from mimicflow.evaluation.documents.model_card import write_model_card
from mimicflow.evaluation.study import Study
from mimicflow.reference import reference


def line(text, *words):
    return next(row for row in text.splitlines() if all(word in row for word in words))


def of_other_systems(run, tmp_path):
    """Return the files of a run: attrition as of mortality, a spine without disposition."""
    files, models = run
    steps = {
        "step": ["all", "adults", "cohort", "of_which_positive"],
        "dropped": [0, 22, 400, None],
    }
    steps["description"] = ["All stays", "Stays of adults", "The cohort", "Of the cohort: died"]
    steps |= {"stays": [1300, 1270, 700, 300], "patients": [1122, 1100, 700, 300]}
    pd.DataFrame(steps).to_csv(tmp_path / "steps.csv", index=False)
    spine = pd.read_parquet(files["spine"]).drop(columns="disposition")
    spine.to_parquet(tmp_path / "without.parquet")
    rows = [
        {**row, "predictors": 40, "auroc": 0.777, "needed": 8123, "had": 577, "met": False}
        | {"needed_events": 3431, "had_events": np.nan, "suppressed": False}
        for row in pd.read_csv(reference("sample_size.csv")).to_dict("records")
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "size.csv", index=False)
    changed = {"attrition": "steps.csv", "spine": "without.parquet", "sample_size": "size.csv"}
    shared = {name: path for name, path in files.items() if name not in ("importance", "ablation")}
    return shared | {name: tmp_path / path for name, path in changed.items()}, models


@pytest.mark.parametrize("system", ["admission", "mortality", "arrest"])
def test_every_system_has_card_and_checklists(run, tmp_path, system):
    files, models = of_other_systems(run, tmp_path)
    if system == "admission":
        files |= {name: run[0][name] for name in ("attrition", "spine")}
    findings = pd.DataFrame({"what": ["a", "b", "c"], "passed": [True, False, None]})
    for check in ("splits", "dropped"):
        findings.to_csv(tmp_path / f"{check}.csv", index=False)
        findings = findings[:1]
    study, output, table = Study(synthetic=True), tmp_path / "text.md", tmp_path / "table.csv"
    write_model_card(system, files, output, study, models, protocol="single")
    card = output.read_text()
    assert unexplained(card, files, models) == []
    assert "| development | Effects shrink to 0.9 or less | 8,123 | 577 | 3,431 |  | no |" in card
    audit = [tmp_path / "splits.csv", tmp_path / "dropped.csv"]
    for checklist in CHECKLISTS:
        options = {"audit": audit, "protocol": "single", "checklist": checklist}
        write_checklist(system, files, output, table, study, models, **options)
        text, items = output.read_text(), pd.read_csv(table, keep_default_na=False)
        assert unexplained(text, files, models) == []
        assert not items["answer"].str.contains("this run lacks").any()
        assert not items["answer"].str.contains(r"\.\.|{{|nan\b").any()
    assert "Splits: FAILED, findings: 1 of 2; duplicates: not run" in line(text, "| 5.1 |")
    assert "Audit: dropped: passed, findings: 1" in line(text, "| 1.2 |")
    assert "needed 8,123, had 577, not met" in line(text, "| 4.1 |")
    if system != "admission":
        assert "| The cohort | 700 | 700 | 570 |" in card
        assert "| Training | 500 | 500 | without the outcome 289, with the outcome 211 |" in card


def test_limits_of_a_protocol_are_its_own(run, tmp_path):
    protocols = {"audited": {"visits": "known"}, "published": {"visits": "all"}}
    path = tmp_path / "run.json"
    path.write_text(json.dumps({**RUN, "config": {"mortality": {"protocols": protocols}}}))
    for protocol, told in (("audited", False), ("published", True)):
        limits = gather("mortality", {"run": path}, Study(), protocol=protocol)["limits"]
        assert any("visits after the prediction" in row["limit"] for row in limits) is told


def of_protocol(run, tmp_path, system, config, **options):
    """Return the self-check by item and its text, of a run under a configuration."""
    files, models = of_other_systems(run, tmp_path)
    path, text, table = (tmp_path / name for name in ("run.json", "text.md", "table.csv"))
    path.write_text(json.dumps({**RUN, "config": config}))
    beside = {"scores", "comparisons", "calibration", "decision"}
    given = {name: file for name, file in files.items() if name in beside} | {"run": path}
    options |= {"checklist": "probast_ai"}
    write_checklist(system, given, text, table, Study(synthetic=True), models, **options)
    write_model_card(
        system,
        given,
        tmp_path / "card.md",
        Study(synthetic=True),
        models,
        options["protocol"],
        options["judged_by"],
    )
    items = pd.read_csv(table, keep_default_na=False, dtype=str).set_index("item")
    return items, text.read_text(), (tmp_path / "card.md").read_text()


def test_a_protocol_that_sees_the_future_is_at_high_risk_of_bias_and_says_why(run, tmp_path):
    keys = {"visits": "all", "survivors": "any_icu_deathtime", "embedding": "hospital"}
    config = {"mortality": {"protocols": {"audited": {"visits": "known"}, "published": keys}}}
    of = {"protocol": "published", "judged_by": "audited"}
    items, text, card = of_protocol(run, tmp_path, "mortality", config, **of)
    assert items.loc["6.2", "answer"] == "High: the answer to 1.2, 2.3, 3.3, 5.1 is no."
    assert items.loc["6.1", "answer"].endswith("1.2, 2.3, 3.3, 4.3 is no.")
    assert items.loc["2.3", "answer"].startswith("No. The model reads visits after the prediction")
    assert items.loc["1.2", ["status", "answer"]].str.contains("filled|^No. Who dies").all()
    assert items.loc["5.8", "answer"] == "Shown of the protocol to judge by alone (audited)"
    assert "passed" not in text and "does not judge this protocol" in line(text, "| 5.1 |")
    for document in (text, card):
        assert "**High risk of bias under the protocol published**" in document
        assert "alive at the prediction by every sign" not in document
    assert "later ones among them" in card and "visits that follow are read too" in card
    of = {"protocol": "audited", "judged_by": "audited"}
    items, text, card = of_protocol(run, tmp_path, "mortality", config, **of)
    assert items.loc[["6.1", "6.2"], "status"].tolist() == ["open", "open"]
    assert "High risk" not in text + card and "by every sign" in card


def test_a_fold_that_stops_the_training_is_no_validation(run, tmp_path):
    of = {"protocol": "published", "judged_by": "nested"}
    config = {"split": {"stopping": "validation"}}
    changed = {"split": {"stopping": "test"}}
    files = {"run": tmp_path / "run.json"}
    files["run"].write_text(json.dumps({**RUN, "config": config}))
    facts = gather("admission", files, Study(), changed=changed, **of)
    assert facts["against"].keys() == {"4.5", "5.1"}
    assert "reported also stopped the training" in facts["text"]["validation"]
    facts = gather("admission", files, Study(), protocol="nested", judged_by="nested")
    assert not facts["against"]


@pytest.mark.parametrize("system", ["admission", "mortality", "arrest"])
def test_made_up_patients_are_not_those_of_a_hospital(system):
    for name in ("source", "availability"):
        real, made = (
            gather(system, {}, Study(synthetic=synthetic))["text"][name]
            for synthetic in (False, True)
        )
        assert "PhysioNet" in real or "registry" in real
        assert "PhysioNet" not in made and "one academic hospital" not in made


def test_steps_that_count_no_stays_yet_are_no_flow(run, tmp_path):
    """All admissions of 97 stays in intensive care are not 97 stays of 158 patients."""
    table = pd.DataFrame(
        {
            "step": ["all_admissions", "icu_stays", "cohort"],
            "description": ["Admissions", "ICU stays", "The cohort"],
            "stays": [97, 97, 74],
            "patients": [158, 83, 74],
            "dropped": [0, 75, 9],
        }
    )
    table.to_csv(tmp_path / "steps.csv", index=False)
    files = {"attrition": tmp_path / "steps.csv"}
    boxes = gather("mortality", files, Study(synthetic=True))["stages"]
    assert [(box.stays, box.patients) for box in boxes] == [("97", "83"), ("74", "74")]


def test_every_text_that_keys_change_is_one_of_the_system():
    texts = pd.read_csv(reference("system_texts.csv"))
    changed = pd.read_csv(reference("changed_texts.csv"))
    known = set(texts["system"] + " " + texts["key"])
    assert set(changed["system"] + " " + changed["name"]) <= known
    items = set(pd.read_csv(reference("probast_ai.csv"), dtype=str)["item"])
    answered = pd.read_csv(reference("limits.csv"), dtype=str)["answers_no"].dropna()
    assert {item for text in answered for item in text.split()} <= items


def test_all_systems_have_the_same_texts():
    texts = pd.read_csv(reference("system_texts.csv"))
    keys = texts.groupby("system")["key"].agg(set)
    assert keys["admission"] == keys["mortality"] == keys["arrest"]
    assert not texts.duplicated(["system", "key"]).any()
