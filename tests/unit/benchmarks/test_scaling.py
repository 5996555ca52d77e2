"""What docs/scaling.md forecasts follows from docs/scaling.csv by laws that are right."""

import importlib
import math
from types import ModuleType

import pandas as pd
import pytest


@pytest.fixture(scope="module")
def scaling(repository) -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(repository / "benchmarks"))
        return importlib.import_module("_scaling")


def test_the_document_has_the_tables_of_the_measurements(scaling):
    written = scaling.DOCUMENT.read_text(encoding="utf-8")

    assert scaling.report(scaling.TABLE_FILE) in written


def test_every_stage_is_measured_at_each_size(scaling):
    table = pd.read_csv(scaling.TABLE_FILE)

    measured = table[table["scale"].isin([1, 10, 100])].groupby("stage")["scale"].nunique()

    assert (measured == 3).all()
    stages = {stage.name for stage in scaling.STAGES}
    assert {stage.partition(", ")[0] for stage in measured.index} == stages


@pytest.mark.parametrize("exponent", [1.0, 1.3, 1.8])
def test_a_law_is_found_again(scaling, exponent):
    sizes = [1e3, 1e4, 1e5, 1e6]
    truth = scaling.Law(2.0, 1e-4, exponent)

    law = scaling.fit(sizes, [truth(n) for n in sizes])

    assert law(1e7) == pytest.approx(truth(1e7), rel=0.02)
    assert law.exponent == pytest.approx(exponent, abs=0.01)


def test_what_grows_slower_is_forecast_by_its_last_two_sizes(scaling):
    law = scaling.fit([1e2, 1e4, 1e6], [10.0, 100.0, 1000.0])

    assert law.growth == "slower"
    assert law(1e6) == pytest.approx(1000.0)
    assert law(1e8) > 10_000.0  # what the square root would say


def test_one_size_says_nothing_of_memory(scaling):
    assert scaling.fit([1e4], [5.0]).growth == "one size"
    assert math.isnan(scaling.fit_memory([1e4], [500.0])(1e5))


def test_the_least_shards_keep_all_limits(scaling):
    rows = pd.DataFrame(
        {
            **{"system": "admission", "stage": "build_ecg_store", "driver": "ecg/record_list"},
            **{"scale": [1.0, 10.0], "count": [1e4, 1e5], "shards": [1, 1], "jobs": [1, 1]},
            **{"cpu_s": [30.0, 300.0], "peak_mb": [300.0, 1200.0], "disk_mb": [0.0, 0.0]},
        }
    )
    stage = scaling.Fitted(rows)  # 3 ms and 10 kB an ECG: 600,000 within the time, 389,600 fit

    assert stage.least_shards(3.8e5) == 1
    assert stage.least_shards(4.0e5) == 2  # memory
    assert stage.least_shards(1.6e6) == 8
    assert stage.at(1.6e6, 8).cpu_s == pytest.approx(4800.0)


def test_a_size_of_which_some_jobs_ran_says_so(scaling):
    measured = scaling.report(scaling.TABLE_FILE).partition("## Growth")[0]

    found = {line.split(" | ")[0]: line for line in measured.splitlines()}

    assert "(2 of 32 jobs)" in found["| measure_hrv"]
    assert " jobs)" not in found["| build_ecg_store"]
