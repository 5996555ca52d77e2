"""Check the text of a LightGBM model before LightGBM reads it.

LightGBM trusts the file: a damaged number of a child sends it outside its memory or round in
circles, and a damaged digit may be taken for a shorter number.
"""

from __future__ import annotations

import math
import re

_TREE = re.compile(r"^(?=Tree=)", re.MULTILINE)
_INTEGER = re.compile(r"-?\d+$", re.ASCII)
_NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:e[-+]?\d+)?$", re.ASCII)
# Above all values lies the threshold by which LightGBM parts known values from missing ones.
_THRESHOLD = re.compile(rf"inf$|{_NUMBER.pattern}", re.ASCII)
_OBJECTIVE = "binary sigmoid:1"
_OF_TRAINING = {"split_gain", "leaf_weight", "leaf_count"}
_OF_TRAINING |= {"internal_value", "internal_weight", "internal_count"}
# Bit 1: missing values go left; bits 2 and 3: what counts as missing. Bit 0 is for categories.
_DECISIONS = (0, 2, 4, 6, 8, 10)
_RANGE = re.compile(r"(?:none|\[-?[\d.e+-]+:-?[\d.e+-]+\])$", re.ASCII)
_HEADER = {"version": "v4", "num_class": "1", "num_tree_per_iteration": "1", "label_index": "0"}
_HEADER |= {"objective": _OBJECTIVE}


def checked_booster_text(text: str) -> str:
    """Refuse a model that is not a sound forest of binary trees with numeric splits.

    Parameters
    ----------
    text : str
        What ``Booster.save_model`` wrote.

    Returns
    -------
    str
        The forest alone. The settings of its training, behind it, are of no use for a prediction,
        and LightGBM crashes on damaged ones.

    Raises
    ------
    ValueError
        With what is wrong.
    """
    body, end, _ = text.partition("end of trees\n")
    head, *trees = _TREE.split(body)
    if not head.startswith("tree\n") or not end or not trees:
        raise ValueError("no complete model")
    header = _facts(head.removeprefix("tree\n"))
    for key, value in _HEADER.items():
        if header.get(key) != value:
            raise ValueError(f"{key} is {header.get(key)!r}, not {value!r}")
    (last_feature,) = _integers(header, "max_feature_idx", 1)
    _words(header, "feature_infos", last_feature + 1, _RANGE)
    sizes = _integers(header, "tree_sizes", len(trees))
    for number, (tree, size) in enumerate(zip(trees, sizes, strict=True)):
        if len(tree.encode()) != size:
            raise ValueError(f"tree {number} has not the size that the header gives")
        facts = _facts(tree)
        if facts.get("Tree") != str(number):
            raise ValueError(f"tree {number} is called {facts.get('Tree')}")
        _check_tree(facts, last_feature)
    return body + end


def _check_tree(facts: dict[str, str], last_feature: int) -> None:
    (leaves,) = _integers(facts, "num_leaves", 1)
    if leaves < 1 or facts.get("num_cat") != "0" or facts.get("is_linear") != "0":
        raise ValueError("a tree of another kind")
    splits = leaves - 1
    for key, n in {"leaf_value": leaves, "shrinkage": 1}.items():
        _numbers(facts, key, n)
    _numbers(facts, "threshold", splits, _THRESHOLD)
    for key in facts.keys() & _OF_TRAINING:  # LightGBM reads them all the same
        _numbers(facts, key, len(facts[key].split(" ")) if facts[key] else 0)
    features = _integers(facts, "split_feature", splits)
    decisions = _integers(facts, "decision_type", splits)
    left, right = (_integers(facts, f"{side}_child", splits) for side in ("left", "right"))
    if not all(0 <= feature <= last_feature for feature in features):
        raise ValueError("a split by a feature that there is not")
    if not set(decisions) <= set(_DECISIONS):
        raise ValueError("a split of an unknown kind")
    # Every split but the first, and every leaf (below 0), hangs from one earlier split.
    children = [*enumerate(left), *enumerate(right)]
    expected = [*range(-leaves, 0), *range(1, splits)] if splits else []
    in_order = all(child < 0 or child > parent for parent, child in children)
    if sorted(child for _, child in children) != expected or not in_order:
        raise ValueError("splits that are no tree")


def _facts(text: str) -> dict[str, str]:
    facts: dict[str, str] = {}
    for line in filter(None, text.split("\n")):
        key, equals, value = line.partition("=")
        if not equals or key in facts:
            raise ValueError(f"line {line[:60]!r}")
        facts[key] = value
    return facts


def _words(facts: dict[str, str], key: str, n: int, word: re.Pattern[str]) -> list[str]:
    words = facts.get(key, "").split(" ") if n else []
    if len(words) != n or not all(word.match(text) for text in words):
        raise ValueError(f"{key} is not {n} numbers")
    return words


def _integers(facts: dict[str, str], key: str, n: int) -> list[int]:
    return [int(text) for text in _words(facts, key, n, _INTEGER)]


def _numbers(facts: dict[str, str], key: str, n: int, word: re.Pattern[str] = _NUMBER) -> None:
    # Digits of which too many make no finite number are damage, whatever may be written "inf".
    digits = (text for text in _words(facts, key, n, word) if text != "inf")
    if not all(math.isfinite(float(text)) for text in digits):
        raise ValueError(f"{key} is not finite")
