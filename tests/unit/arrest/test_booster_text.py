"""Whatever LightGBM writes of finite and missing values is read, and says the same."""

import itertools
import re

import lightgbm
import numpy as np
import pytest

from mimicflow.arrest.booster_text import checked_booster_text

SHARE = {"none": 0.0, "some": 0.5, "zeros": 0.5}
"""Of the first feature, before an event more than otherwise, by what is missing."""
AT_INFINITY = re.compile(r"^threshold=(?:.* )?inf(?: .*)?$", re.MULTILINE)


def fitted(missing="some", **parameters):
    """Return a model and its values: two features, the first of which is sometimes missing."""
    generator = np.random.default_rng(0)
    label = (generator.random(300) < 0.4).astype(float)
    values = np.column_stack([generator.integers(0, 4, 300), generator.normal(3, 1, 300)])
    rows = generator.random(300) < SHARE[missing] * (0.3 + label)
    values[rows, 0] = 0.0 if missing == "zeros" else np.nan
    options = {"objective": "binary", "verbosity": -1, "num_threads": 1, "min_child_samples": 5}
    return lightgbm.train(options | parameters, lightgbm.Dataset(values, label), 10), values


@pytest.mark.parametrize(
    ("missing", "use_missing", "zero_as_missing"),
    list(itertools.product(SHARE, (True, False), (True, False))),
)
def test_a_model_read_back_says_what_the_fitted_one_says(missing, use_missing, zero_as_missing):
    parameters = {"use_missing": use_missing, "zero_as_missing": zero_as_missing}
    for leaves in (2, 6):
        model, values = fitted(missing, num_leaves=leaves, **parameters)
        read = lightgbm.Booster(model_str=checked_booster_text(model.model_to_string()))
        beyond = np.vstack([values, np.array([[np.nan, 3], [0, 3], [1e301, 3], [np.inf, 3]])])
        assert np.array_equal(read.predict(beyond), model.predict(beyond))


def test_known_values_are_parted_from_missing_ones_at_infinity():
    model, values = fitted(num_leaves=2)
    text = model.model_to_string()
    assert AT_INFINITY.search(text)
    read = lightgbm.Booster(model_str=checked_booster_text(text))
    missing = np.isnan(values[:, 0])
    probability = read.predict(values)
    assert probability[missing].min() > probability[~missing].max()


@pytest.mark.parametrize("damaged", ["-inf", "nan", "infinity", "1e999", "inf1", "Inf"])
def test_no_other_number_without_an_end_is_taken_for_a_threshold(damaged):
    model, _ = fitted(num_leaves=2)
    text = model.model_to_string()
    body = re.sub(r"(?m)^threshold=inf$", f"threshold={damaged}", text)
    assert body != text
    with pytest.raises(ValueError, match="threshold"):
        checked_booster_text(resized(body))


def test_a_leaf_without_an_end_is_refused():
    text = re.sub(
        r"(?m)^leaf_value=\S+", "leaf_value=inf", fitted(num_leaves=2)[0].model_to_string()
    )
    with pytest.raises(ValueError, match="leaf_value"):
        checked_booster_text(resized(text))


def resized(text):
    """Return a text whose header gives the sizes that its trees have."""
    body, end, rest = text.partition("end of trees\n")
    trees = re.split(r"(?m)^(?=Tree=)", body)[1:]
    sizes = " ".join(str(len(tree.encode())) for tree in trees)
    return re.sub(r"(?m)^tree_sizes=.*", f"tree_sizes={sizes}", body) + end + rest
