"""What a round suggests follows from the trials before it and the seed, and from nothing else."""

import json

import numpy as np
import pytest

from mimicflow.learning.tuning.suggestion import suggest_trials

SPACE = {
    "m.rate": {"low": 1e-5, "high": 1e-1, "log": True},
    "m.units": {"low": 8, "high": 64},
    "m.part": {"choices": ["none", "all"]},
}
OWN = {"m.rate": 1e-3, "m.units": 16, "m.part": "all"}


@pytest.fixture
def suggested(tmp_path):
    """Return a function of a round and the trials before it: what is suggested."""

    def suggest(number=0, done=(), trials=4, seed=3, space=SPACE, own=OWN):
        files = []
        for trial in done:
            files.append(tmp_path / f"trial_{trial['number']}.json")
            files[-1].write_text(json.dumps(trial))
        output = tmp_path / "round.json"
        suggest_trials(number, trials, space, own, files, seed, output)
        content = json.loads(output.read_text())
        assert content["round"] == number
        return content["trials"]

    return suggest


def tried(n, score=lambda rate: -abs(np.log10(rate) + 3)):
    """Trials whose score is the better the nearer the rate is to 0.001."""
    generator = np.random.default_rng(0)
    trials = []
    for number in range(n):
        rate = float(10 ** generator.uniform(-5, -1))
        parameters = {"m.rate": rate, "m.units": 8 + number, "m.part": "all"}
        trials.append({"number": number, "parameters": parameters, "state": "complete",
                       "auroc": 0.8 + 0.05 * score(rate)})  # fmt: skip
    return trials


def test_the_first_trial_is_the_configuration_itself_and_all_others_lie_in_the_space(suggested):
    first, *others = suggested(trials=12)

    assert first == {"number": 0, "parameters": OWN}
    assert [trial["number"] for trial in others] == list(range(1, 12))
    for trial in others:
        assert 1e-5 <= trial["parameters"]["m.rate"] <= 1e-1
        assert isinstance(trial["parameters"]["m.units"], int)
        assert 8 <= trial["parameters"]["m.units"] <= 64
        assert trial["parameters"]["m.part"] in ("none", "all")
    assert len({trial["parameters"]["m.rate"] for trial in others}) == 11


def test_the_same_trials_and_seed_suggest_the_same(suggested):
    done = tried(12)

    once = suggested(3, done)

    assert suggested(3, done[::-1]) == once
    assert [trial["number"] for trial in once] == [12, 13, 14, 15]
    assert suggested(3, done, seed=4) != once
    assert suggested(4, done) != once
    other = [{**trial, "auroc": 1 - trial["auroc"]} for trial in done]
    assert suggested(3, other) != once


def test_the_search_comes_to_where_the_score_is_high(suggested):
    rates = [trial["parameters"]["m.rate"] for trial in suggested(1, tried(40), trials=20)]

    assert np.mean(np.abs(np.log10(rates) + 3) < 1) > 0.7  # at random, half of them


def test_diverged_trials_are_no_scores_and_stop_nothing(suggested):
    done = tried(12)
    diverged = [{"number": 12, "parameters": OWN, "state": "diverged"}]

    assert len(suggested(3, done + diverged)) == 4


@pytest.mark.parametrize("own", [{**OWN, "m.rate": 0.5}, {"m.units": 16}])
def test_a_configuration_outside_the_space_is_tried_but_nothing_follows_from_it(suggested, own):
    """A key may be left to the library, or have a value that the search is not to come to."""
    [first, *_] = suggested(own=own)
    assert first["parameters"] == own

    trial = {"number": 0, "parameters": own, "state": "complete", "auroc": 0.9}
    assert suggested(1, [trial], own=own) == suggested(1, [], own=own)
