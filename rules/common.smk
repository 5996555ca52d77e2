"""What all chapters share: names and paths, no rules."""

from pathlib import Path

from mimicflow.admission import protocols
from mimicflow.raw.awaited import count_arrivals
from mimicflow.mortality import protocols as mortality_protocols
from mimicflow.raw.needs import SECTIONS, tables_of
from mimicflow.running.privacy import is_private, keep_private
from mimicflow.running.sources import content_of, package_file, source_files
from mimicflow.running.scenarios import Scenarios

if is_private(config):
    # Jobs inherit the mask; one on a cluster reads this file itself. Snakemake's own folder has its log.
    for folder in ("results", ".snakemake"):
        keep_private(folder)
SHARDS = range(config["ingest"]["shards"])
# GPUs of a training job; Snakemake counts them as a resource, hence another number reruns nothing.
DEVICES = config["computing"]["devices"]
# What of the rest can change a result.
COMPUTING = {
    key: config["computing"][key] for key in ("precision", "tf32", "deterministic", "compile")
}
# Without pretraining the machine measurements are not read; the list of records has the times too.
PRETRAINING = config["pretraining"]["patients"] != "none"
ECG_TIMES = "ecg/machine_measurements" if PRETRAINING else "ecg/record_list"
# By the folder of its manifest below results/.
TABLES_READ = {
    f"{'' if system == 'admission' else f'{system}/'}": tables_of(system, config)
    for system in SECTIONS
}
STATIC_CONCEPTS = [
    *("ed_stay", "prior_stays", "diagnosis_history", "ed_labs"),
    *(["home_medications"] if config["features"]["home_medications"] else []),
]
# Extracted by drug code; their classes depend on the split.
DRUG_CONCEPTS = ["ed_medications", "medication_history"]
BASELINES = [f"{kind}_{stays}" for kind in config["baselines"] for stays in ("all", "multi")]
# Everything that is scored, with the stays that it is scored on.
COMPARED = {
    **{name: model["stays"] for name, model in config["models"].items()},
    **{name: name.rpartition("_")[2] for name in BASELINES},
}
# Folds, defects brought back, ablations: the same rules under results/scenarios/{name}/.
SCENARIOS = Scenarios(config, protocols.scenarios(config))
# What is cross-validated of each system: late fusion is the mean of two of the others.
FUSED = {f"late_fusion_{subset}": subset for subset in ("all", "multi")}
# The models of mortality, all on the same patients; the order is that of its tables.
VISIT_NETWORKS = ["lstm", "gru", "bilstm"]
BAGS_OF_CODES = ["logistic_regression", "lightgbm"]
VISIT_MODELS = [*VISIT_NETWORKS, *BAGS_OF_CODES]
MORTALITY_PROTOCOLS = list(config["mortality"]["protocols"])
MORTALITY_RUNS = [(protocol, model) for protocol in MORTALITY_PROTOCOLS for model in VISIT_MODELS]
# Protocols that price one key each, by key: audited but for it. Of them the LSTM alone is fitted.
PRICED_KEYS = mortality_protocols.priced(config)
ALL_MORTALITY_PROTOCOLS = mortality_protocols.all_protocols(config)
LEAK_RUNS = [
    *(run for run in MORTALITY_RUNS if run[0] in ("audited", "published")),
    *((protocol, "lstm") for protocol in PRICED_KEYS.values()),
]
# All that the mortality system makes.
MORTALITY_FILES = [
    *("results/mortality/comparison.csv", "results/mortality/leak.csv"),
    *(
        f"results/mortality/{protocol}/{file}"
        for protocol in MORTALITY_PROTOCOLS
        for file in ("table_one.csv", "visits.png", "neighbours.csv")
    ),
    *(f"results/mortality/{protocol}/{model}/confusion.png" for protocol, model in MORTALITY_RUNS),
    *(
        f"results/mortality/{protocol}/{network}/history.png"
        for protocol in MORTALITY_PROTOCOLS
        for network in VISIT_NETWORKS
    ),
]
# The models of arrest: what five minutes of ECG tell, and what the vital signs tell.
ARREST_MODELS = ["hrv", "clinical"]
# All that the arrest system makes.
ARREST_FILES = [
    *(f"results/arrest/{file}" for file in ("comparison.csv", "hrv_over_time.png", "epochs.csv")),
    *(
        f"results/arrest/{model}/{file}"
        for model in ARREST_MODELS
        for file in ("metrics.csv", "alarms.csv", "shap.png", "calibration.png")
    ),
]
EVALUATED = {
    "admission": {**COMPARED, **FUSED},
    "mortality": {model: "all" for model in VISIT_MODELS},
    "arrest": {model: "all" for model in ARREST_MODELS},
}
# What a row of the predictions is.
ROW = {"admission": "stay_id", "mortality": "stay_id", "arrest": "epoch_id"}
# The folders of published result files, before "{subset}_performance", and whose they are.
PUBLISHED_FOLDERS = {
    **protocols.PUBLISHED_MODELS,
    "rf_": {"all": "random_forest_all", "multi": "random_forest_multi"},
}
# Protocols that look at what comes after the prediction, or let reported patients take part.
OPTIMISTIC_MORTALITY = {
    name
    for name, protocol in ALL_MORTALITY_PROTOCOLS.items()
    if mortality_protocols.is_optimistic(protocol)
}
MAIN_MODEL = {"admission": protocols.EVERYTHING, "mortality": "lstm", "arrest": "hrv"}
ABLATIONS = protocols.ablations(config)


