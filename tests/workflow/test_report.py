"""From raw files to the report on presets/tiny.yaml: folds, defects, explanations, documents."""

import dataclasses
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from checkouts import copy_with_results
from sandboxes import Job, faults_of, jobs_of
from sklearn.metrics import roc_auc_score
from unexplained_figures import unexplained

from mimicflow.admission import protocols
from mimicflow.reference import reference
from mimicflow.report.blocks import with_interval
from mimicflow.running.privacy import kind_of

TINY = ("--configfile", "presets/tiny.yaml")
TARGETS = ("all", "first", "report", "evaluation", "audit")
SYSTEMS = ("admission", "mortality", "arrest")
TABLES = ("scores", "comparisons", "calibration", "decision", "subgroups", "table_one", "manifest")
BESIDE = (
    "admission/published",
    "admission/seed",
    "mortality/audited_icu_out",
    "mortality/published",
)
"""Protocols beside the one to judge by."""


@pytest.fixture(scope="module")
def run(clean_run, tmp_path_factory):
    """The same run, and then what is asked of it."""
    checkout = copy_with_results(clean_run, tmp_path_factory.mktemp("report") / "mimicflow")
    done = checkout.snakemake(*TARGETS, *TINY)
    assert done.returncode == 0, done.stdout + done.stderr
    return checkout


@pytest.fixture(scope="module")
def results(run) -> Path:
    return run.folder / "results"


def predictions(results: Path, protocol: str, model: str) -> pd.DataFrame:
    return pd.read_parquet(results / f"admission/{protocol}/{model}/predictions.parquet")


@pytest.mark.parametrize("protocol", ["nested", "published"])
def test_every_stay_is_out_of_fold_once(results, protocol):
    spine = pd.read_parquet(results / "cohort/spine.parquet")
    table = predictions(results, protocol, "all_stays_model")
    tested = table[table["split"] == "test"]

    assert sorted(tested["stay_id"]) == sorted(spine["stay_id"])
    assert tested.groupby("subject_id")["fold"].nunique().max() == 1


def test_what_stops_the_training_is_never_reported_in_nested_folds(results):
    table = predictions(results, "nested", "all_stays_model")
    parts = table.groupby(["fold", "subject_id"])["split"].nunique()

    assert parts.max() == 1
    assert set(table["split"]) == {"validation", "test"}
    for fold in (0, 1):
        spine = pd.read_parquet(results / f"scenarios/nested_{fold}/cohort/spine.parquet")
        in_fold = table[table["fold"] == fold]
        for split in ("validation", "test"):
            drawn = set(spine.loc[spine["split"] == split, "stay_id"])
            assert set(in_fold.loc[in_fold["split"] == split, "stay_id"]) == drawn


def test_published_folds_are_the_same_patients_stopped_by_the_reported_ones(results):
    published = predictions(results, "published", "all_stays_model")
    nested = predictions(results, "nested", "all_stays_model")
    tested = nested[nested["split"] == "test"]

    assert set(published["split"]) == {"test"}
    assert published[["stay_id", "fold"]].equals(tested[["stay_id", "fold"]].reset_index(drop=True))
    folder = results / "scenarios/published_0"
    assert not (folder / "pretrained_model.pth").exists()  # shared with the nested fold
    config = (folder / "admission/all_stays_model/config.yaml").read_text()
    assert "stopping: test" in config and "calibration: none" in config


def test_published_models_of_several_ecgs_are_split_among_their_stays(results):
    for model in ("multiple_ECG_stays_model", "random_forest_multi"):
        table = predictions(results, "published", model)
        for fold in (0, 1):
            spine = pd.read_parquet(results / f"scenarios/nested_{fold}/cohort/spine.parquet")
            drawn = spine.loc[spine["split_multi"] == "test", "stay_id"]
            assert set(table.loc[table["fold"] == fold, "stay_id"]) == set(drawn)


def test_optimistic_protocols_are_marked_in_their_tables(results):
    for protocol, optimistic in (("nested", False), ("published", True), ("seed", True)):
        scores = pd.read_csv(results / f"admission/{protocol}/scores.csv")
        assert set(scores["optimistic"]) == {optimistic}
        assert set(scores["data"]) == {"synthetic"}


