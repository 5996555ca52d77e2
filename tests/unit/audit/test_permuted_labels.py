"""Whatever predicts exchanged outcomes is found; chance is not taken for a leak."""

import numpy as np
import pandas as pd
import pytest
from made_predictions import TITLES

from mimicflow.audit.findings import read_findings, verdict
from mimicflow.audit.permuted_labels import audit_permuted_labels
from mimicflow.evaluation.study import Study

SAME = dict.fromkeys(("lightgbm_all", "lightgbm_multi"), "LightGBM")
STUDY = Study(synthetic=True, titles={**TITLES, **SAME})


def predictions(leak=0.0, n=400, seed=0, rate=0.3):
    """Return test stays, two per patient; ``leak`` of them see their outcome."""
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < rate).astype(int)
    seen = rng.random(n) < leak
    probability = np.where(seen, 0.2 + 0.6 * label, rng.random(n))
    rows = {"stay_id": np.arange(n), "subject_id": np.arange(n) // 2, "split": "test"}
    return pd.DataFrame(rows).assign(label=label, probability=probability)


@pytest.fixture
def audited(tmp_path):
    def run(made, warned=(), tests=None):
        runs = {}
        for place, (key, frame) in enumerate(made.items()):
            runs[key] = tmp_path / f"{place}.parquet"
            frame.to_parquet(runs[key])
        judged = sum(protocol not in warned for _, protocol, _ in made)
        output = tmp_path / "permuted.csv"
        audit_permuted_labels(runs, warned, tests or judged, output, STUDY)
        return read_findings(output)

    return run


def test_models_that_learned_from_chance_pass(audited):
    found = audited({(k, "", "a"): predictions(seed=k) for k in range(1, 6)})
    assert verdict(found).passed
    assert verdict(found).judged == 5
    assert found["limit"].dropna().unique().tolist()[-1] == "0.5 inside the interval"
    mean = found[found["permutation"].isna()].iloc[0]
    assert mean["number"] == pytest.approx(found["number"].iloc[1:].mean())
    assert mean["what"] == "mean of 5 permutations: Model A"


def test_a_model_that_sees_a_part_of_the_outcomes_fails(audited):
    made = {(k, "", "a"): predictions(seed=k) for k in range(1, 6)}
    found = audited({**made, (1, "", "b"): predictions(leak=0.4)})
    assert verdict(found).failed == 1
    assert "Model B" in verdict(found).worst


def test_a_protocol_that_sees_the_future_is_a_warning_and_fails_nothing(audited):
    made = {(k, "published", "a"): predictions(leak=0.6, seed=k) for k in (1, 2)}
    made |= {(k, "audited", "a"): predictions(seed=10 + k) for k in (1, 2)}
    found = audited(made, warned={"published"})
    warned = found[found["protocol"] == "published"]
    assert warned["passed"].isna().all()
    assert warned["number"].min() > 0.7
    assert "a warning" in warned["what"].iloc[0]
    assert verdict(found).passed
    assert verdict(found).judged == 2


def test_more_intervals_are_wider_so_that_they_hold_together(audited):
    one = audited({(1, "", "a"): predictions()}, tests=1).iloc[-1]
    many = audited({(1, "", "a"): predictions()}, tests=45).iloc[-1]
    assert one["level"] == pytest.approx(0.95)
    assert many["level"] == pytest.approx(0.95 ** (1 / 45))
    assert many["low"] < one["low"] < one["high"] < many["high"]


def test_of_sound_audits_few_find_anything(audited):
    """Few events in clusters: where intervals are hardest to get right."""
    failed = [
        verdict(
            audited(
                {(k, "", "a"): predictions(n=80, rate=0.25, seed=100 * n + k) for k in range(5)}
            )
        ).failed
        for n in range(60)
    ]
    assert np.mean(np.array(failed) > 0) < 0.15


def test_models_of_one_title_are_told_apart(audited):
    made = {(1, "", model): predictions() for model in ("lightgbm_all", "lightgbm_multi")}
    found = audited(made)
    assert found["what"].is_unique
    assert found["what"].str.contains("lightgbm_multi").sum() == 2


def test_an_auroc_without_interval_is_not_judged(audited):
    frame = predictions(n=40)
    frame["label"] = (frame.index == 0).astype(int)
    found = audited({(1, "", "a"): frame})
    assert found["passed"].isna().all()
    assert found["what"].iloc[-1].endswith("too few for an interval")
    assert not found["what"].str.contains("a warning").any()
