"""The whole DAG on presets/tiny.yaml with the real Snakemake, and what a change reruns after it.

One file, because one run serves all of these and each worker takes whole files.
"""

import json
import os
import re
import shlex
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from checkouts import copy_with_results

import mimicflow
from mimicflow.reference import FOLDER, reference
from mimicflow.report.columns import describe_column

TINY = ("--configfile", "presets/tiny.yaml")
MODELS = (
    "all_stays_ECGonly",
    "multi_stays_ECGonly",
    "all_stays_model",
    "multiple_ECG_stays_model",
)
# What follows any change of a score.
SCORING = {"all", "compare_models"}


@pytest.fixture(scope="module")
def results(tiny_run) -> Path:
    return tiny_run.folder / "results"


def test_a_second_run_has_nothing_to_do(tiny_run):
    run = tiny_run.snakemake(*TINY)

    assert run.returncode == 0
    assert "Nothing to be done" in run.stdout + run.stderr


def test_the_published_files_are_there(results):
    for subset in ("all", "multi"):
        for name in ("best.pth", "roc_prc.npz", "loss.png", "metrics.csv", "confusion.csv"):
            assert (results / f"outputs/gru/{subset}_performance/{subset}_stays_{name}").is_file()
        for name in ("best_model.pth", "roc_prc_data.npz", "loss.png", "metrics.csv"):
            assert (results / f"{subset}_performance/{subset}_stays_{name}").is_file()
    for name in (
        "All_features_ROCPRC_data.npz",
        "all_stays_ECGonly_ROCPRC.npz",
        "multi_stays_ECGonly_ROCPRC.npz",
        "combined_performance/combined_roc_prc_data.npz",
        "combined_performance/combined_roc.png",
        "combined_performance/combined_prc.png",
    ):
        assert (results / name).is_file(), name


@pytest.mark.parametrize("model", MODELS)
def test_models_load_without_unpickling(results, model):
    content = torch.load(results / f"{model}.pth", weights_only=True)

    carried = {
        "weights",
        "features",
        "preprocessor",
        "model",
        "encoder",
        "threshold",
        "temperature",
    }
    assert carried <= set(content)


def test_only_test_patients_are_scored(results):
    comparison = pd.read_csv(results / "admission/comparison.csv")
    spine = pd.read_parquet(results / "cohort/spine.parquet")
    test = spine[spine["split"] == "test"]

    all_stays = comparison[comparison["stays"] == "all"]
    assert set(all_stays["n"]) == {len(test)}
    assert set(all_stays["events"]) == {int(test["label"].sum())}
    assert set(comparison["data"]) == {"synthetic"}


def test_no_patient_is_on_two_sides(results):
    spine = pd.read_parquet(results / "cohort/spine.parquet")

    assert spine.groupby("subject_id")["split"].nunique().max() == 1
    assert set(spine["split"]) == {"train", "validation", "test"}


def test_the_manifest_names_every_table_and_calls_it_synthetic(results):
    manifest = json.loads((results / "manifest.json").read_text())

    tables = manifest["tables"]
    assert {"hosp/labevents", "ed/edstays", "ecg/record_list"} <= set(tables)
    assert all(table["release"] == "synthetic" for table in tables.values())
    assert all(len(table["sha256"]) == 64 and table["rows"] > 0 for table in tables.values())


def test_broken_records_are_excluded_and_listed(results):
    excluded = pd.read_csv(results / "ecg/excluded.csv")
    dirt = pd.read_parquet(results / "synthetic/dirt.parquet")

    reasons = {
        "absent": "signal_missing",
        "truncated": "signal_truncated",
        "other_header": "checksum_wrong",
    }
    broken = dirt[dirt["kind"].isin(reasons)].set_index("id")["kind"].map(reasons)
    assert len(broken) > 0
    assert excluded.set_index("study_id")["reason"].to_dict() == broken.to_dict()