def prediction_of_scenario(name, model):
    """Where the predictions of a scenario lie: its own, or those of what it does not touch."""
    path = f"admission/{model}/predictions.parquet"
    return f"results/{SCENARIOS.folder(name, path)}{path}"


# By row and model: the predictions under our rule and under the published one.
PRICED = {
    (row, model): tuple(
        prediction_of_scenario(name, model) for name in protocols.sides(row).values()
    )
    for row in protocols.priced_rows(config)
    for model in protocols.PRICED
}


wildcard_constraints:
    kind="|".join(config["baselines"]),
    system="|".join(EVALUATED),
    protocol="|".join(
        dict.fromkeys(["nested", "published", "seed", "single", *ALL_MORTALITY_PROTOCOLS])
    ),
    recurrent="|".join(VISIT_NETWORKS),
    bag="|".join(BAGS_OF_CODES),
    visit_model="|".join(VISIT_MODELS),
    read="(mortality/|arrest/)?",
    arrest_model="|".join(ARREST_MODELS),
    group="[0-9]+",
    member="|".join(COMPARED),
    family="|rf_|outputs/gru/",
    network="|outputs/gru/",
    fold="[0-9]+",
    scenario="(scenarios/[a-z0-9_]+/)?",
    module="hosp|icu|ed|ecg",
    table="[a-z_]+",
    shard="[0-9]+",
    subset="all|multi",
    model="|".join(config["models"]),


def memory(mb):
    """A resource: this many MB, times the attempt, so that a job that was killed for it gets more."""

    def memory_of_attempt(wildcards, attempt):
        return mb * attempt

    return memory_of_attempt


def sources(*names):
    """The package's files behind modules and data files: inputs, so that changed code reruns."""
    return source_files(*names)


def concept(name):
    """The SQL files of a clinical concept, and those that all concepts share."""
    own = Path(workflow.basedir, "src/mimicflow/concepts").glob(f"*/{name}*.sql")
    return [f"concepts/{file.parent.name}/{file.name}" for file in sorted(own)] + [
        "concepts/macros.sql",
        "concepts/reference.sql",
    ]


def texts(folder):
    """The tables and templates in a folder of the package."""
    files = Path(workflow.basedir, "src/mimicflow", folder).iterdir()
    return sorted(f"{folder}/{file.name}" for file in files if file.suffix not in {".py", ""})


def shards(path):
    """The path for every shard, other wildcards untouched."""
    return [path.replace("{shard}", str(shard)) for shard in SHARDS]


def tables_read(paths):
    """An input function: these paths for every table that the manifest of the rule covers."""

    def paths_of_tables(wildcards):
        return collect(paths, table=TABLES_READ[wildcards["read"]])

    return paths_of_tables


def at(paths):
    """An input function: where the rule's scenario finds files, its own or those it shares."""

    def path_of_scenario(wildcards):
        name = scenario_of(wildcards)
        listed = [paths] if isinstance(paths, str) else paths
        found = [f"results/{SCENARIOS.folder(name, path)}{path}" for path in listed]
        found = [path.format(**dict(wildcards.items())) for path in found]
        return found[0] if isinstance(paths, str) else found

    return path_of_scenario


def setting(path):
    """A parameter: this part of the configuration, as the rule's scenario has it."""

    def part_of_scenario(wildcards):
        part = SCENARIOS.config(scenario_of(wildcards))
        for key in path.format(**dict(wildcards.items())).split("/"):
            part = part[key]
        return part

    return part_of_scenario


def chosen(**sections):
    """A parameter: these keys of these sections and no others, so that only they rerun a rule."""

    def keys_of_scenario(wildcards):
        whole = SCENARIOS.config(scenario_of(wildcards))
        return {key: whole[section][key] for section, keys in sections.items() for key in keys}

    return keys_of_scenario


def scenario_of(wildcards):
    """The name of the rule's scenario; empty for the configuration itself."""
    return wildcards.scenario.removeprefix("scenarios/").rstrip("/")


