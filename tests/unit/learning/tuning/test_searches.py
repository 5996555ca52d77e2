"""The searches of a configuration are checked as it is itself, before any job."""

import pytest
import yaml

from mimicflow.admission.agreement import disagreements
from mimicflow.errors import ConfigError
from mimicflow.learning.tuning.searches import (
    Search,
    read_searches,
    require_search,
    require_searches,
)
from mimicflow.running.configuration import SCHEMA, merged, read_overlay

DROPOUT, HIDDEN = "models.all_stays_model.dropout", "models.all_stays_model.gru_hidden"
TUNABLE = {
    "admission": {"all_stays_model": [DROPOUT, HIDDEN, "models.all_stays_model.learning_rate"]},
    "mortality": {"lightgbm": ["mortality.baselines.lightgbm"]},
}


@pytest.fixture
def found(repository):
    """Return a function of what stands under ``tuning``, and of other keys: the searches."""

    def under(tuning, **others):
        written = merged(read_overlay(repository / "config.yaml"), {"tuning": tuning, **others})
        return read_searches(written, repository / SCHEMA, [disagreements], TUNABLE)

    return under


def of_model(space, **more):
    return {"admission": {"all_stays_model": {"rounds": 2, "trials": 3, "space": space, **more}}}


def test_nothing_is_tuned_unless_it_is_asked_for(found):
    searches = found({})

    assert searches == {"admission": {}, "mortality": {}}
    with pytest.raises(ConfigError, match="no model is to be tuned"):
        require_searches(searches)
    with pytest.raises(ConfigError, match=r"'tuning.mortality' has no search for lightgbm"):
        require_search(searches, "mortality", "lightgbm")


def test_a_search_knows_the_values_of_the_configuration(found):
    """Also those that a block has from the defaults, but none that it leaves to the library."""
    space = {DROPOUT: {"low": 0.1, "high": 0.5}, HIDDEN: {"choices": [64, 128]}}
    trees = {f"mortality.baselines.lightgbm.{key}": {"low": 1, "high": 9}
             for key in ("max_depth", "num_leaves")}  # fmt: skip
    trees["mortality.baselines.lightgbm.num_leaves"] = {"low": 4, "high": 40}

    searches = found(
        {**of_model(space), "mortality": {"lightgbm": {"rounds": 1, "trials": 2, "space": trees}}}
    )

    assert searches["admission"]["all_stays_model"] == Search(
        2, 3, space, {DROPOUT: 0.3, HIDDEN: 128}
    )
    assert searches["mortality"]["lightgbm"].own == {"mortality.baselines.lightgbm.num_leaves": 15}
    require_searches(searches)


def test_trials_are_numbered_through_the_rounds():
    search = Search(2, 3, {})

    assert [search.round_of(trial) for trial in range(6)] == [0, 0, 0, 1, 1, 1]
    assert list(search.before(0)) == []
    assert list(search.before(1)) == [0, 1, 2]
    assert list(search.before(search.rounds)) == list(range(6))


FREE = {DROPOUT: {"low": 0.1, "high": 0.5}}
WRONG = {
    "unknown model": (
        {"admission": {"all_stay_model": {"rounds": 1, "trials": 2, "space": FREE}}},
        "'tuning.admission' names all_stay_model, which is none of all_stays_model",
    ),
    "unknown system": ({"arrest": {}}, "unknown key 'tuning.arrest'"),
    "too many trials": (
        of_model(FREE, trials=10**9), "'tuning.admission.all_stays_model.trials' is 1000000000"
    ),
    "no rounds": (of_model(FREE, rounds=0), "'tuning.admission.all_stays_model.rounds' is 0"),
    "no space": (of_model({}), "'tuning.admission.all_stays_model.space' is {}"),
    "of another model": (
        of_model({"models.all_stays_ECGonly.dropout": {"low": 0.1, "high": 0.5}}),
        "has 'models.all_stays_ECGonly.dropout', which is none of the model's own keys",
    ),
    "of the defaults": (
        of_model({"model_defaults.dropout": {"low": 0.1, "high": 0.5}}),
        "has 'model_defaults.dropout', which is none of the model's own keys",
    ),
    "before the model": (
        of_model({"features.diagnosis_lag_days": {"low": 0, "high": 30}}),
        "has 'features.diagnosis_lag_days', which is none",
    ),
    "too high": (
        of_model({DROPOUT: {"low": 0.1, "high": 1.5}}),
        "tuning.admission.all_stays_model: 'models.all_stays_model.dropout' is 1.5, not a number",
    ),
    "a choice": (
        of_model({HIDDEN: {"choices": [64, 128, 0]}}),
        "tuning.admission.all_stays_model: 'models.all_stays_model.gru_hidden' is 0",
    ),
    "no range": (of_model({DROPOUT: {"low": 0.1}}), "all_stays_model: 'models.all_stays_model.dro"),
    "misspelt": (
        of_model({"models.all_stays_model.learning_rate.haed": {"low": 0.1, "high": 0.2}}),
        "unknown key 'models.all_stays_model.learning_rate.haed', did you mean",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("tuning", "expected"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_search_is_said_in_a_sentence(found, tuning, expected):
    with pytest.raises(ConfigError) as error:
        found(tuning)

    assert expected in str(error.value)
    assert "What to do" in str(error.value)


def test_where_validation_patients_train_nobody_is_left_to_choose_by(repository):
    config = read_overlay(repository / "config.yaml")
    tuned = merged(config, {"tuning": of_model(FREE), "split": {"stopping": "test"}})

    assert any("nobody is left to choose settings by" in said for said in disagreements(tuned))
    assert list(disagreements(merged(config, {"split": {"stopping": "test"}}))) == []


def test_small_numbers_may_be_written_without_a_point(repository):
    """YAML takes 1e-4 for text."""
    written = yaml.safe_load((repository / "config.yaml").read_text(encoding="utf-8"))
    rate = "models.all_stays_model.learning_rate.head"
    space = yaml.safe_load(f"{{{rate}: {{low: 1e-5, high: 1e-2, log: true}}}}")
    written["tuning"] |= of_model(space)

    searches = read_searches(written, repository / SCHEMA, [disagreements], TUNABLE)

    assert searches["admission"]["all_stays_model"].space[rate]["low"] == 1e-5