def test_what_was_soiled_is_what_was_counted(results):
    dirt = pd.read_parquet(results / "synthetic/dirt.parquet")
    planted = dirt.groupby(["table", "kind"]).size()

    for table in ("hosp/prescriptions", "ed/vitalsign", "ed/pyxis"):
        report = json.loads((results / f"tables/{table}/report.json").read_text())
        assert report["rows_duplicate"] == planted[table, "duplicate"] > 0
        assert report["rows_rejected"] == planted.get((table, "unreadable_number"), 0)
    attrition = pd.read_csv(results / "cohort/attrition.csv").set_index("step")
    reversed_stays = attrition.loc["lost_reversed_times", "stays"]
    assert reversed_stays == planted["ed/edstays"][["half_day_slip", "year_slip"]].sum()


def test_make_run_ends_with_the_scores_of_the_main_model(clean_run, tmp_path):
    checkout = copy_with_results(clean_run, tmp_path / "copy")
    results = checkout.folder / "results"
    run = checkout.snakemake("first", *TINY)
    table = checkout.mimicflow("scores")

    assert run.returncode == 0, run.stderr
    assert (results / "all_performance/all_stays_roc.png").is_file()
    alone = pd.read_csv(results / "admission/all_stays_model/comparison.csv")
    together = pd.read_csv(results / "admission/comparison.csv")
    pd.testing.assert_frame_equal(
        alone, together[together["model"] == "all_stays_model"].reset_index(drop=True)
    )
    assert table.returncode == 0, table.stderr
    lines = table.stdout.splitlines()
    row = next(line for line in lines if "ECG, vital signs and static, all stays" in line)
    assert row.startswith("admission ") and row.endswith(" synthetic")
    assert f"{alone['auroc'].item():.3f}" in row
    assert {"mortality", "arrest"} <= {line.split(" ")[0] for line in lines}


def test_a_fifth_model_without_ecgs_needs_its_stays_and_branches_only(clean_run, tmp_path):
    checkout = copy_with_results(clean_run, tmp_path / "copy")
    block = {"stays": "all", "branches": ["vitals", "static"]}
    arguments = overlay(checkout, "fifth", {"models": {"vitals_and_static": block}})

    run = checkout.snakemake("results/vitals_and_static.pth", *arguments)

    assert run.returncode == 0, run.stdout + run.stderr
    assert (checkout.folder / "results/vitals_and_static.pth").is_file()


def test_tables_as_csv_and_one_stay_explained_are_made_on_demand(tiny_run, results):
    spine = pd.read_parquet(results / "cohort/spine.parquet").query("split == 'test'")
    stay = f"results/admission/explanations/stays/{spine['stay_id'].iloc[0]}.csv"

    run = tiny_run.snakemake(
        "results/final_ecgs.csv", "results/vitals_long_cleaned.csv", stay, *TINY
    )

    assert run.returncode == 0, run.stderr
    for name in ("final_ecgs", "vitals_long_cleaned"):
        assert list(pd.read_csv(results / f"{name}.csv").columns) == list(
            pd.read_parquet(results / f"{name}.parquet").columns
        )
        (results / f"{name}.csv").unlink()
    explained = pd.read_csv(tiny_run.folder / stay)
    assert len(explained.query("group != 'ecg'")) == 354
    assert len(explained.query("group == 'ecg'")) == spine["n_ecg"].iloc[0]


@pytest.fixture
def edited(tiny_run):
    """Change a file of the checkout; it is put back, time stamps included."""
    saved = []

    def edit(path, change):
        file = tiny_run.folder / path
        status = file.stat()
        saved.append((file, file.read_bytes(), (status.st_atime_ns, status.st_mtime_ns)))
        file.write_bytes(change(file.read_bytes()))
        later = time.time_ns() + 10**9
        os.utime(file, ns=(later, later))

    yield edit
    for file, content, times in saved:
        file.write_bytes(content)
        os.utime(file, ns=times)


def overlay(tiny_run, name, content):
    file = tiny_run.folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(content))
    return [*TINY, str(file)]


