import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer

from mimicflow.learning.preprocessing import SMALLEST_SD, ChainedImputer, Scaler

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def vitals(seed: int, n: int = 300, share_missing: float = 0.3) -> np.ndarray:
    """Six correlated columns with values missing at random."""
    generator = np.random.default_rng(seed)
    mixed = generator.normal(size=(n, 6)) @ generator.normal(size=(6, 6))
    values = 90 + 10 * mixed
    values[generator.random(values.shape) < share_missing] = np.nan
    return values


def test_scaler_by_hand() -> None:
    scaler = Scaler.fit(np.array([[1.0, 5.0, np.nan], [3.0, 5.0, np.nan], [np.nan, 5.0, np.nan]]))
    np.testing.assert_allclose(scaler.mean, [2, 5, 0])
    np.testing.assert_allclose(scaler.sd, [2**0.5, SMALLEST_SD, SMALLEST_SD])
    scaled = scaler.transform(np.array([[2 + 2**0.5, 5.0, np.nan]]))
    np.testing.assert_allclose(scaled, [[1, 0, np.nan]])


@pytest.mark.parametrize("n", [50, 400, 5000])
@pytest.mark.parametrize("absurd", [1276103.0, -9999.0])
def test_one_absurd_value_changes_a_limited_scale_little_and_another_wholly(n, absurd) -> None:
    lactate = np.exp(np.random.default_rng(0).normal(0.5, 0.35, n))[:, None]
    soiled = np.vstack([lactate, [[absurd], [np.nan]]])
    plain, without, limited = (
        Scaler.fit(soiled),
        Scaler.fit(lactate),
        Scaler.fit(soiled, np.array([True])),
    )
    assert plain.sd[0] > 100
    assert 0.9 * without.sd[0] < limited.sd[0] < 2.5 * without.sd[0]
    scaled = limited.transform(soiled)
    assert np.abs(scaled[:n]).max() < 10
    assert np.abs(scaled[n]) < 25
    assert np.isnan(scaled[n + 1])


def test_limits_leave_what_is_rare_and_what_is_skewed_as_it_is() -> None:
    generator = np.random.default_rng(0)
    rare = (generator.random(1000) < 0.005) * 40.0  # most values are the same: no limits
    skewed = np.exp(generator.normal(6.2, 1.6, 1000))
    values = np.column_stack([rare, skewed])
    limited, plain = Scaler.fit(values, np.ones(2, dtype=bool)), Scaler.fit(values)
    assert np.isinf([limited.low[0], limited.high[0]]).all()
    np.testing.assert_array_equal(limited.transform(values), plain.transform(values))


@given(st.integers(0, 10_000), st.floats(0, 0.7))
@settings(max_examples=8, deadline=None)
def test_the_imputer_equals_scikit_learn(seed: int, share_missing: float) -> None:
    training = vitals(seed, 120, share_missing)
    later = vitals(seed + 1, 40, share_missing)
    later[0] = np.nan
    reference = IterativeImputer(random_state=0, keep_empty_features=True).fit(training)

    ours = ChainedImputer.fit(training)

    for values in (training, later):
        np.testing.assert_allclose(
            ours.transform(values), reference.transform(values), rtol=0, atol=1e-9
        )


def test_the_imputer_survives_saving() -> None:
    fitted = ChainedImputer.fit(vitals(0))
    again = ChainedImputer.from_state(fitted.state())
    assert np.array_equal(fitted.transform(vitals(1)), again.transform(vitals(1)))


def test_observed_values_stay_and_rows_do_not_mix() -> None:
    fitted, values = ChainedImputer.fit(vitals(0)), vitals(2)
    filled = fitted.transform(values)
    observed = ~np.isnan(values)
    assert np.array_equal(filled[observed], values[observed]) and np.isfinite(filled).all()
    np.testing.assert_allclose(fitted.transform(values[3:4]), filled[3:4], rtol=0, atol=1e-9)


def test_a_column_never_measured_is_zero() -> None:
    values = vitals(0)
    values[:, 2] = np.nan
    filled = ChainedImputer.fit(values).transform(values)
    assert np.isfinite(filled).all() and (filled[:, 2] == 0).all()


def test_nothing_measured_at_all() -> None:
    fitted = ChainedImputer.fit(np.full((4, 6), np.nan))
    assert (fitted.transform(np.full((2, 6), np.nan)) == 0).all()


def test_scaler_survives_saving() -> None:
    scaler = Scaler.fit(vitals(0))
    again = Scaler.from_state(scaler.state())
    assert np.array_equal(scaler.mean, again.mean) and np.array_equal(scaler.sd, again.sd)
