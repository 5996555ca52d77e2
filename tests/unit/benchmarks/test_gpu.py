"""The benchmark of GPUs runs, and compares what it says that it compares."""

import importlib
import re

import numpy as np
import pytest
import torch


@pytest.fixture
def benchmark(repository, monkeypatch):
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    return importlib.import_module("gpu")


def figures(text):
    """The ECGs per second of the three ways of each workload."""
    found = re.findall(r"([\d.]+) ECGs/s", text)
    return np.array(found, dtype=float).reshape(-1, 3)


def test_without_a_gpu_it_says_so_in_a_line(benchmark, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    assert benchmark.main([]) == 0

    assert capsys.readouterr().out.splitlines() == [
        "no GPU was found: nothing to measure (--device cpu --small shows that it runs)"
    ]


def test_each_workload_is_measured_in_three_ways(benchmark, monkeypatch, capsys):
    """Records are decoded by the published way only; the limit never waits for the store."""
    ways = importlib.import_module("_gpu_ways")
    read = {"decoded": 0, "timed": 0}
    decode, load = ways.alternative, ways.WaveformStore.read
    clock = {}

    def counting(folder, path):
        read["decoded"] += 1
        return decode(folder, path)

    def started(self, epoch):
        clock["task"] = self if epoch == 2 else None
        return begin(self, epoch)

    def stopped(self):
        clock["task"] = None
        return end(self)

    def reading(self, study_ids):
        assert not isinstance(clock.get("task"), ways.OnDevice)
        read["timed"] += clock.get("task") is not None
        return load(self, study_ids)

    begin, end = ways.Clocked.batches, ways.Clocked.validate
    monkeypatch.setattr(ways, "alternative", counting)
    monkeypatch.setattr(ways.WaveformStore, "read", reading)
    monkeypatch.setattr(ways.Clocked, "batches", started)
    monkeypatch.setattr(ways.Clocked, "validate", stopped)

    assert benchmark.main(["--device", "cpu", "--small", "--batch-size", "2"]) == 0

    seen = figures(capsys.readouterr().out)
    size = benchmark.SMALL
    assert seen.shape == (3, 3)
    assert (seen > 0).all()
    assert read["timed"] == 3 * size.steps
    assert read["decoded"] >= 2 * size.steps * 2 * 3  # epochs, batches of two, workloads
    assert torch.get_num_threads() >= 1


def test_a_missed_bar_is_an_error_on_a_gpu_only(benchmark, capsys):
    fast, slow = (benchmark.Figure(rate, 0, "") for rate in (100.0, 10.0))

    assert benchmark.report("x", {"store": fast, "published": slow, "limit": fast}) is False
    assert benchmark.report("x", {"store": fast, "published": fast, "limit": fast}) is False
    very_slow = benchmark.Figure(3.0, 0, "")
    assert benchmark.report("x", {"store": fast, "published": very_slow, "limit": fast}) is True
    beyond = benchmark.Figure(120.0, 0, "")
    assert benchmark.report("x", {"store": fast, "published": very_slow, "limit": beyond}) is False
    assert "33.3 x" in capsys.readouterr().out


def test_the_published_sizes_and_the_settings_are_those_of_the_configuration(benchmark):
    whole = benchmark.configuration()

    assert whole["encoder"]["width"] == 64
    assert whole["ecg"]["sampling_rate"] * whole["ecg"]["seconds"] == 5000
    assert whole["models"][benchmark.MODEL]["unfreeze"] == "layer4"
    assert benchmark._computing(whole).precision == whole["computing"]["precision"]


def test_ecgs_of_stays_are_counted_once(benchmark):
    ways = importlib.import_module("_gpu_ways")
    stays = ways.Stays(50)
    n_ecgs = ways.stays_ecgs(stays)(np.arange(50))

    assert n_ecgs == len(stays.study_ids) == len(np.unique(stays.ecg_index[stays.ecg_index >= 0]))
    assert 50 <= n_ecgs <= 300
    batch = stays.batch(np.arange(8), lambda rows: torch.zeros(len(rows), 12, 5000))
    assert batch.n_ecgs.min() >= 1
    assert len(batch.ecgs) == batch.n_ecgs.sum()