def test_pooled_scores_are_those_of_scikit_learn(results):
    table = predictions(results, "nested", "random_forest_all")
    tested = table[table["split"] == "test"]
    scores = pd.read_csv(results / "admission/nested/scores.csv")
    rows = scores[(scores["model"] == "random_forest_all") & (scores["score"] == "auroc")]
    by_fold = [roc_auc_score(f["label"], f["probability"]) for _, f in tested.groupby("fold")]

    expected = roc_auc_score(tested["label"], tested["probability"])
    assert rows["value"].tolist() == pytest.approx([expected, expected])
    assert set(rows["interval"]) == {"jackknife", "delong"}
    assert rows["fold_mean"].tolist() == pytest.approx([np.mean(by_fold)] * 2)
    assert rows["fold_sd"].tolist() == pytest.approx([np.std(by_fold, ddof=1)] * 2)


def test_late_fusion_is_compared_with_all_others_on_the_same_stays(results):
    pairs = pd.read_csv(results / "admission/nested/comparisons.csv")

    assert len(pairs) == 2 * 10  # pairs of five models, for all stays and for several ECGs
    assert pairs.groupby("stays")["n"].nunique().eq(1).all()
    assert (pairs["p"] <= pairs["p_holm"]).all() and pairs["p_holm"].between(0, 1).all()


def test_chosen_rows_are_priced_and_the_others_listed(results):
    price = pd.read_csv(results / "admission/price_of_defects.csv")
    priced = price[price["ours_value"].notna()]

    assert set(price["row"]) == set(protocols.defects()["row"])
    assert set(priced["row"]) == {1, 6, 17}
    assert priced.loc[priced["row"] == 6, "paired"].eq(True).all()
    assert (
        price.loc[(price["row"] == 17) & (price["model"] == "random_forest_all"), "note"]
        .eq("does not touch this model")
        .all()
    )


def test_ablated_models_lack_their_branch(results):
    table = pd.read_csv(results / "admission/explanations/ablation.csv")

    assert set(table["removed"]) == {"ecg", "vitals", "static"}
    config = (results / "scenarios/without_ecg/admission/all_stays_model/config.yaml").read_text()
    assert "- vitals" in config and "- ecg" not in config


def test_every_figure_of_the_documents_stands_in_a_file_of_the_run(results):
    admission = results / "admission"
    files = {
        "attrition": results / "cohort/attrition.csv",
        "spine": results / "cohort/spine.parquet",
        "manifest": results / "manifest.json",
        "run": results / "run_full.json",
        "table_one": admission / "table_one.csv",
        "price_of_defects": admission / "price_of_defects.csv",
        "importance": admission / "explanations/importance.csv",
        "ablation": admission / "explanations/ablation.csv",
    }
    for table in ("scores", "comparisons", "calibration", "decision", "subgroups"):
        files[table] = admission / f"nested/{table}.csv"
    files["sample_size"] = admission / "sample_size.csv"
    models = [*results.glob("*stays*.pth"), *results.glob("scenarios/nested_*/*stays*.pth")]
    for document in ("model_card", "tripod_ai"):
        text = (admission / f"{document}.md").read_text()
        assert len(text) > 3000
        assert "synthetic" in text.lower()
        assert unexplained(text, files, models) == []


@pytest.mark.parametrize("document", ["model_card", "tripod_ai", "probast_ai"])
@pytest.mark.parametrize("folder", [*SYSTEMS, *BESIDE])
def test_every_system_and_protocol_has_its_documents(results, folder, document):
    text = (results / folder / f"{document}.md").read_text()
    assert "SYNTHETIC DATA" in text and len(text) > 3000
    optimistic = folder.endswith(("published", "seed"))
    assert not optimistic or "**High risk of bias under the protocol" in text
    if document != "model_card":
        table = pd.read_csv(results / folder / f"{document}.csv", keep_default_na=False)
        lacking = table[table["answer"].str.contains("this run lacks")]["answer"]
        # A made-up registry has no manifest.
        assert all(folder == "arrest" and text.endswith("lacks manifest") for text in lacking)
        places = {place for text in table["place"] for place in text.split(", ") if place}
        known = (results, reference(".").parent)
        assert [p for p in places if not any((folder / p).exists() for folder in known)] == []
    if document == "probast_ai":
        assert ("splits: passed" in text) is not optimistic


