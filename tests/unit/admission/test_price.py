from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from jsonschema import Draft202012Validator

from mimicflow.admission import protocols
from mimicflow.admission.price import ERROR, SCORES, price_defects
from mimicflow.evaluation.study import Study
from mimicflow.running.configuration import merged, read_config
from mimicflow.running.scenarios import Scenarios, leaves

TITLES = {"net": "Network", "forest": "Forest"}


def predictions(path: Path, blur: float, first: int = 0, n: int = 300) -> Path:
    generator = np.random.default_rng(1)
    label = np.arange(n) % 2
    probability = 1 / (1 + np.exp(-(2 * label - 1) - blur * generator.normal(size=n)))
    frame = pd.DataFrame({"stay_id": first + np.arange(n), "subject_id": first + np.arange(n) // 2})
    frame.assign(split="test", label=label, probability=probability).to_parquet(path)
    return path


@pytest.fixture
def table(tmp_path) -> pd.DataFrame:
    good, worse = predictions(tmp_path / "g", 1.0), predictions(tmp_path / "w", 4.0)
    others = predictions(tmp_path / "o", 4.0, first=1000)
    price_defects(
        {(6, "net"): (good, worse), (4, "net"): (good, others), (6, "forest"): (good, good)},
        tmp_path / "price.csv",
        Study(synthetic=True, titles=TITLES),
    )
    return pd.read_csv(tmp_path / "price.csv")


def test_every_row_is_there_and_the_unpriced_have_no_figures(table):
    assert sorted(table["row"].unique()) == sorted(protocols.defects()["row"])
    assert table.loc[table["row"] == 7, "ours_value"].isna().all()
    assert set(table["data"]) == {"synthetic"}


def test_the_same_stays_are_compared_without_the_same_patients(table):
    line = table.set_index(["row", "model", "score"]).loc[(6, "net", "auroc")]

    assert line["paired"]
    assert line["difference"] == pytest.approx(line["published_value"] - line["ours_value"])
    assert line["difference_low"] < line["difference"] < line["difference_high"] < 0
    assert line["key"] == "features.availability: charttime"


def test_the_difference_of_two_errors_of_calibration_has_no_interval(table):
    line = table.set_index(["row", "model", "score"]).loc[(6, "net", ERROR)]

    assert line["difference"] == pytest.approx(line["published_value"] - line["ours_value"])
    assert line[["ours_calibrated_up_to", "published_calibrated_up_to"]].notna().all()
    ends = [f"{of}_{end}" for of in ("ours", "published", "difference") for end in ("low", "high")]
    assert line[ends].isna().all()
    others = table[table["score"] != ERROR]
    assert others[["ours_calibrated_up_to", "published_calibrated_up_to"]].isna().all(axis=None)


def test_other_stays_are_compared_each_without_its_own(table):
    rows = table.set_index(["row", "model", "score"])
    paired, other = rows.loc[(6, "net", "auroc")], rows.loc[(4, "net", "auroc")]

    assert not other["paired"]
    assert other["difference"] == pytest.approx(paired["difference"])

    def width(line):
        return line["difference_high"] - line["difference_low"]

    assert width(other) > 1.2 * width(paired)  # the same blur is drawn on both sides of a pair


def test_a_rule_that_does_not_touch_a_model_has_no_figures(table):
    line = table[(table["row"] == 6) & (table["model"] == "forest")]

    assert line["note"].tolist() == ["does not touch this model"]
    assert line["ours_value"].isna().all()
    assert set(table.loc[table["model"] == "net", "score"]) == {*SCORES, ERROR}


def test_all_rows_together_are_the_published_preset(repository):
    """One truth on how the published pipeline is brought back, written twice."""
    preset = yaml.safe_load((repository / "presets/published.yaml").read_text())
    table = protocols.defects().set_index("row")
    rows = {}
    for row in table.index:
        if row not in (16, 21):  # of the first release
            rows |= leaves(table.loc[row, "published_overlay"])
    preset_leaves = leaves(preset)
    every_model = {key: value for key, value in rows.items() if key.startswith("models.*.")}
    for key, value in rows.items():
        if key in every_model:
            field = key.split(".")[-1]
            found = {v for k, v in preset_leaves.items() if k.endswith(f".{field}")}
            assert found == {value}, key
        else:
            assert preset_leaves[key] == value, key


def test_every_scenario_is_a_valid_configuration(repository):
    schema = yaml.safe_load((repository / "workflow/schemas/config.schema.yaml").read_text())
    config = read_config(repository=repository)
    scenarios = Scenarios(config, protocols.scenarios(config))
    validator = Draft202012Validator(schema)
    for name in scenarios.known:
        assert not list(validator.iter_errors(scenarios.config(name))), name
        assert scenarios.config(name) != config, name
    assert validator.is_valid(merged(config, {}))


def test_rows_can_be_chosen(repository):
    config = read_config(repository=repository)
    chosen = merged(config, {"evaluation": {"priced_rows": [6, 7, 17]}})

    assert protocols.priced_rows(chosen) == [6, 17]  # 7 is repaired and has no switch
    assert {26, 40, 42, 43} <= set(protocols.priced_rows(config))
    assert protocols.sides(6) == {"ours": "", "published": "row_06_published"}
    assert protocols.sides(8) == {"ours": "row_08_ours", "published": ""}


def test_stays_of_which_a_few_are_on_one_side_only_are_not_counted(tmp_path):
    """Five stays fewer under row 6; under row 4 forty fewer."""
    ours, all_but_forty, all_but_five = (
        predictions(tmp_path / f"{n}", 1.0, n=n) for n in (300, 260, 290)
    )
    priced = {(6, "net"): (ours, all_but_five), (4, "net"): (ours, all_but_forty)}
    for synthetic, counted in ((True, [260, 290]), (False, [260])):
        study = Study(synthetic=synthetic, titles=TITLES)
        price_defects(priced, tmp_path / "price.csv", study)
        table = pd.read_csv(tmp_path / "price.csv").dropna(subset=["ours_value"])
        assert sorted(table["n_published"].dropna().unique()) == counted
        assert set(table["n_ours"]) == {300}
