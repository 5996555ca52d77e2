import re
from pathlib import Path

import pytest

from mimicflow.admission import protocols
from mimicflow.errors import ConfigError
from mimicflow.running.configuration import merged, read_config
from mimicflow.running.scenarios import Scenario, Scenarios, leaves

CONFIG = {"a": {"b": 1, "c": [1, 2]}, "split": {"fold": "none"}, "vitals": {"ranges": "plausible"}}


@pytest.fixture
def config(repository: Path) -> dict:
    return read_config(repository=repository)


def test_an_overlay_changes_its_keys_and_leaves_the_rest_and_the_original() -> None:
    assert merged(CONFIG, {"a": {"b": 2}, "d": 3}) == {
        "a": {"b": 2, "c": [1, 2]},
        "split": {"fold": "none"},
        "vitals": {"ranges": "plausible"},
        "d": 3,
    }
    assert CONFIG["a"]["b"] == 1
    assert leaves({"a": {"b": 2, "c": {"d": 1}}, "e": []}) == {"a.b": 2, "a.c.d": 1, "e": []}


def test_a_scenario_takes_from_its_parent_what_its_keys_cannot_touch() -> None:
    scenarios = Scenarios(
        CONFIG,
        [
            Scenario("nested_0", {"split": {"fold": 0}}),
            Scenario("published_0", {"split": {"stopping": "test"}}, "nested_0"),
            Scenario("row_31", {"vitals": {"ranges": "none"}}),
        ],
    )

    def folder(name: str, path: str) -> str:
        return scenarios.folder(name, path)

    assert folder("", "all_stays_model.pth") == ""
    assert folder("nested_0", "cohort/stays.parquet") == folder("nested_0", "ecg/store/0.npy") == ""
    assert folder("nested_0", "cohort/spine.parquet") == "scenarios/nested_0/"
    assert folder("nested_0", "pretrained_model.pth") == "scenarios/nested_0/"
    assert folder("published_0", "pretrained_model.pth") == "scenarios/nested_0/"
    assert folder("published_0", "all_stays_model.pth") == "scenarios/published_0/"
    assert folder("row_31", "vitals_long_cleaned.parquet") == "scenarios/row_31/"
    assert folder("row_31", "final_ecgs.parquet") == ""
    assert folder("row_31", "admission/random_forest_all/predictions.parquet") == ""
    assert scenarios.config("published_0")["split"] == {"fold": 0, "stopping": "test"}


def test_another_split_has_a_dictionary_of_its_own_and_everything_else_shares_it(
    config: dict,
) -> None:
    """So that neither folds nor priced defects extract drugs again."""
    scenarios = Scenarios(config, protocols.scenarios(config))
    splits = {*protocols.folds("nested", config), "seed"}
    for name in scenarios.known:
        own = scenarios.folder(name, "cohort/spine.parquet")
        if scenarios.config(name)["features"]["drug_dictionary"] == "training":
            assert scenarios.folder(name, "features/gsn_etc.parquet") == own, name
        if name in splits:
            assert own == scenarios.folder(name, "final_ecgs.parquet") == f"scenarios/{name}/"
            assert scenarios.folder(name, "features/ed_medications/0.parquet") == ""
            assert scenarios.folder(name, "features/medication_history/0.parquet") == ""
    assert scenarios.folder("row_06_published", "features/gsn_etc.parquet") == ""
    assert scenarios.folder("row_40_published", "features/gsn_etc.parquet") != ""
    assert scenarios.folder("row_40_published", "features/ed_medications/0.parquet") == ""


@pytest.mark.parametrize(
    "listed", [[Scenario("a"), Scenario("a")], [Scenario("b", parent="a"), Scenario("a")]]
)
def test_names_must_be_known_and_single(listed: list[Scenario]) -> None:
    with pytest.raises(ConfigError, match="named twice or follows no known"):
        Scenarios(CONFIG, listed)


def test_an_unknown_scenario_is_reported_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="choose one of: a"):
        Scenarios(CONFIG, [Scenario("a")]).config("b")


def test_every_rule_reads_only_keys_that_its_stage_names(repository: Path, config: dict) -> None:
    """Else a scenario would share a file that its keys do touch."""
    scenarios = Scenarios(config, protocols.scenarios(config))
    checked = 0
    for file in (repository / "rules").glob("*.smk"):
        for block in re.split(r"^ *rule ", file.read_text(), flags=re.M)[1:]:
            output = re.search(r'    output:.*?"results/\{scenario\}([^"]+)"', block, re.S)
            if output is None:
                continue
            used = [key.replace("/", ".") for key in re.findall(r'setting\(\s*"([^"]+)"', block)]
            for call in re.findall(r"chosen\((.*?)\),\n", block, re.S):
                for section, keys in re.findall(r"(\w+)=\[(.*?)\]", call, re.S):
                    used += [f"{section}.{key}" for key in re.findall(r'"(\w+)"', keys)]
            known = scenarios.stage_keys(output[1].replace("{kind}", "random_forest"))
            for key in used:
                section = key.split(".{")[0]
                named = any(section == k or section.startswith(f"{k}.") for k in known)
                assert named, (block.split(":")[0], key)
                checked += 1
    assert checked > 15
