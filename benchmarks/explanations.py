"""Whether explanations tell the truth, which only synthetic patients can say.

python benchmarks/explanations.py results    the results folder of a run on the synthetic hospital

In the synthetic hospital sex, complaint and a missing acuity have nothing to do with admission, and
other features are known to (``static_features_truth.csv``). Features that carry no signal should
stand behind those that do, for every model and measure.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd

from mimicflow.evaluation.importance import compare_with_truth

TRUTH = Path(__file__).parent / "static_features_truth.csv"
FIRST = 5
"""So many leading features must all carry signal."""
# Impurity is known to favour features of many values, and shuffling one of several features that
# tell the same changes little (Strobl et al. 2007, doi 10.1186/1471-2105-8-25).
LEAST_SIGNAL_FIRST = {"shap": 0.85, "integrated gradients": 0.75}
LEAST_OTHERWISE = 0.65


def measured(results: Path) -> pd.DataFrame:
    """Return every importance of every model as model, feature, measure, mean."""
    folder = results / "admission" / "explanations"
    tables = [pd.read_csv(folder / "importance.csv")]
    if (folder / "attributions.csv").exists():
        attributions = pd.read_csv(folder / "attributions.csv")
        tables.append(
            attributions.assign(mean=attributions["mean_abs"], measure="integrated gradients")
        )
    return pd.concat(tables)[["model", "feature", "measure", "mean"]]


def main() -> None:
    """Print where signal and noise stand, and the verdicts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="results folder of a synthetic run")
    results = parser.parse_args().results
    found = compare_with_truth(measured(results), pd.read_csv(TRUTH))
    bars = found["measure"].map(LEAST_SIGNAL_FIRST).fillna(LEAST_OTHERWISE)
    found["met"] = (
        (found["signal_first"] >= bars)
        & (found["first_noise_rank"] > FIRST)
        & (found["noise_rank"] > found["signal_rank"])
    )
    print(found.to_string(index=False, float_format="{:.2f}".format))
    print(
        f"bars: the first {FIRST} features carry signal; the median rank of noise is behind that "
        f"of signal; of the pairs, signal first in {LEAST_SIGNAL_FIRST}, else {LEAST_OTHERWISE}"
    )
    sys.exit(0 if found["met"].all() else 1)


if __name__ == "__main__":
    main()
