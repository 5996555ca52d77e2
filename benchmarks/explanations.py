"""Whether explanations are true, which only synthetic patients can show.

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
# Impurity is known to favour features of many values (Strobl et al. 2007, doi
# 10.1186/1471-2105-8-25).
LEAST_SIGNAL_FIRST = {"shap": 0.85, "integrated gradients": 0.75}
LEAST_OTHERWISE = 0.65
# Shuffling one of several features that say the same changes nothing, so most signal features
# tie with noise around 0 and ranks say little. The size does: noise has a small share of the best.
LARGEST_NOISE = {"permutation": 0.2}


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


def noise_share(importance: pd.DataFrame, truth: pd.DataFrame, model: str, measure: str) -> float:
    """Return the largest importance without signal as a share of the largest of all."""
    of_model = importance[(importance["model"] == model) & (importance["measure"] == measure)]
    noise = of_model["feature"].isin(truth.loc[truth["role"] == "noise", "feature"])
    return float(of_model.loc[noise, "mean"].max() / of_model["mean"].max())


def main() -> None:
    """Print where signal and noise stand, and the verdicts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, nargs="?", default=Path("results"))
    results = parser.parse_args().results
    if not (results / "admission/explanations/importance.csv").exists():
        print(f"{results} holds no explanations: make report on the synthetic hospital first")
        return
    importance, truth = measured(results), pd.read_csv(TRUTH)
    found = compare_with_truth(importance, truth)
    found["noise_share"] = [
        noise_share(importance, truth, *key) for key in zip(found.model, found.measure, strict=True)
    ]
    by_size = found["noise_share"] <= found["measure"].map(LARGEST_NOISE)
    bars = found["measure"].map(LEAST_SIGNAL_FIRST).fillna(LEAST_OTHERWISE)
    found["met"] = by_size | (
        ~found["measure"].isin(LARGEST_NOISE)
        & (found["signal_first"] >= bars)
        & (found["first_noise_rank"] > FIRST)
        & (found["noise_rank"] > found["signal_rank"])
    )
    print(found.to_string(index=False, float_format="{:.2f}".format))
    print(
        f"bars: the first {FIRST} features carry signal; the median rank of noise is behind that "
        f"of signal; of the pairs, signal first in {LEAST_SIGNAL_FIRST}, else {LEAST_OTHERWISE}; "
        f"instead of ranks, the largest noise as a share of the best feature: {LARGEST_NOISE}"
    )
    sys.exit(0 if found["met"].all() else 1)


if __name__ == "__main__":
    main()
