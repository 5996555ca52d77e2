import pytest
import yaml
from lightgbm import LGBMClassifier
from sklearn.linear_model import LogisticRegression

from mimicflow.admission.agreement import disagreements as of_admission
from mimicflow.arrest.agreement import disagreements as of_arrest
from mimicflow.audit.agreement import disagreements as of_audit
from mimicflow.errors import ConfigError
from mimicflow.mortality.agreement import disagreements as of_mortality
from mimicflow.running.agreement import check_agreement
from mimicflow.running.configuration import (
    check_keys,
    check_values,
    complete,
    merged,
    read_config,
)

SYSTEMS = (of_admission, of_mortality, of_arrest, of_audit)


@pytest.fixture
def schema(repository):
    return repository / "workflow/schemas/config.schema.yaml"


@pytest.fixture
def config(repository):
    return yaml.safe_load((repository / "config.yaml").read_text())


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("seeed",), "'seeed', did you mean 'seed'?"),
        (("cohort", "max_ecg"), "'cohort.max_ecg', did you mean 'max_ecgs'?"),
        (
            ("models", "all_stays_model", "epoch"),
            "'models.all_stays_model.epoch', did you mean 'epochs'?",
        ),
        (
            ("evaluation", "zzz"),
            "'evaluation.zzz' (valid here: threshold, protocols",
        ),
        (("ecg", "n_patients"), "did you mean 'synthetic.n_patients' or 'synthetic.icu.n_pat"),
        (("models", "all_stays_model", "folds"), "did you mean 'split.folds' or 'arrest.split.fol"),
        (("model_default",), "'model_default', did you mean 'model_defaults'?"),
        (("gru_hidden",), "did you mean 'model_defaults.gru_hidden' or 'models.*.gru_hidden'?"),
    ],
)
def test_an_unknown_key_is_reported_with_the_nearest_valid_one(config, schema, path, expected):
    place = config
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = 1

    with pytest.raises(ConfigError) as error:
        check_keys(config, schema)

    assert expected in str(error.value)
    assert "What to do" in str(error.value)


@pytest.mark.parametrize("key", [1, True, 2.5, None])
def test_a_key_that_yaml_reads_as_no_text_is_refused_with_its_place(config, schema, key):
    config["scenarios"] = {"mine": {"models": {key: {"dropout": 0.1}}}}

    with pytest.raises(ConfigError, match=rf"the key 'scenarios.mine.models.{key}' is no text"):
        check_keys(config, schema)