@pytest.mark.parametrize(
    "name",
    [
        "raw/ingest.py",
        "concepts/measurements/ed_labs.sql",
        "admission/cohort.py",
        "ecg/clean.py",
        "admission/training.py",
    ],
)
def test_touching_a_source_file_reruns_nothing(tiny_run, edited, name):
    edited(f"src/mimicflow/{name}", lambda content: content)

    assert tiny_run.planned(*TINY) == {}


def test_changing_a_concept_reruns_it_and_what_follows(tiny_run, edited):
    edited(
        "src/mimicflow/concepts/measurements/ed_labs.sql", lambda content: content + b"-- changed\n"
    )

    planned = tiny_run.planned(*TINY)

    assert planned["extract_concept"] == 2  # shards of this concept, and of no other
    assert planned["train_model"] == 4
    assert {"assemble_static_features", "fit_baseline", *SCORING} <= set(planned)
    assert not {"ingest_table", "build_cohort", "pretrain_encoder"} & set(planned)


def test_changing_one_models_key_reruns_that_model_and_what_follows(tiny_run):
    arguments = overlay(tiny_run, "one_model", {"models": {"all_stays_model": {"dropout": 0.1}}})

    planned = tiny_run.planned(*arguments)

    assert planned["train_model"] == 1
    assert planned["write_performance"] == 1
    assert set(planned) >= SCORING
    assert set(planned) <= {
        "train_model",
        "write_performance",
        "combine_performance",
        *SCORING,
    }


@pytest.mark.parametrize(
    ("defaults", "models"), [({"dropout": 0.1}, 4), ({"patience": 4}, 2), ({"gru_hidden": 16}, 0)]
)
def test_changing_a_default_reruns_the_models_that_take_it(tiny_run, defaults, models):
    """Those of ECGs alone have a patience of their own; the tiny run has 16 units already."""
    arguments = overlay(tiny_run, "default", {"model_defaults": defaults})

    planned = tiny_run.planned(*arguments)

    assert planned.get("train_model", 0) == models
    assert not {"pretrain_encoder", "fit_lightgbm", "train_visit_network"} & set(planned)


def test_changing_the_encoder_reruns_pretraining_and_the_models(tiny_run):
    arguments = overlay(tiny_run, "encoder", {"encoder": {"width": 16}})

    planned = tiny_run.planned(*arguments)

    assert planned["pretrain_encoder"] == 1
    assert planned["train_model"] == 4
    assert not {"ingest_table", "build_ecg_store", "fit_lightgbm"} & set(planned)


def test_a_comment_in_the_configuration_reruns_nothing(tiny_run, edited):
    edited("config.yaml", lambda content: content + b"\n# a remark\n")

    assert tiny_run.planned(*TINY) == {}


def test_another_seed_of_the_split_keeps_the_hospital(tiny_run):
    planned = tiny_run.planned(*overlay(tiny_run, "seed", {"seed": {"split": 1}}))

    assert {"split_patients", "split_icu_patients", "split_arrest_patients"} <= set(planned)
    assert not {"make_hospital", "make_icu", "ingest_table", "build_icu_cohort"} & set(planned)


def test_scenarios_are_compared_and_make_only_what_their_keys_touch(tiny_run, results):
    scenarios = {"more_dropout": {"models": {"all_stays_model": {"dropout": 0.5}}}}
    arguments = overlay(tiny_run, "mine", {"scenarios": scenarios})

    run = tiny_run.snakemake("scenarios", *arguments)

    assert run.returncode == 0, run.stdout + run.stderr
    table = pd.read_csv(results / "scenarios/comparison.csv").set_index("scenario")
    assert list(table.index) == ["configuration", "more_dropout"]
    row = table.loc["more_dropout"]
    assert (row["keys"], row["paired"]) == ("models.all_stays_model.dropout: 0.5", True)
    assert row["difference"] == pytest.approx(row["auroc"] - table.loc["configuration", "auroc"])
    own = pd.read_csv(results / "admission/comparison.csv").set_index("model")
    assert table.loc["configuration", "auroc"] == own.loc["all_stays_model", "auroc"]
    made = {path.name for path in (results / "scenarios/more_dropout").rglob("*.p*")}
    assert made == {"all_stays_model.pth", "predictions.parquet"}
    assert tiny_run.planned("scenarios", *arguments) == {}