def test_the_positive_control_finds_every_planted_leak_and_nothing_without_it(results):
    found = pd.concat(pd.read_csv(results / f"{system}/audit/control.csv") for system in SYSTEMS)

    assert len(found) > 20
    assert found["passed"].all(), found.loc[~found["passed"], "what"].tolist()
    assert (found["unplanted"] == 0).all()


@pytest.mark.parametrize("page", ["report", "report_full", "audit"])
def test_the_page_needs_nothing_from_outside(results, page):
    text = (results / f"{page}.html").read_text()
    loaded: list[str] = []

    class Page(HTMLParser):
        def handle_starttag(self, tag, attrs):
            wanted = {"src", "srcset", "poster", "data"} | ({"href"} if tag == "link" else set())
            loaded.extend(value or "" for name, value in attrs if name in wanted)

    Page().feed(text)
    assert loaded
    assert [link for link in loaded if not link.startswith("data:")] == []
    assert len(text.encode()) < 5_000_000


def test_the_page_shows_mortality_with_the_figures_of_its_tables(results):
    text = (results / "report_full.html").read_text()
    comparison = pd.read_csv(results / "mortality/comparison.csv")

    assert "Will this patient die within a year of the first intensive care stay?" in text
    for _, row in comparison.iterrows():
        assert with_interval(row["auroc"], row["auroc_low"], row["auroc_high"]) in text
    for part in ("scores", "visits", "neighbours"):
        assert f'id="mortality-{part}"' in text
    steps = pd.read_csv(results / "mortality/audited/attrition.csv").set_index("step")
    assert f">{steps.loc['cohort', 'patients']}<" in text


def test_the_report_of_the_single_split_scores_its_test_patients_without_any_fold(run, results):
    spine = pd.read_parquet(results / "cohort/spine.parquet")
    tested = set(spine.loc[spine["split"] == "test", "stay_id"])
    table = predictions(results, "single", "all_stays_model").query("split == 'test'")
    assert set(table["stay_id"]) == tested

    needed = run.planned("report", "--forceall", *TINY)
    assert needed["train_model"] == 4 and needed["pool_folds"] == 8  # one split: no folds
    assert not {rule for rule in needed if rule.startswith(("explain_model", "price_defects"))}
    text = (results / "report.html").read_text()
    scores = pd.read_csv(results / "admission/single/scores.csv")
    row = scores.query("model == 'all_stays_model' and score == 'auroc'").iloc[0]
    assert with_interval(row["value"], row["low"], row["high"]) in text
    for system in SYSTEMS:
        for part in ("scores", "calibration", "decision", "subgroups"):
            assert f'id="{system}-{part}"' in text
    for absent in ("admission-folds", "admission-defects", "admission-importance", "-audit"):
        assert f'{absent}"' not in text


def test_the_shared_evaluation_scores_mortality_too(results):
    for protocol, optimistic in (
        ("audited", False),
        ("audited_icu_out", False),
        ("published", True),
    ):
        scores = pd.read_csv(results / f"mortality/{protocol}/scores.csv")
        assert set(scores["optimistic"]) == {optimistic}
        lstm = predictions_of_mortality(results, protocol, "lstm")
        row = scores[(scores["model"] == "lstm") & (scores["score"] == "auroc")].iloc[0]
        assert row["value"] == pytest.approx(roc_auc_score(lstm["label"], lstm["probability"]))
        groups = pd.read_csv(results / f"mortality/{protocol}/subgroups.csv")["group"]
        assert set(groups) == {"sex", "age_band", "race", "insurance"}


def predictions_of_mortality(results: Path, protocol: str, model: str) -> pd.DataFrame:
    table = pd.read_parquet(results / f"mortality/{protocol}/{model}/predictions.parquet")
    return table[table["split"] == "test"]


