import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from mimicflow.synthetic.truth import MULTIPLE_SHARE, draw_hidden, probabilities, terms


@pytest.fixture(scope="module")
def truths() -> pd.DataFrame:
    """Stays, each of another patient, with their true probabilities and outcomes."""
    n, rng = 60_000, np.random.default_rng(5)
    parts = pd.DataFrame(rng.standard_normal((n, len(terms()))), columns=terms().index)
    hidden = draw_hidden(rng, rng.standard_normal(n), parts)
    multiple = rng.random(n) < MULTIPLE_SHARE
    drawn = hidden.assign(multiple=multiple, **probabilities(hidden, multiple))
    return drawn.assign(admitted=rng.random(n) < drawn["p_everything"])


@pytest.mark.parametrize(
    ("side", "target"), [("p_everything", 0.93), ("p_ecg", 0.86), ("p_tables", 0.89)]
)
def test_oracle_discriminates_as_specified(truths, side, target):
    assert roc_auc_score(truths["admitted"], truths[side]) == pytest.approx(target, abs=0.01)


@pytest.mark.parametrize("side", ["p_everything", "p_ecg", "p_tables"])
def test_true_probabilities_are_calibrated(truths, side):
    decile = pd.qcut(truths[side], 10)
    groups = truths.groupby(decile, observed=True)
    gap = groups["admitted"].mean() - groups[side].mean()
    assert gap.abs().max() < 0.015


def test_shares_admitted(truths):
    assert truths["admitted"].mean() == pytest.approx(0.43, abs=0.01)
    assert truths.loc[truths["multiple"], "admitted"].mean() == pytest.approx(0.36, abs=0.01)


def test_terms_are_standard_normal_with_the_stated_correlation(truths):
    hidden = truths[terms().index]
    assert hidden.std().to_numpy() == pytest.approx(np.ones(hidden.shape[1]), abs=0.02)
    loading = terms()["loading"]
    expected = loading["st_deviation"] * loading["illness"]
    assert hidden["st_deviation"].corr(hidden["illness"]) == pytest.approx(expected, abs=0.02)


def test_a_side_ignores_what_it_cannot_see(truths):
    some = truths.head(200)
    hidden, multiple = some[terms().index].copy(), some["multiple"].to_numpy()
    before = probabilities(hidden, multiple)
    hidden["illness"] += 1
    after = probabilities(hidden, multiple)
    pd.testing.assert_series_equal(before["p_ecg"], after["p_ecg"])
    assert (after["p_tables"] > before["p_tables"]).all()
    assert (after["p_everything"] > before["p_everything"]).all()


def test_ecg_probability_agrees_with_brute_force(truths):
    """Average the truth over drawn table terms, weighted by how well they fit the ECG's."""
    rng = np.random.default_rng(0)
    table = terms()
    stay = truths.iloc[[0]]
    severity = rng.standard_normal(40_000)
    drawn = pd.DataFrame(
        {
            name: term.loading * severity
            + np.sqrt(1 - term.loading**2) * rng.standard_normal(len(severity))
            for name, term in table.iterrows()
        }
    )
    weight = np.ones(len(severity))
    for name, term in table[table["ecg"] == 1].iterrows():
        value, rest = stay[name].iloc[0], 1 - term.loading**2
        if name == "atrial_fibrillation":
            above = norm.sf((norm.isf(0.15) - term.loading * severity) / np.sqrt(rest))
            weight *= above if value > norm.isf(0.15) else 1 - above
        else:
            weight *= np.exp(-0.5 * (value - term.loading * severity) ** 2 / rest)
        drawn[name] = value
    multiple = np.repeat(stay["multiple"].to_numpy(), len(severity))
    everything = probabilities(drawn, multiple)["p_everything"]
    expected = np.average(everything, weights=weight)
    assert stay["p_ecg"].iloc[0] == pytest.approx(expected, abs=0.02)
