"""A hospital whose recordings are beats, from its registry to the measures of its epochs."""

import numpy as np
import pandas as pd
import pytest
from made_arrest_registry import (
    COHORT,
    EPOCHS,
    beats_of,
    write_annotation,
    write_registry,
)

from mimicflow.arrest.cohort import build_arrest_cohort
from mimicflow.arrest.epochs import plan_epochs
from mimicflow.arrest.features import count_epochs
from mimicflow.arrest.hrv_features import measure_hrv
from mimicflow.arrest.vital_features import measure_vitals
from mimicflow.bedside.scan import scan_recordings
from mimicflow.evaluation.study import Study
from mimicflow.hrv.intervals import Intervals
from mimicflow.hrv.measures import MEASURES, hrv_measures
from mimicflow.hrv.preprocessing import Preprocessing

MADE_UP = Study(synthetic=True)
HOURS = 2
BEGINS = pd.Timestamp("2150-01-01 10:00:00")
ARREST = BEGINS + pd.Timedelta(hours=HOURS + 1)


@pytest.fixture(scope="module")
def beats() -> np.ndarray:
    """Beats of the event stay in s: the recorder is off for 8 minutes of the second hour."""
    times = np.round(beats_of(HOURS * 3600), 3)
    return times[(times < 4000) | (times > 4480)]


@pytest.fixture(scope="module")
def results(beats, tmp_path_factory):
    """The tables of a registry with an annotation, a table of beats, and one that is wrong."""
    folder = tmp_path_factory.mktemp("hospital")
    waves = folder / "waves"
    write_annotation(waves / "event", "holter.atr", np.rint(beats * 1000).astype(int))
    rr = np.diff(beats_of(HOURS * 3600, seed=1))
    rows = [
        f"{1000 * one:.9g},{'V' if n % 3 == 0 and n > 6000 else 'N'}" for n, one in enumerate(rr)
    ]
    (waves / "control.csv").write_text("\n".join(["rr_interval_ms,symbol", *rows, ""]))
    (waves / "wrong.csv").write_text("rr_interval_ms\n0.8\n0.9\n")
    seconds = pd.date_range(BEGINS, periods=3600, freq="2s").astype("datetime64[us]")
    pd.DataFrame({"time": seconds, "hr": 75.0}).to_parquet(waves / "control.numerics.parquet")
    write_registry(
        folder / "registry",
        [
            f"p1,s1,event/holter.atr,{BEGINS},,Holter",
            f"p2,s2,control.csv,{BEGINS},II,Holter",
            f"p3,s3,wrong.csv,{BEGINS},,",
        ],
        [f"p{n},s{n},60,F,MICU,{BEGINS},{ARREST}" for n in (1, 2, 3)],
        [f"s1,{ARREST}"],
    )
    registry, scanned = folder / "registry", folder / "0.parquet"
    paths = {name: folder / name for name in
             ("stays", "attrition", "exclusions", "plan", "hrv", "vitals", "counts")}  # fmt: skip
    scan_recordings(registry, waves, scanned, shard=0, shards=1)
    written = [paths[name] for name in ("stays", "attrition", "exclusions")]
    build_arrest_cohort(registry, [scanned], COHORT | EPOCHS, *written, MADE_UP)
    plan_epochs(paths["stays"], [scanned], EPOCHS, 0, paths["plan"])
    measure_hrv(paths["plan"], scanned, waves, Preprocessing().as_options(), paths["hrv"], shard=0)
    measure_vitals(paths["plan"], scanned, waves, paths["vitals"], shard=0)
    count_epochs(paths["plan"], [paths["hrv"]], paths["counts"], MADE_UP)
    tables = {name: pd.read_parquet(paths[name]) for name in ("stays", "plan", "hrv", "vitals")}
    return tables | {name: pd.read_csv(paths[name]) for name in ("exclusions", "counts")}


def test_beats_make_a_cohort_and_epochs_of_the_same_length(results):
    plan = results["plan"]

    assert results["stays"]["stay_id"].tolist() == ["s1", "s2"]
    assert (plan["n_samples"] == 300_000).all()
    assert ((plan["end"] - plan["start"]) == pd.Timedelta(minutes=5)).all()
    # The last beat of the one and of the other is a little before the two hours are over.
    assert plan.groupby("stay_id").size().tolist() == [23, 23]
    assert plan.loc[0, "hours_to_arrest"] == pytest.approx(HOURS + 1 - 1 / 12)
    left_out = results["exclusions"].set_index("reason")["stays"]
    assert left_out["no_usable_recording"] == 1


def test_epochs_are_measured_from_their_own_beats(results, beats):
    plan, hrv = results["plan"], results["hrv"]
    row = hrv[plan["stay_id"] == "s1"].iloc[5]

    own = np.rint(1000 * beats[(beats >= 1500) & (beats < 1800)]) - 1_500_000
    expected = hrv_measures(Intervals.between(own, 1000), 0.5)
    np.testing.assert_allclose(row[list(MEASURES)].astype(float), expected, rtol=1e-9)


def test_what_was_dropped_is_counted_with_its_reason(results):
    counts = results["counts"].set_index(["stays", "reason"])["epochs"]

    assert counts["event"].to_dict() == {"kept": 21, "few_beats": 1, "gaps": 1}
    assert counts["control"].to_dict() == {"kept": 16, "few_normal": 7}


def test_vital_signs_are_those_of_recordings_that_have_them(results):
    known = (
        results["vitals"]["hr"]
        .groupby(results["plan"]["stay_id"])
        .apply(lambda rates: rates.notna().mean())
    )

    assert known.to_dict() == {"s1": 0, "s2": 1}
    assert results["vitals"].loc[results["plan"]["stay_id"] == "s2", "hr"].eq(75).all()
