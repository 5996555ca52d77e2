"""What a search may change, in the words of the configuration."""

import pytest

from mimicflow.errors import ConfigError
from mimicflow.learning.tuning.space import Parameter, nested, read_space, section


def test_settings_are_an_overlay_of_the_configuration():
    overlay = nested({"models.a.dropout": 0.2, "models.a.learning_rate.head": 1e-3, "b.c": "x"})

    assert overlay == {
        "models": {"a": {"dropout": 0.2, "learning_rate": {"head": 1e-3}}}, "b": {"c": "x"},
    }  # fmt: skip
    assert section(overlay, "models", "a", "learning_rate") == {"head": 1e-3}
    assert section(overlay, "models", "other") == {}


@pytest.mark.parametrize(
    ("bounds", "own", "whole"),
    [((8, 64), 16, True), ((8, 64), None, True), ((0, 1), 0.3, False), ((0.0, 1), 0, False)],
)
def test_numbers_are_whole_where_the_bounds_and_the_configuration_are(bounds, own, whole):
    """Else a dropout from 0 to 1 would be either."""
    said = dict(zip(("low", "high"), bounds, strict=True))

    [of] = read_space({"a.b": said}, {} if own is None else {"a.b": own})

    assert isinstance(of.low, int) is isinstance(of.high, int) is whole
    assert of.extremes == bounds


def test_a_search_knows_what_it_may_come_to():
    bounded, chosen = Parameter("a", 0.0, 0.5), Parameter("b", choices=("sqrt", 0.2))

    assert bounded.holds(0.5) and bounded.holds(0) and not bounded.holds(0.6)
    assert not bounded.holds("sqrt") and not bounded.holds(None)
    assert chosen.holds("sqrt") and chosen.holds(0.2) and not chosen.holds(0.3)
    assert chosen.extremes == ("sqrt", 0.2)


WRONG = {
    "nothing": ({}, "has nothing, neither low and high nor choices alone"),
    "one bound": ({"low": 1}, "has low, neither low and high"),
    "both": ({"low": 1, "high": 2, "choices": [1, 2]}, "neither low and high nor choices alone"),
    "misspelt": ({"low": 1, "hihg": 2}, "has low, hihg, neither"),
    "text": ({"low": "a", "high": 2}, "is searched from a to 2, not from a number to a greater"),
    "true": ({"low": True, "high": 2}, "is searched from True to 2, not from a number"),
    "reversed": ({"low": 3, "high": 2}, "is searched from 3 to 2, not from a number to a greater"),
    "nothing between": ({"low": 2, "high": 2}, "is searched from 2 to 2"),
    "log of 0": (
        {"low": 0, "high": 2, "log": True},
        "by orders of magnitude from 0, ",
    ),
    "no log": (
        {"low": 1, "high": 2, "log": "yes"},
        "has log: yes, which is neither true",
    ),
    "one choice": (
        {"choices": [1]},
        "has the choices [1], not a list of two or more",
    ),
    "twice the same": ({"choices": [0.1, 0.1]}, "has the choices [0.1, 0.1], not a list of two"),
    "no list": ({"choices": 1}, "has the choices 1, not a list"),
    "lists": ({"choices": [[1], [2]]}, "has the choices [[1], [2]], not a list"),
}


@pytest.mark.parametrize(("said", "expected"), WRONG.values(), ids=WRONG)
def test_what_is_no_range_is_said_in_a_sentence(said, expected):
    with pytest.raises(ConfigError) as error:
        read_space({"a.b": said}, {"a.b": 0.3})

    assert f"'a.b' {expected}" in str(error.value) or expected in str(error.value)
    assert "{choices: [64, 128, 256]}" in str(error.value)
