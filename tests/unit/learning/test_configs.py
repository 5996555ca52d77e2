from dataclasses import dataclass
from typing import Any, Literal

import pytest

from mimicflow.errors import ConfigError
from mimicflow.learning.configs import parse


@dataclass(frozen=True, kw_only=True)
class Example:
    size: int
    rate: float
    sizes: tuple[int, ...]
    rates: dict[str, float]
    kind: Literal["a", "b"] = "a"
    limit: int | None = None


GOOD: dict[str, Any] = {"size": 1, "rate": 1, "sizes": [1, 2], "rates": {"x": 1}}


def test_values_take_the_types_of_the_fields() -> None:
    example = parse(Example, GOOD | {"limit": None}, "here")
    assert example == Example(size=1, rate=1.0, sizes=(1, 2), rates={"x": 1.0})
    assert isinstance(example.rate, float)
    assert parse(Example, GOOD | {"limit": 3}, "here").limit == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"siz": 1}, "here.siz is not a known key\n.*'size'"),
        ({"qqqq": 1}, "here.qqqq is not a known key\n.*known keys: size, rate"),
        ({"size": 1.5}, "here.size is 1.5\n.*type int"),
        ({"size": True}, "here.size is True"),
        ({"rate": "fast"}, "here.rate is 'fast'"),
        ({"kind": "c"}, "here.kind is 'c'\n.*a, b"),
        ({"sizes": 3}, "here.sizes is 3\n.*a list"),
        ({"sizes": []}, "here.sizes is"),
        ({"rates": 3}, "here.rates is 3\n.*keys with values"),
        ({"rates": {"x": None}}, "here.rates is None"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(Example, GOOD | change, "here")


def test_a_missing_key() -> None:
    with pytest.raises(ConfigError, match="here lacks rate, sizes"):
        parse(Example, {"size": 1, "rates": {}}, "here")
