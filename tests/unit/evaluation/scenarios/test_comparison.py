"""Scenarios beside the configuration: paired where they can be, marked, repeats summed up."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from mimicflow.evaluation.scenarios.comparison import (
    AS_CONFIGURED,
    ScenarioRun,
    compare_scenarios,
)
from mimicflow.evaluation.statistics.clusters import holm
from mimicflow.evaluation.statistics.delong import compare_aurocs
from mimicflow.evaluation.study import Study

N = 240


def predictions(path, blur, first=0, n=N):
    generator = np.random.default_rng(int(10 * blur))
    label = np.arange(n) % 2
    probability = 1 / (1 + np.exp(-(2 * label - 1) - blur * generator.normal(size=n)))
    frame = pd.DataFrame({"stay_id": first + np.arange(n), "subject_id": first + np.arange(n) // 2})
    frame.assign(split="test", label=label, probability=probability).to_parquet(path)
    return str(path)


@pytest.fixture
def runs(tmp_path):
    paths = {f"{blur}": predictions(tmp_path / f"{blur}", blur) for blur in (1.0, 1.1, 1.2, 3.0)}
    other = predictions(tmp_path / "other", 1.0, first=7)
    main = {"system": "admission", "model": "net"}
    repeat = {"repeat_of": "configuration", **main}
    return [
        ScenarioRun("configuration", predictions=paths["1.0"], **main),
        ScenarioRun("seed_1", predictions=paths["1.1"], **repeat),
        ScenarioRun("seed_2", predictions=paths["1.2"], **repeat),
        ScenarioRun("worse", predictions=paths["3.0"], keys="a.b: 1", **main),
        ScenarioRun("near", predictions=paths["1.1"], optimistic=True, **main),
        ScenarioRun("elsewhere", predictions=other, **main),
        ScenarioRun("same", predictions=paths["1.0"], **main),
        ScenarioRun("configuration", "mortality", "lstm", paths["1.0"]),
        ScenarioRun("worse", "mortality", "lstm", paths["3.0"]),
    ]


def table(folder, runs, **study):
    compare_scenarios(runs, folder / "c.csv", folder / "c.png", Study(titles={"net": "N"}, **study))
    assert (folder / "c.png").stat().st_size > 10_000
    found = pd.read_csv(folder / "c.csv", dtype=str, keep_default_na=False)
    return found.assign(**{name: pd.to_numeric(found[name]) for name in ("p", "p_holm")})


def test_differences_are_tested_on_the_same_rows_and_marked_elsewhere(tmp_path, runs):
    found = table(tmp_path, runs, synthetic=True)

    assert found["scenario"].tolist() == [run.scenario for run in runs]
    frames = {run.scenario: pd.read_parquet(run.predictions) for run in runs}
    worse, own = frames["worse"], frames["configuration"]
    row = found.iloc[3]
    test = compare_aurocs(
        worse["label"], worse["probability"], own["probability"], worse["subject_id"]
    )
    assert float(row["auroc"]) == pytest.approx(roc_auc_score(worse["label"], worse["probability"]))
    assert float(row["auroc_low"]) < float(row["auroc"]) < float(row["auroc_high"])
    assert float(row["difference"]) == pytest.approx(test.difference)
    assert float(row["difference_high"]) == pytest.approx(test.high)
    assert (row["patients"], row["n"], row["events"]) == ("120", "240", "120")
    assert (row["keys"], row["title"], row["paired"], row["data"]) == (
        "a.b: 1",
        "N",
        "True",
        "synthetic",
    )
    elsewhere, same = found.iloc[5], found.iloc[6]
    assert elsewhere["paired"] == "False" and "not paired" in elsewhere["note"]
    assert elsewhere["difference_low"] != "" and pd.isna(elsewhere["p"])
    assert same["note"] == AS_CONFIGURED and same["difference"] == ""
    assert set(found["rescored"]) == {"True"}
    assert found["optimistic"].tolist() == [str(run.optimistic) for run in runs]


def test_p_values_are_corrected_for_all_scenarios_but_repeats(tmp_path, runs):
    found = table(tmp_path, runs, synthetic=True)

    tested = [3, 4, 8]
    assert found.index[found["p"].notna()].tolist() == tested
    assert found.loc[tested, "p_holm"].to_numpy() == pytest.approx(holm(found.loc[tested, "p"]))


def test_repeats_have_mean_and_sd_at_what_they_repeat(tmp_path, runs):
    found = table(tmp_path, runs, synthetic=True)

    repeated = found.iloc[0]
    aurocs = found["auroc"].astype(float)[1:3]
    assert repeated["repeats"] == "2"
    assert float(repeated["auroc_mean"]) == pytest.approx(aurocs.mean())
    assert float(repeated["auroc_sd"]) == pytest.approx(aurocs.std(ddof=1))
    assert (found.loc[1:, "auroc_sd"] == "").all()


def test_sizes_that_differ_by_a_few_real_patients_are_hidden(tmp_path, runs):
    few = predictions(tmp_path / "few", 1.0, n=N - 4)

    found = table(tmp_path, [runs[0], ScenarioRun("few", "admission", "net", few)])

    assert found["n"].tolist() == [str(N), ""]
    assert found["data"].unique() == ["real"]
    assert len(found["auroc"][1]) <= len("0.123") < len(found["auroc"][0])
