"""One small kind of sample of the simulation, and that it would see an interval that fails."""

import importlib

import numpy as np
import pytest

from mimicflow.arrest.results.ringing import ALARM_SCORES
from mimicflow.evaluation.statistics.metrics import Estimate

WARD = "72 patients, 18 events, AUROC .92"


@pytest.fixture
def benchmark(repository, monkeypatch):
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))
    return importlib.import_module("interval_coverage")


def test_every_kind_of_interval_holds_the_truth_in_most_samples(benchmark):
    [(name, found)] = benchmark.cells(60, WARD)

    assert name == WARD
    assert (found["without_interval"] < 0.1).all()
    assert (found["coverage"] > 0.85).all()  # 0.93 and a little more, less three standard errors
    assert found["coverage"].mean() > 0.92


def test_alarms_have_their_truth(benchmark):
    [(_, found)] = benchmark.cells(15, "18 event, 54")

    assert set(ALARM_SCORES) < set(found["interval"])
    assert found.set_index("interval").at["false_alarms_per_day", "coverage"] > 0.6


def test_an_interval_that_is_too_narrow_is_seen(benchmark):
    def sample(run):
        middle = np.random.default_rng(run).normal()
        yield "auroc", Estimate(middle, middle - 1, middle + 1)
        yield "auroc, DeLong", Estimate(middle, np.nan, np.nan)

    narrow, without = benchmark.coverage({"auroc": 0.0}, sample, 400).to_dict("records")

    assert narrow["coverage"] == pytest.approx(0.68, abs=4 * narrow["monte_carlo_error"])
    assert without["without_interval"] == 1