def predictions_of_folds(wildcards):
    """The predictions of a model in every fold of a protocol."""
    names = protocols.folds(wildcards.protocol, config)
    return [prediction_of_scenario(name, wildcards.member) for name in names]


def pooled_predictions(wildcards):
    """The out-of-fold predictions of every model of a system."""
    # Arrest has one split and no protocols: a model's files lie right below its system.
    protocol = "" if wildcards.system == "arrest" else f"{wildcards.protocol}/"
    path = f"results/{wildcards.system}/{protocol}{{}}/predictions.parquet"
    return [path.format(model) for model in EVALUATED[wildcards.system]]


def evaluated(wildcards):
    """The models of a system, in the order of `pooled_predictions`, with their stays."""
    return EVALUATED[wildcards.system]


def main_model(wildcards):
    return MAIN_MODEL[wildcards.system]


def is_optimistic(wildcards):
    """Whether the reported patients have had a part in what is reported of them."""
    if wildcards.system == "mortality":
        return wildcards.protocol in OPTIMISTIC_MORTALITY
    if wildcards.system == "arrest":
        return False
    return wildcards.protocol in protocols.OPTIMISTIC


def row_of(wildcards):
    """The column that names a row of the predictions of a system."""
    return ROW[wildcards.system]


def groups(path):
    """The path for every group of recordings, other wildcards untouched."""
    return [path.replace("{group}", str(group)) for group in range(config["arrest"]["groups"])]


def features_of_arrest(wildcards):
    """A parameter: the features that are offered to the selection of a model of arrest."""
    # Here, because it takes SciPy along, and each job on a cluster reads this file twice.
    from mimicflow.arrest.features import feature_names

    return feature_names(wildcards.arrest_model, config["arrest"]["measures"])


def arrest_fit(wildcards):
    """A parameter: what the final model of arrest is fitted by, and what a scorer must know of it."""
    arrest = config["arrest"]
    return {
        **{section: arrest[section] for section in ("tuning", "preprocessing")},
        "epoch_minutes": arrest["epochs"]["minutes"],
        "event_window_h": arrest["epochs"]["event_window_h"],
        "specificity": arrest["evaluation"]["specificity"],
    }


def of_protocol(*keys):
    """A parameter: these keys of the mortality protocol of the rule, so that only they rerun it."""

    def keys_of_protocol(wildcards):
        chosen = ALL_MORTALITY_PROTOCOLS[wildcards.protocol]
        return {key: chosen[key] for key in keys}

    return keys_of_protocol


def embedded_visits(wildcards):
    """The visits that train the embedding of a protocol: of its cohort, or of the whole hospital."""
    chosen = ALL_MORTALITY_PROTOCOLS[wildcards.protocol]
    folder = "hospital" if chosen["embedding"] == "hospital" else "visits"
    return shards(f"results/mortality/{wildcards.protocol}/{folder}/{{shard}}.parquet")


def visit_network(wildcards):
    """A parameter: the shape of a network of mortality, with what its protocol says of it."""
    chosen = ALL_MORTALITY_PROTOCOLS[wildcards.protocol]
    network = config["mortality"]["networks"][wildcards.recurrent]
    return {**network, "empty_visits": chosen["empty_visits"]}


def visit_reading(wildcards):
    """A parameter: how the visits of a mortality model were read, which predictions have to repeat."""
    chosen = ALL_MORTALITY_PROTOCOLS[wildcards.protocol]
    kept = {key: chosen[key] for key in ("repeated_codes", "code_names")}
    return {"max_visits": config["mortality"]["max_visits"], **kept}


def network_training(wildcards):
    """A parameter: how a network of mortality is trained, with what its protocol says of it."""
    chosen = ALL_MORTALITY_PROTOCOLS[wildcards.protocol]
    return {
        **config["mortality"]["training"],
        "stopping": chosen["stopping"],
        "batch_size": chosen["batch_size"][wildcards.recurrent],
    }


def arrivals(path):
    """A parameter: how often files that the jobs before could not use have come since, by their list."""

    def arrivals_of_job(wildcards):
        return count_arrivals(path.format(**dict(wildcards.items())))

    return arrivals_of_job


def multimodal(path):
    """An input function: the path for the multimodal model of the rule's stays."""

    def path_of_subset(wildcards):
        return path.format(model=PUBLISHED_FOLDERS[""][wildcards.subset], **dict(wildcards.items()))

    return path_of_subset


def published_member(path):
    """An input function: the path for the model behind a folder of published result files."""

    def path_of_member(wildcards):
        folder = wildcards.get("family", wildcards.get("network"))
        member = PUBLISHED_FOLDERS[folder][wildcards.subset]
        return path.format(member=member, **{"fold": wildcards.get("fold")})

    return path_of_member


def options(section, *keys):
    """These keys of a section of the configuration, and no others, so that only they rerun a rule."""
    return {key: config[section][key] for key in keys}
