"""What a change reruns, asked of the real Snakemake after a whole run."""

import os
import time

import pytest
import yaml

# One run serves all of these, so one worker takes them.
pytestmark = pytest.mark.xdist_group("tiny")

TINY = "presets/tiny.yaml"
SCORING = {"all", "compare_models"}


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
    return ["--configfile", TINY, str(file)]


def test_nothing_changed_nothing_planned(tiny_run):
    assert tiny_run.planned("--configfile", TINY) == {}


@pytest.mark.parametrize(
    "name",
    ["ingest.py", "concepts/ed_labs.sql", "cohort.py", "ecg/clean.py", "admission/train.py"],
)
def test_touching_a_source_file_reruns_nothing(tiny_run, edited, name):
    edited(f"src/mimicflow/{name}", lambda content: content)

    assert tiny_run.planned("--configfile", TINY) == {}


def test_changing_a_concept_reruns_it_and_what_follows(tiny_run, edited):
    edited("src/mimicflow/concepts/ed_labs.sql", lambda content: content + b"-- changed\n")

    planned = tiny_run.planned("--configfile", TINY)

    assert planned["extract_ed_labs"] == 2  # shards
    assert planned["train_model"] == 4
    assert {"assemble_static_features", "fit_random_forest", *SCORING} <= set(planned)
    assert not {"ingest_table", "build_cohort", "pretrain_encoder", "extract_prior_stays"} & set(
        planned
    )


def test_changing_one_models_key_reruns_that_model_and_what_follows(tiny_run):
    arguments = overlay(tiny_run, "one_model", {"models": {"all_stays_model": {"dropout": 0.1}}})

    planned = tiny_run.planned(*arguments)

    assert planned["train_model"] == 1
    assert planned["write_multimodal_performance"] == 1
    assert set(planned) >= SCORING
    assert set(planned) <= {
        "train_model",
        "write_multimodal_performance",
        "combine_multimodal_performance",
        *SCORING,
    }


def test_changing_the_encoder_reruns_pretraining_and_the_models(tiny_run):
    arguments = overlay(tiny_run, "encoder", {"encoder": {"width": 8}})

    planned = tiny_run.planned(*arguments)

    assert planned["pretrain_encoder"] == 1
    assert planned["train_model"] == 4
    assert not {"ingest_table", "build_ecg_store", "fit_lightgbm"} & set(planned)


def test_a_comment_in_the_configuration_reruns_nothing(tiny_run, edited):
    edited("config.yaml", lambda content: content + b"\n# a remark\n")

    assert tiny_run.planned("--configfile", TINY) == {}
