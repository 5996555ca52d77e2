"""``mimicflow arrest score`` from the outside."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from mimicflow import __version__
from mimicflow.arrest.model_folder import load_model
from mimicflow.arrest.score import score_recording
from mimicflow.bedside.open_recording import open_recording
from mimicflow.cli import app

N = 300 * 250


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def record(write_record, sinus):
    ecg = sinus(900)
    ecg[N : 2 * N] = 0.2
    return write_record("bed1", [ecg * 0, ecg], names=["V1", "II"], units=["mV", "mV"])


def test_a_record_gives_a_table_a_figure_and_a_summary(record, model_folder, tmp_path):
    out = tmp_path / "out" / "new"

    result = run("arrest", "score", record.with_suffix(""), "--model", model_folder,
                 "--lead", "ii", "--output", out)  # fmt: skip

    assert result.exit_code == 0, result.output
    table = pd.read_csv(
        out / "bed1.csv",
        keep_default_na=False,
        na_values={"probability": ""},
        float_precision="round_trip",
    )
    expected = score_recording(
        open_recording(record.parent, "bed1", "II"), load_model(model_folder)
    )
    assert np.array_equal(table["probability"], expected["probability"], equal_nan=True)
    assert table["reason"].tolist() == ["", "flat", ""]
    assert table["alarm"].tolist() == expected["alarm"].astype(int).tolist()
    assert (out / "bed1.png").read_bytes().startswith(b"\x89PNG")
    assert "lead II, 250 Hz" in result.output
    assert "Epochs of 5 min: 3" in result.output
    assert "2  kept" in result.output and "1  dropped, flat" in result.output
    assert f"Highest probability: {expected['probability'].max():.4f}" in result.output
    assert "SYNTHETIC" in result.output
    assert sorted(file.name for file in out.iterdir()) == ["bed1.csv", "bed1.png"]


def test_quality_and_detector_of_the_model_can_be_overridden(record, model_folder, tmp_path):
    """The published rule drops what is all alike, Pan and Tompkins' complexes are as many."""
    given = (
        "arrest",
        "score",
        record,
        "--lead",
        "II",
        "--model",
        model_folder,
        "--output",
        tmp_path,
    )

    published = run(*given, "--quality", "average_qrs")
    other = run(*given, "--detector", "pan_tompkins")

    assert "1  dropped, low_quality" in published.output
    assert "2  kept" in other.output


def test_a_vital_file_and_a_header_are_taken_by_their_names(
    record, write_vital, sinus, model_folder, tmp_path
):
    samples = {"dt": 1.7e9, "val": sinus(301, 500).astype(np.float32)}
    vital = write_vital("case", {"SNUADC/ECG_II": [samples]})
    for path in (record, vital):
        result = run("arrest", "score", path, "--model", model_folder, "--output", tmp_path)
        assert result.exit_code == 0, result.output
    assert (tmp_path / "bed1.csv").is_file()
    assert pd.read_csv(tmp_path / "case.csv")["time"].tolist() == ["2023-11-14 22:18:20"]


def test_a_record_without_a_usable_epoch_says_so(write_record, model_folder, tmp_path):
    record = write_record("flat", [np.zeros(2 * N)])

    result = run("arrest", "score", record, "--model", model_folder, "--output", tmp_path)

    assert result.exit_code == 0
    assert "No epoch gives a probability. Most were dropped for this: a line" in result.output
    assert (tmp_path / "flat.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing",), "no such WFDB header"),
        (("bed1", "--lead", "V9"), "no lead 'V9' (ECG leads: V1, II"),
        (("bed1", "--model", "nowhere"), "model.json: no such file"),
        (("bed1", "--output", "bed1.dat"), "cannot be made a folder"),
        (("..",), "leads outside"),
        (("bed1.dat",), "without .hea"),
        (("brief",), "the recording has 180 s, one epoch 300 s"),
        (("bed1", "--quality", "best"), "unknown quality method 'best'"),
        (("bed1", "--detector", "best"), "unknown detector 'best'"),
    ],
)
def test_errors_are_reported_without_a_traceback(
    record, write_record, sinus, model_folder, monkeypatch, arguments, message
):
    write_record("brief", [sinus(180)])
    monkeypatch.chdir(record.parent)
    if "--model" not in arguments:
        arguments = (*arguments, "--model", model_folder)

    result = run("arrest", "score", *arguments)

    assert result.exit_code == 1
    assert "Error: " in result.output and message in result.output
    assert "Traceback" not in result.output
    assert not list(record.parent.glob("*.csv")) and not list(record.parent.glob("*.png"))


def test_help_names_units_and_options():
    text = " ".join(run("arrest", "score", "--help").output.replace("│", " ").split())
    for part in ("mV", "Hz", "5-min", "--model", "--lead", "--output", "0 to 1"):
        assert part in text, part


def test_the_module_is_the_command_and_starts_without_heavy_imports():
    command = [sys.executable, "-m", "mimicflow", "--version"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == f"mimicflow {__version__}"
    code = "import sys, mimicflow.cli; print({'pandas', 'wfdb', 'lightgbm'} & set(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "set()"
