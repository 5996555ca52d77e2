"""``mimicflow arrest score`` from the outside."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from made_arrest_registry import beats_of, write_annotation
from typer.testing import CliRunner

from mimicflow import __version__
from mimicflow.arrest.model_folder import load_model
from mimicflow.arrest.score import score_recording
from mimicflow.arrest.ward.weights import moved
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
    text = " ".join(result.output.split())
    assert "those of the model's sample" in text and "follows 20.00% of the epochs" in text
    there = moved(expected["probability"].max(), 0.2, 0.02)
    assert f"follows 2.00%: there the highest probability is {there:.4f}" in text
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


@pytest.fixture
def holter(tmp_path):
    """The same beats as an annotation and as tables, in a folder of their own."""
    folder = tmp_path / "holters"
    beats = np.round(beats_of(1000), 3)
    write_annotation(folder, "holter.atr", np.rint(beats * 1000).astype(int))
    for column, values in (("beat_time_s", beats), ("rr_interval_ms", 1000 * np.diff(beats))):
        rows = "\n".join(f"{value:.10g}" for value in values)
        (folder / f"{column}.csv").write_text(f"{column}\n{rows}\n")
    return folder


def test_beats_give_a_table_and_a_figure_and_are_not_written_over(
    holter, model_folder, monkeypatch
):
    monkeypatch.chdir(holter)
    before = {file.name: file.read_bytes() for file in holter.iterdir()}

    results = [
        run("arrest", "score", name, "--model", model_folder)
        for name in ("holter.atr", "beat_time_s.csv", "rr_interval_ms.csv")
    ]

    assert [result.exit_code for result in results] == [0, 0, 0], results
    assert all(f"h, {len(beats_of(1000))} beats, no samples" in result.output for result in results)
    assert all("3  kept" in result.output for result in results)
    made = {file.name for file in holter.iterdir()} - set(before)
    assert made == {
        f"{name}.{ending}"
        for name in ("holter", "beat_time_s_scores", "rr_interval_ms_scores")
        for ending in ("csv", "png")
    }
    assert {name: (holter / name).read_bytes() for name in before} == before
    of_times = pd.read_csv("beat_time_s_scores.csv").drop(columns="time")
    pd.testing.assert_frame_equal(pd.read_csv("holter.csv").drop(columns="time"), of_times)


def test_beats_of_which_nothing_is_kept_say_so(tmp_path, model_folder):
    (tmp_path / "b.csv").write_text("rr_interval_ms\n" + "150\n" * 4000)

    result = run("arrest", "score", tmp_path / "b.csv", "--model", model_folder,
                 "--output", tmp_path)  # fmt: skip

    assert result.exit_code == 0
    assert "2  dropped, implausible" in result.output
    assert "too small a share of plausible RR intervals. Look at the beats." in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("holter.atr", "--lead", "II"), "there is no lead, rule or detector to choose"),
        (("holter.atr", "--detector", "kalidas"), "leave --lead, --quality and --detector out"),
        (("holter.qrs",), "no such annotation"),
        (("wrong.csv",), "wrong.csv, line 3: rr_interval_ms is not a number"),
        (("brief.csv",), "the recording has 160.001 s, one epoch 300 s"),
    ],
)
def test_beats_that_cannot_be_scored_are_reported_without_a_traceback(
    holter, model_folder, monkeypatch, arguments, message
):
    monkeypatch.chdir(holter)
    (holter / "wrong.csv").write_text("rr_interval_ms\n800\n-800\n")
    (holter / "brief.csv").write_text("rr_interval_ms\n" + "800\n" * 200)

    result = run("arrest", "score", *arguments, "--model", model_folder)

    assert result.exit_code == 1
    assert "Error: " in result.output and message in result.output
    assert "What to do" in result.output
    assert not list(holter.glob("*.png"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing",), "no such WFDB header"),
        (("bed1", "--lead", "V9"), "no lead 'V9' (ECG leads: V1, II"),
        (("bed1", "--model", "nowhere"), "model.json: no such file"),
        (("bed1", "--output", "bed1.dat"), "cannot be made a folder"),
        (("..",), "'..' is no record"),
        ((".",), "'.' is no record"),
        (("",), "'' is no record"),
        (("bed1.dat",), "without .hea: bed1"),
        (("bed1.DAT",), "without .hea: bed1"),
        (("bed1.edf",), "no such WFDB header"),
        (("bed1.vital",), "What to do"),
        (("pulse",), "has no ECG lead (signals: PLETH)"),
        (("torr",), "is in 'mmHg', not in mV"),
        (("slow",), "has 60 Hz, fewer than 100"),
        (("damaged",), "header is not WFDB"),
        (("brief",), "the recording has 180 s, one epoch 300 s"),
        (("bed1", "--quality", "best"), "unknown quality method 'best'"),
        (("bed1", "--detector", "best"), "unknown detector 'best'"),
    ],
)
def test_errors_are_reported_without_a_traceback(
    record, write_record, sinus, model_folder, monkeypatch, arguments, message
):
    write_record("brief", [sinus(180)])
    write_record("pulse", [sinus(10)], names=["PLETH"])
    write_record("torr", [sinus(10)], units=["mmHg"])
    write_record("slow", [sinus(10, 60)], rate=60)
    (record.parent / "damaged.hea").write_text("what is this\n")
    monkeypatch.chdir(record.parent)
    if "--model" not in arguments:
        arguments = (*arguments, "--model", model_folder)

    result = run("arrest", "score", *arguments)

    assert result.exit_code == 1
    assert "Error: " in result.output and message in result.output
    assert "What to do" in result.output
    assert "Traceback" not in result.output
    assert not list(record.parent.glob("*.csv")) and not list(record.parent.glob("*.png"))


def test_a_table_that_is_no_table_of_scores_is_not_written_over(record, model_folder, monkeypatch):
    monkeypatch.chdir(record.parent)
    samples = record.with_suffix(".csv")
    samples.write_text("sample,II\n0,0.1\n")
    given = ("arrest", "score", "bed1", "--model", model_folder, "--lead", "II")

    refused, beside, again = run(*given), *(run(*given, "--output", "out") for _ in "12")

    assert (refused.exit_code, beside.exit_code, again.exit_code) == (1, 0, 0)
    assert "bed1.csv is there, and is no table of this command" in refused.output
    assert "name another folder" in refused.output
    assert samples.read_text() == "sample,II\n0,0.1\n"


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
