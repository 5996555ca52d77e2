"""What a configuration says under ``scenarios`` and ``repeats``: checked as it is itself."""

import pytest

from mimicflow.admission import protocols
from mimicflow.admission.agreement import disagreements
from mimicflow.errors import ConfigError
from mimicflow.mortality import protocols as mortality
from mimicflow.running.configuration import SCHEMA, complete, merged, read_overlay
from mimicflow.running.own_scenarios import own_scenarios, require_scenarios
from mimicflow.running.scenarios import Scenario, Scenarios


@pytest.fixture
def written(repository):
    return read_overlay(repository / "config.yaml")


@pytest.fixture
def found(repository, written):
    """Return a function of an overlay: the scenarios under it."""

    def under(overlay):
        config = merged(written, overlay)
        known = Scenarios(complete(config, repository / SCHEMA), [])
        return own_scenarios(
            config,
            repository / SCHEMA,
            [disagreements],
            taken=[one.name for one in protocols.scenarios(known.base)],
            can_change=lambda key: known.can_change(key) or key.startswith(mortality.CHANGED),
        )

    return under


def test_none_are_named_in_the_configuration(found):
    assert found({}) == []
    with pytest.raises(ConfigError, match="no scenario is named"):
        require_scenarios(found({}))


def test_a_scenario_is_where_its_complete_configuration_differs(found):
    """Also where it changes a default, which the blocks of complete configurations lack."""
    keys = {"model_defaults": {"patience": 9}, "vitals": {"ranges": "none", "max_rows": 10}}

    [mine] = found({"scenarios": {"mine": keys}})

    others = {"all_stays_model", "multiple_ECG_stays_model"}
    changed = {"models": {one: {"patience": 9} for one in others}, "vitals": {"ranges": "none"}}
    assert mine == Scenario("mine", changed)


def test_a_scenario_that_changes_nothing_is_refused(found, written):
    for same in ({}, {"vitals": dict(written["vitals"])}):
        with pytest.raises(ConfigError, match=r"'scenarios.mine' changes nothing"):
            found({"scenarios": {"mine": same}})


def test_one_seed_is_that_of_split_and_weights_but_raw_tables_are_shared(found):
    with pytest.raises(ConfigError, match=r"'scenarios.mine' changes 'seed.hospital', which all"):
        found({"scenarios": {"mine": {"seed": 3}}})
    seeds = {"split": 3, "weights": 3}
    [mine] = found({"scenarios": {"mine": {"seed": seeds}}})
    assert mine.overlay == {"seed": seeds}


def test_repeats_follow_what_they_repeat(found):
    config = {
        "scenarios": {"mine": {"vitals": {"ranges": "none"}}},
        "repeats": {"seeds": [1, 2], "of": ["weights", "split"]},
    }

    repeats = {one.name: one for one in found(config)}

    assert list(repeats) == ["seed_1", "seed_2", "mine", "mine_seed_1", "mine_seed_2"]
    seeds = {"seed": {"weights": 2, "split": 2}}
    assert repeats["seed_2"] == Scenario("seed_2", seeds)
    assert repeats["mine_seed_2"] == Scenario("mine_seed_2", seeds, "mine", "seed_2")


def test_repeats_of_a_scenario_share_what_its_keys_do_not_touch_with_those_of_the_configuration(
    repository, written, found
):
    """The encoder above all, whose pretraining takes longest."""
    config = {
        "scenarios": {"mine": {"vitals": {"ranges": "none"}}, "yours": {"encoder": {"width": 8}}},
        "repeats": {"seeds": [1]},
    }
    known = Scenarios(complete(written, repository / SCHEMA), found(config))

    assert known.folder("mine_seed_1", "pretrained_model.pth") == "scenarios/seed_1/"
    assert known.folder("mine_seed_1", "vitals_long_cleaned.parquet") == "scenarios/mine/"
    assert known.folder("mine_seed_1", "all_stays_model.pth") == "scenarios/mine_seed_1/"
    assert known.folder("yours_seed_1", "pretrained_model.pth") == "scenarios/yours_seed_1/"


def test_a_scenario_of_mortality_is_a_protocol_and_has_no_repeats_but_its_own(found, written):
    keys = {"mortality": {"protocols": {"audited": {"visits": "all"}}}}

    *_, mine = found({"scenarios": {"mine": keys}, "repeats": {"seeds": [1]}})

    assert mine == Scenario("mine", keys)
    [protocol] = mortality.of_scenarios(written, {"mine": mine.overlay, "b": {}}).values()
    audited = written["mortality"]["protocols"]["audited"]
    assert protocol == {**audited, "visits": "all"}


WRONG = {
    "unknown key": ({"mine": {"cohort": {"max_ecg": 1}}}, "scenario 'mine': unknown key 'cohort."),
    "wrong value": ({"mine": {"vitals": {"ranges": "any"}}}, "scenario 'mine': 'vitals.ranges'"),
    "no name": ({"Mine!": {}}, "'scenarios' has the key 'Mine!', not text that fits"),
    "contradiction": ({"mine": {"split": {"fold": 7}}}, "scenario 'mine': 'split.fold' is 7, but"),
    "of the audit": ({"mine": {"arrest": {"groups": 9}}}, "changes 'arrest.groups', which all"),
    "raw tables": ({"mine": {"ingest": {"shards": 9}}}, "changes 'ingest.shards', which all"),
    "other rules": ({"mine": {"pretraining": {"patients": "none"}}}, "changes 'pretraining.pat"),
    "another model": (
        {"mine": {"models": {"new": {"stays": "all", "branches": ["ecg"]}}}},
        "changes 'models.new.stays', which all scenarios share",
    ),
    "a name of ours": ({"nested_0": {"split": {"fold": 1}}}, "is called 'nested_0' already"),
    "the configuration": (
        {"configuration": {"vitals": {"max_rows": 3}}},
        "is called 'configuration' already",
    ),
    "a repeat": ({"seed_1": {"vitals": {"max_rows": 3}}}, "is called 'seed_1' already"),
}


@pytest.mark.parametrize(("scenarios", "expected"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_scenario_is_said_in_a_sentence(found, scenarios, expected):
    with pytest.raises(ConfigError) as error:
        found({"scenarios": scenarios, "repeats": {"seeds": [1]}})

    assert expected in str(error.value)
    assert "What to do" in str(error.value)


def test_a_scenario_may_keep_the_patients_in_their_parts(found):
    """So that another cohort is compared on the same test patients."""
    keys = {"cohort": {"prediction_ecg": 1}, "split": {"patients": "kept"}}
    [mine] = found({"scenarios": {"mine": keys}})
    assert mine.overlay == keys