FITTING = {"pretrain_encoder", "train_model", "fit_lightgbm", "fit_embedding", "fit_arrest_model"}
HOSPITAL = {"make_hospital", "make_icu", "build_cohort", "plan_epochs"}
SPLITS = {"split_patients", "split_icu_patients", "split_arrest_patients"}
PLANNED = {
    "seed=3": (FITTING | HOSPITAL | SPLITS, set()),
    "seed={weights: 3}": (FITTING, HOSPITAL | SPLITS),
    "repeats={seeds: [1, 2, 3]}": ({"pretrain_encoder", "compare_scenarios"}, HOSPITAL | SPLITS),
    "results/scenarios/more_dropout/all_stays_model.pth": (
        {"train_model"},
        FITTING - {"train_model"},
    ),
    "scenarios": ({"extract_concept", "compare_scenarios"}, HOSPITAL | SPLITS),
}
"""By the last word of a command: rules that it runs, and others that it must not."""


@pytest.mark.parametrize("page", ["another-seed", "scenarios"])
def test_the_commands_of_a_how_to_do_what_they_say(clean_run, repository, page, tmp_path):
    text = (repository / f"docs/how-to/{page}.md").read_text(encoding="utf-8")
    files = re.findall(r"```yaml\n(.*?)```", text, re.S)
    commands = "".join(re.findall(r"```bash\n(.*?)```", text, re.S)).splitlines()
    assert 0 < len(commands) + len("".join(files).splitlines()) <= 10
    for file in files:
        (tmp_path / "mine.yaml").write_text(file)
    for command in commands:
        snakemake, cores, _, *words = shlex.split(command, comments=True)
        assert (snakemake, cores) == ("snakemake", "--cores")
        files = [str(tmp_path / word) for word in words if word == "mine.yaml"]
        words = [word for word in words if word not in ("--configfile", "mine.yaml")]
        runs, shared = PLANNED[words[-1]]

        planned = clean_run.planned(*words, *TINY, *files)

        assert runs <= set(planned), command
        assert not shared & set(planned), command


KINDS = {
    "integer": ("i", "u", "f", "b"),  # a number that may be missing is read as f
    "number": ("i", "u", "f"),
    "time": ("M",),
    "date": ("M",),
    "true or false": ("b", "O", "f"),
}


STEMS = {"auprc_fold", "event_sensitivity_difference", "false_alarms_per_day_difference"}
STEMS |= {f"{name}_hours" for name in ("least", "lower_quartile", "median", "upper_quartile")}
"""Columns that are there with an ending only, or whose names the audit puts together."""


@pytest.fixture(scope="module")
def frames(clean_results):
    """The tables of the run, but for the raw ones, whose columns are MIMIC's own."""
    run = mimicflow.load(clean_results)
    return {name: run[name] for name in run if not name.startswith("tables/")}


def test_every_column_is_described(frames):
    assert len(frames) > 200
    unknown = {
        (column, name)
        for name, frame in frames.items()
        for column in frame
        if column not in frame.attrs["meanings"]
    }
    assert unknown == set()


def test_every_column_is_of_its_type(frames):
    wrong = set()
    for name, frame in frames.items():
        for column in frame.columns[frame.notna().any()]:
            of = describe_column(name.rpartition("/")[2].removesuffix(".csv"), column)
            if frame[column].dtype.kind not in KINDS.get(of.type, frame[column].dtype.kind):
                wrong.add((column, name, of.type, str(frame[column].dtype)))
    assert wrong == set()


def test_no_column_is_described_that_nothing_writes(frames):
    """What this run does not write, such as the tables of the audit, is named in the package."""
    texts = [file.read_text("utf-8") for file in FOLDER.parent.rglob("*.py")]
    named = {
        *re.findall(r"\w+", "\n".join(texts)),
        *(name for of in frames.values() for name in of),
    }
    listed = pd.read_csv(reference("columns.csv"))

    assert set(listed["column"]) - named <= STEMS
    assert not listed.duplicated(["column", "files"]).any()