def test_the_command_line_scores_predictions_of_the_run_as_its_tables_do(run, results):
    file = "results/mortality/audited/lstm/predictions.parquet"
    done = run.mimicflow("evaluate", file, "--synthetic", "--output", "evaluated")
    assert done.returncode == 0, done.stdout + done.stderr

    for name in ("scores", "calibration"):
        of_run = pd.read_csv(results / f"mortality/audited/{name}.csv").query("model == 'lstm'")
        given = pd.read_csv(run.folder / f"evaluated/{name}.csv")
        numbers = ["value", "low", "high", "calibrated_up_to"]
        np.testing.assert_allclose(given[numbers], of_run[numbers], rtol=1e-9)
        assert given["score"].tolist() == of_run["score"].tolist()


def test_the_run_is_described_without_naming_the_machine(run, results):
    described = json.loads((results / "run_full.json").read_text())

    rules = {entry["rule"]: entry for entry in described["rules"]}
    assert rules["train_model"]["jobs"] >= 4 * (1 + 2 + 2 + 1)  # scenarios are counted too
    assert str(run.folder) not in json.dumps(described)


@pytest.fixture(scope="module")
def jobs(run) -> list[Job]:
    return jobs_of(run.folder, *TARGETS, *TINY)


def test_every_rule_finds_what_it_reads_among_what_it_declares(run, jobs, tmp_path):
    chapters = "".join(file.read_text() for file in (run.folder / "rules").iterdir())
    of_real_data = {"build_registry", "initialise_encoder"}
    of_given_weights = {"import_encoder"}  # tests/workflow/test_inspection.py
    # By name: in test_tiny_run.py, and those of tuning in test_leakage.py.
    asked_for = {"write_csv", "compare_scenarios", "explain_stay"}
    asked_for |= set(re.findall(r"rule (\w+)", (run.folder / "rules/tuning.smk").read_text()))

    rules = set(re.findall(r"^ *(?:rule|use rule \w+ as) (\w+)", chapters, re.MULTILINE))
    assert {job.rule for job in jobs} == rules - of_real_data - of_given_weights - asked_for
    assert faults_of(jobs, run.folder, tmp_path) == {}


def test_every_file_of_a_run_has_a_kind(results, jobs):
    files = [path.relative_to(results).as_posix() for path in results.rglob("*") if path.is_file()]
    made = [Path(name).relative_to("results").as_posix() for job in jobs for name in job.outputs]
    assert len(files) > 3000 and len(made) > 300  # made: by one job of each rule
    assert [path for path in [*files, *made] if kind_of(path) is None] == []
    assert {kind_of(path) for path in made} == {"patients", "aggregate", "technical"}


@pytest.mark.parametrize(
    ("rule", "undeclared"),
    [
        ("split_patients", "results/cohort/stays.parquet"),
        ("split_patients", "src/mimicflow/learning/splits.py"),
        ("build_cohort", "src/mimicflow/reference/complaints.csv"),
    ],
)
def test_what_is_not_declared_is_missed(run, jobs, tmp_path, rule, undeclared):
    [job] = [job for job in jobs if job.rule == rule]
    assert undeclared in job.inputs
    job = dataclasses.replace(job, inputs=[name for name in job.inputs if name != undeclared])

    [fault] = faults_of([job], run.folder, tmp_path).values()

    assert Path(undeclared).stem in fault


def test_snakemake_has_an_archive_of_its_own(run):
    done = run.snakemake("evaluation", *TINY, "--report", "results/report.zip")

    assert done.returncode == 0, done.stdout + done.stderr
    assert (run.folder / "results/report.zip").stat().st_size > 100_000


def test_a_second_run_has_nothing_to_do(run):
    done = run.snakemake("evaluation", *TINY)

    assert done.returncode == 0
    assert "Nothing to be done" in done.stdout + done.stderr


def test_one_key_of_the_evaluation_reruns_what_needs_it_only(run):
    config = run.folder / "config.yaml"
    before = config.read_text()
    config.write_text(before.replace("step: 0.02", "step: 0.04"))

    planned = run.planned("evaluation", *TINY)

    config.write_text(before)
    assert planned["weigh_decisions"] == 3 + 3 + 1  # of admission and of mortality, and of arrest
    assert not {"train_model", "score_models", "calibrate_models", "pool_folds"} & set(planned)