WRONG = {
    "no number": (("ecg", "max_damaged_share"), float("nan"), "is nan, not a finite number"),
    "no end": (("ingest", "max_reject_share"), float("inf"), "is inf, not a finite number"),
    "text": (
        ("models", "all_stays_model", "epochs"),
        "x",
        "is 'x', not a whole number of at least 1 (Number of passes",
    ),
    "below": (
        ("seed",),
        -1,
        "is -1, not keys with values or a whole number from 0 to 4294967295 (Seeds of",
    ),
    "2.0": (("ingest", "shards"), 2.0, "is 2.0, not a whole number from 1 to 1024"),
    "above": (("seed", "split"), 10**23, "is 100000000000000000000000, not a whole number from 0"),
    "a bound itself": (("split", "test"), 0, "is 0, not a number above 0 and of at most 0.5"),
    "too few": (
        ("encoder", "depth"),
        [2, 2],
        "is [2, 2], not a list of 4, each a whole number of at least 1 (Number of blocks of",
    ),
    "a list for a section": (("cohort",), ["x" * 500], "['xxxxx"),
    "a list for a number": (("vitals", "max_rows"), [10], "is [10], not a whole number of at"),
    "not in the list": (
        ("cohort", "stays_per_patient"),
        "some",
        "is 'some', not all, most_ecgs, first or random (Which",
    ),
    "of two kinds": (
        ("cohort", "prediction_ecg"),
        7,
        "is 7, not last or a whole number from 1 to 6 (Number of the ECG",
    ),
    "one of two kinds": (
        ("evaluation", "thresholds", "confidence"),
        True,
        "is True, not a number above 0 and below 1 or none (Share of",
    ),
    "null": (("ecg", "powerline"), None, "is empty, not 50 or 60 (Hz"),
    "a section of nothing": (("split",), None, "is empty, not keys with values"),
    "no switch": (("ecg", "seconds"), True, "is True, not a number from 1 to 600"),
    "a number for a switch": (("ingest", "strict"), 1, "is 1, not true or false"),
    "without what must be": (
        ("evaluation", "protocols"),
        ["seed"],
        "is ['seed'], not a list, each nested, published or seed, none of them twice, nested amo",
    ),
    "twice": (("evaluation", "protocols"), ["nested", "nested"], "none of them twice"),
    "a sign that is none": (
        ("arrest", "preprocessing", "beats", "normal"),
        "X",
        "is 'X', not text that fits ^[NL",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_value_is_reported_in_one_short_sentence(config, schema, case):
    path, value, expected = WRONG[case]
    place = config
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value

    with pytest.raises(ConfigError) as error:
        complete(config, schema)

    assert f"{'.'.join(path)!r} is " in str(error.value)
    assert expected in str(error.value)
    assert str(error.value).count("'" + ".".join(path)) == 1
    assert len(str(error.value)) < 420
    assert len(str(error.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("cohort",), "configuration: lacks cohort (keys with values)"),
        (("data", "hosp"), "'data' lacks hosp (text)"),
        (
            ("model_defaults", "epochs"),
            "'models.all_stays_ECGonly' lacks epochs (a whole number of at least 1); 'models.multi",
        ),
        (
            ("models", "all_stays_model", "branches"),
            "'models.all_stays_model' lacks branches (a list of at least one, each ecg, vitals or",
        ),
        (("split", "multi"), "'split' lacks multi (shared or own)"),
        (("mortality", "protocols", "audited", "batch_size", "gru"), "audited.batch_size' lacks"),
        (("mortality", "networks", "gru"), "'mortality.networks' lacks gru"),
    ],
)
def test_a_key_without_a_value_is_reported(config, schema, path, expected):
    *parents, key = path
    place = config
    for parent in parents:
        place = place[parent]
    del place[key]

    with pytest.raises(ConfigError) as error:
        complete(config, schema)

    assert expected in str(error.value)
    assert len(str(error.value).splitlines()) == 2


def test_an_empty_list_of_priced_rows_is_taken(config, schema):
    config["evaluation"]["priced_rows"] = []
    check_values(config, schema)
    check_agreement(config, *SYSTEMS)


BAGS = {"logistic_regression": LogisticRegression, "lightgbm": LGBMClassifier}


@pytest.mark.parametrize("bag", BAGS)
def test_arguments_of_a_baseline_are_those_that_it_has(config, schema, bag):
    """LightGBM takes a misspelt one for one of its own, and goes on without it."""
    place = yaml.safe_load(schema.read_text())["properties"]["mortality"]["properties"]
    known = place["baselines"]["properties"][bag]["propertyNames"]["enum"]
    assert set(known) <= set(BAGS[bag]().get_params())

    config["mortality"]["baselines"][bag]["num_leafs"] = 7
    with pytest.raises(
        ConfigError, match=f"'mortality.baselines.{bag}' has the key 'num_leafs', not "
    ):
        check_values(config, schema)


PROTOCOL = {"mortality": {"protocols": {"audited_with_visits": {}}}}
CONTRARY = {
    "a fold beyond the last": ({"split": {"folds": 2, "fold": 2}}, "'split.fold' is 2, but"),
    "no training patients": ({"split": {"test": 0.5, "validation": 0.5}}, "'split.test' is 0.5"),
    "nor of mortality": (
        {"mortality": {"split": {"test": 0.5, "validation": 0.5}}},
        "'mortality.split.validation' 0.5, which leaves no training patients",
    ),
    "an ECG beyond the last": (
        {"cohort": {"max_ecgs": 2, "prediction_ecg": 3}},
        "'cohort.prediction_ecg' is 3, but 'cohort.max_ecgs' is 2",
    ),
    "a curve of nothing": (
        {"evaluation": {"net_benefit": {"lowest": 0.9, "highest": 0.1}}},
        "'evaluation.net_benefit.lowest' is 0.9, not below 'evaluation.net_benefit.highest'",
    ),
    "a reversed window": (
        {"arrest": {"epochs": {"event_window_h": [24, 0.5]}}},
        "'arrest.epochs.event_window_h' is [24, 0.5]: first the least hours",
    ),
    "a window below an epoch": (
        {"arrest": {"epochs": {"event_window_h": [0.5, 0.55]}}},
        "'arrest.epochs.event_window_h' spans 0.05 h, less than an epoch of 5 minutes",
    ),
    "nor of controls": (
        {"arrest": {"epochs": {"control_window_h": 0.01}}},
        "'arrest.epochs.control_window_h' spans 0.01 h, less",
    ),
    "a horizon before the window": (
        {"arrest": {"evaluation": {"horizons_h": [24, 0.5]}}},
        "'arrest.evaluation.horizons_h' has 0.5, but no epoch lies within 0.5 h",
    ),
    "a row that is none": (
        {"evaluation": {"priced_rows": [6, 999]}},
        "'evaluation.priced_rows' names 999, which is none of 1, 2, 3",
    ),
    "a row without a switch": ({"evaluation": {"priced_rows": [7]}}, "names 7, which is none of"),
    "a measure that is none": ({"arrest": {"measures": ["RMSD"]}}, "names RMSD, which is none of"),
    "a unit that is none": ({"arrest": {"cohort": {"icus": ["MIKU"]}}}, "'arrest.cohort.icus' na"),
    "weights that are not there": (
        {"encoder": {"file": "no/own.pth"}},
        "'encoder.file' is no/own.p",
    ),
    "a protocol that is made": (PROTOCOL, "'mortality.protocols' names audited_with_visits, as a"),
}


@pytest.mark.parametrize("case", CONTRARY)
def test_values_that_do_not_agree_are_reported_in_one_sentence(config, case):
    overlay, expected = CONTRARY[case]
    check_agreement(config, *SYSTEMS)

    with pytest.raises(ConfigError) as error:
        check_agreement(merged(config, overlay), *SYSTEMS)

    assert expected in str(error.value)
    assert len(str(error.value).splitlines()) == 2
    assert "; " not in str(error.value).splitlines()[0]


def test_bounds_themselves_agree(config):
    for overlay in (
        {"split": {"folds": 2, "fold": 1}},
        {"split": {"test": 0.5, "validation": 0.4}},
        {"cohort": {"max_ecgs": 2, "prediction_ecg": 2}},
        {"arrest": {"epochs": {"minutes": 30, "event_window_h": [0.5, 1]}}},
        {"evaluation": {"priced_rows": [6, 17]}},
        {"arrest": {"measures": ["RMSSD"], "cohort": {"icus": ["ccu ", "Neuro"]}}},
        {"arrest": {"cohort": {"icus": ["any"]}}, "data": {"registry": "mine"}},
    ):
        check_agreement(merged(config, overlay), *SYSTEMS)


OF_OWN = {"encoder": {"architecture": "code/founder.py:Founder"}}


def test_a_network_of_ones_own_needs_its_weights_and_has_no_parts(repository):
    config = merged(read_config(repository=repository), OF_OWN)

    with pytest.raises(ConfigError) as error:
        check_agreement(config, *SYSTEMS)

    assert "'encoder.file' names no weights of it" in str(error.value)
    assert "'unfreeze' of all_stays_ECGonly, multi_stays_ECGonly, all_stays_model" in str(
        error.value
    )
    for model in config["models"].values():
        model["unfreeze"] = "none"
    with pytest.raises(ConfigError) as error:
        check_agreement(config, *SYSTEMS)
    assert "unfreeze" not in str(error.value)


def test_weights_without_a_contract_and_lines_that_are_not_kept_are_seen_before_any_job(
    repository, tmp_path
):
    """What the lines are is in tests/unit/ecg/given."""
    (tmp_path / "own.pth").touch()
    overlay = {"encoder": {"file": str(tmp_path / "own.pth")}}
    config = merged(read_config(repository=repository), overlay)

    with pytest.raises(ConfigError, match=r"own.yaml: the weights have no contract beside them"):
        check_agreement(config, *SYSTEMS)

    (tmp_path / "own.yaml").write_text(CONTRACT)
    with pytest.raises(ConfigError) as error:
        check_agreement(config, *SYSTEMS)
    assert "own.yaml: 'seconds' is 5, but 'ecg.seconds' is 10" in str(error.value)
    config["ecg"]["seconds"] = 5
    check_agreement(config, *SYSTEMS)


CONTRACT = """
{sampling_rate: 100, seconds: 5, unit: mV, cleaning: neurokit, powerline: 60, normalisation: none,
 leads: [I, II, III, aVR, aVF, aVL, V1, V2, V3, V4, V5, V6], architecture: resnet1d, width: 16,
 depth: [2, 2, 2, 2], source: a test, licence: MIT, sha256: none, tolerance: 0.001,
 golden_norm: {}, golden_first: {}}
"""


@pytest.mark.parametrize(
    ("encoder", "said"),
    [
        ({"file": "own.pt"}, "'encoder.file' is 'own.pt', not none or text that fits"),
        ({"file": "{a}.pth"}, "'encoder.file' is '{a}.pth'"),
        ({"architecture": "os:system"}, "'encoder.architecture' is 'os:system', not resnet1d or"),
    ],
)
def test_weights_and_their_network_are_named_as_files(config, schema, encoder, said):
    with pytest.raises(ConfigError) as error:
        check_values(merged(config, {"encoder": encoder}), schema)
    assert said in str(error.value)


def test_names_that_are_always_used_may_not_be_left_out(config):
    del config["models"]["multi_stays_ECGonly"]
    del config["mortality"]["protocols"]["published"]

    with pytest.raises(ConfigError) as error:
        check_agreement(config, *SYSTEMS)

    assert "'models' lacks multi_stays_ECGonly, whose" in str(error.value)
    assert "'mortality.protocols' lacks published, which" in str(error.value)


def test_configurations_are_laid_over_each_other_and_checked(repository, tmp_path, monkeypatch):
    monkeypatch.chdir(repository)
    (tmp_path / "mine.yaml").write_text("cohort: {max_ecgs: 2}\n")
    config = read_config(tmp_path / "mine.yaml")
    assert config["cohort"]["max_ecgs"] == 2
    assert config["cohort"]["positive_class"] == "ADMITTED"

    for content, message in (
        ("cohort: {max_ecgs: 99}", "99"),
        ("cohort: [", "cannot be read"),
        ("- cohort", "is list, not a mapping"),
        ("# nothing yet", "is empty, not a mapping"),
    ):
        (tmp_path / "mine.yaml").write_text(content)
        with pytest.raises(ConfigError, match=message):
            read_config(tmp_path / "mine.yaml")


@pytest.mark.parametrize("preset", ["tiny", "demo", "mimic-iv", "published", "seed"])
def test_presets_are_taken(repository, monkeypatch, preset):
    monkeypatch.chdir(repository)
    check_agreement(read_config(f"presets/{preset}.yaml"), *SYSTEMS)


def test_numbers_in_braces_on_the_command_line_are_numbers(repository):
    """Snakemake leaves them text: ``--config 'model_defaults={epochs: 3}'``."""
    written = yaml.safe_load((repository / "config.yaml").read_text(encoding="utf-8"))
    written["model_defaults"] |= {"epochs": "3", "dropout": "0.5"}

    completed = complete(written, repository / "workflow/schemas/config.schema.yaml")

    assert completed["models"]["all_stays_model"]["epochs"] == 3
    assert completed["models"]["all_stays_model"]["dropout"] == 0.5
