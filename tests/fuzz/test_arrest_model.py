"""Damaged model folders: the probability that the text gives, or an error that names the file."""

import json
import math

import lightgbm
import numpy as np
import pandas as pd
import pytest

from mimicflow.arrest.model_folder import ArrestModel, load_model
from mimicflow.errors import CheckpointError
from mimicflow.hrv.preprocessing import Preprocessing

from .damaged_files import NUMBERS, attempt, damage_bytes, damage_words, is_refused, run_cases

NAMES = ["MeanNN", "RMSSD", "HTI"]
VALUES = pd.DataFrame(np.random.default_rng(2).normal([800, 40, 10], [150, 20, 4], (25, 3)),
                      columns=NAMES)  # fmt: skip
VALUES.iloc[3, 1] = np.nan
FACTS = {
    "kind": "hrv", "features": NAMES, "rounds": 4, "epoch_minutes": 5,
    "preprocessing": Preprocessing().as_options(),
    "horizon_h": [0.5, 24], "threshold": {"specificity_0.8": 0.3}, "synthetic": True,
    "mimicflow": "0.1.0",
}  # fmt: skip
BETA = {"a": 0.7, "b": 1.4, "c": -0.5, "method": "beta", "n": 400, "events": 150}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, bytes]:
    draw = np.random.default_rng(1)
    values = draw.normal([800, 40, 10], [150, 20, 4], (300, 3))
    label = (values[:, 0] + 5 * draw.normal(size=300) < 760).astype(float)
    booster = lightgbm.train(
        {"objective": "binary", "verbose": -1, "num_threads": 1, "num_leaves": 5, "seed": 0},
        lightgbm.Dataset(values, label, feature_name=NAMES),
        num_boost_round=4,
    )
    file = tmp_path_factory.mktemp("model") / "model.txt"
    booster.save_model(str(file))
    return {
        "model.txt": file.read_bytes(),
        "model.json": json.dumps(FACTS).encode(),
        "calibration.json": json.dumps(BETA).encode(),
    }


def raw_scores(text: str, rows: np.ndarray) -> np.ndarray:
    """Walk through the trees of a text model, without LightGBM."""
    total = np.zeros(len(rows))
    for block in text.split("end of trees", maxsplit=1)[0].split("Tree=")[1:]:
        facts = dict(line.split("=", 1) for line in block.split("\n") if "=" in line)
        lists = {key: value.split() for key, value in facts.items()}
        for place, row in enumerate(rows):
            node = 0 if lists["num_leaves"] != ["1"] else -1
            while node >= 0:
                value = row[int(lists["split_feature"][node])]
                decision = int(lists["decision_type"][node])
                if math.isnan(value) and decision >> 2 == 2:
                    left = bool(decision & 2)
                else:
                    value = 0.0 if math.isnan(value) else value
                    zero = decision >> 2 == 1 and abs(value) <= 1e-35
                    left = (bool(decision & 2) if zero
                            else value <= float(lists["threshold"][node]))  # fmt: skip
                node = int(lists["left_child" if left else "right_child"][node])
            total[place] += float(lists["leaf_value"][~node])
    return total


def expected(folder) -> np.ndarray:
    beta = json.loads((folder / "calibration.json").read_text())
    raw = raw_scores((folder / "model.txt").read_text(), VALUES.to_numpy())
    probability = 1 / (1 + np.exp(-raw))
    log, other = np.log(probability), np.log1p(-probability)
    return 1 / (1 + np.exp(-(beta["a"] * log - beta["b"] * other + beta["c"])))


def write(folder, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)


def test_the_model_is_sound(whole, tmp_path):
    write(tmp_path, whole)
    found = load_model(tmp_path).probability(VALUES)
    np.testing.assert_allclose(found, expected(tmp_path), rtol=1e-9)
    assert found.std() > 0.1


def check(folder) -> None:
    model = attempt(load_model, folder)
    if is_refused(model):
        assert isinstance(model, CheckpointError)
        return
    assert isinstance(model, ArrestModel)
    if sorted(model.features) == sorted(NAMES):
        found = model.probability(VALUES)
        assert np.isfinite(found).all() and ((found >= 0) & (found <= 1)).all()
        if list(model.features) == NAMES:
            np.testing.assert_allclose(found, expected(folder), rtol=1e-7, atol=1e-12)


def test_damaged_models(whole, tmp_path):
    def case(draw):
        name = ["model.txt", "model.txt", "model.json", "calibration.json"][draw.integers(4)]
        content = whole[name]
        if name == "model.txt" and draw.integers(2):
            lines = content.split(b"\n")
            places = [i for i, line in enumerate(lines) if b"=" in line and i < 70]
            place = places[draw.integers(len(places))]
            key, _, value = lines[place].partition(b"=")
            words = value.split(b" ")
            word = int(draw.integers(len(words)))
            words[word] = NUMBERS[draw.integers(len(NUMBERS))].encode()
            lines[place] = key + b"=" + b" ".join(words)
            content = b"\n".join(lines)
        else:
            content = (damage_bytes, damage_words)[draw.integers(2)](content, draw)
        write(tmp_path, whole | {name: content})
        check(tmp_path)

    run_cases("arrest_model", case)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("left_child=", "left_child=0 "),
        ("split_feature=", "split_feature=99999999 "),
        ("num_leaves=5", "num_leaves=999999999"),
        ("num_cat=0", "num_cat=3"),
        ("tree_sizes=", "tree_sizes=1"),
        ("sigmoid:1", "sigmoid:2"),
    ],
)
def test_a_forest_that_is_none(whole, tmp_path, old, new):
    """LightGBM would leave its memory, go round in circles or give other probabilities."""
    text = whole["model.txt"].decode()
    key = old.split("=")[0]
    changed = text.replace(old, new, 1)
    if new.endswith(" "):  # in place of the first number
        line = next(line for line in text.split("\n") if line.startswith(key))
        changed = text.replace(line, new + line.split("=")[1].split(" ", 1)[1], 1)
    assert changed != text
    write(tmp_path, whole | {"model.txt": changed.encode()})
    assert is_refused(attempt(load_model, tmp_path))


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": 1, "b": 1, "c": ' + b"9" * 400 + b', "method": "beta"}',
        b'{"a": 1, "b": 1, "c": ' + b"9" * 5000 + b', "method": "beta"}',
        b'{"a": 1, "b": 1, "c": NaN, "method": "beta"}',
        b'{"a": 1, "a": 2, "b": 1, "c": 0, "method": "beta"}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"null",
        b"",
    ],
)
def test_hostile_json(whole, tmp_path, content):
    write(tmp_path, whole | {"calibration.json": content})
    with pytest.raises(CheckpointError) as caught:
        load_model(tmp_path)
    assert str(caught.value.file).endswith("calibration.json")
