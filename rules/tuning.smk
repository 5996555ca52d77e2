"""Better settings of a model, sought by Optuna: each trial is a job, and no test patient has a part in it.

INPUTS   what the rules of the models read, the spine without test patients; the configuration's `tuning`
OUTPUTS  results/{admission,mortality/{protocol}}/tuning/{model}: trials.csv, best.yaml, tuning.png
STEPS    inner patients; round by round: trials suggested from those before, fitted and scored; the best chosen

How many rounds and trials there are is in the configuration, so that no checkpoint is needed. Trials
are files: more rounds later go on from those that there are.
"""

from mimicflow.learning.tuning.searches import read_searches, require_search, require_searches

# The keys that a search may change: those of the model itself, which nothing before its job reads.
TUNABLE = {
    "admission": {
        **{
            name: [f"models.{name}.{key}" for key in model if key not in ("stays", "branches")]
            for name, model in config["models"].items()
        },
        **{name: [f"baselines.{name.rpartition('_')[0]}"] for name in BASELINES},
    },
    "mortality": {
        **{name: [f"mortality.networks.{name}", "mortality.training"] for name in VISIT_NETWORKS},
        **{
            name: [f"mortality.baselines.{name}", "mortality.training.pos_weight"]
            for name in BAGS_OF_CODES
        },
    },
}
SEARCHES = read_searches(WRITTEN, SCHEMA, DISAGREEMENTS, TUNABLE)
# Whose patients are meant where nobody says so, by system: those of the first protocol.
TUNED_ON = {"admission": "admission", "mortality": f"mortality/{MORTALITY_PROTOCOLS[0]}"}


wildcard_constraints:
    under=f"(?:/(?:{'|'.join(ALL_MORTALITY_PROTOCOLS)}))?",
    tuned="|".join(dict.fromkeys(model for models in TUNABLE.values() for model in models)),
    round="[0-9]+",
    trial="[0-9]+",


def overlays_of_searches(wildcards):
    """The best trial of every search that the configuration asks for."""
    require_searches(SEARCHES)
    return [
        f"results/{TUNED_ON[system]}/tuning/{model}/best.yaml"
        for system, models in SEARCHES.items()
        for model in models
    ]


def spine_of_system(wildcards):
    """The spine that a search is made on, test patients included."""
    return EVALUATED[wildcards.system]["cohort"].format(protocol=wildcards.under.lstrip("/"))


def trials_before(wildcards):
    """The trials of all rounds before this one."""
    search = require_search(SEARCHES, wildcards.system, wildcards.tuned)
    return trials_of(wildcards, search.before(int(wildcards.round)))


def all_trials(wildcards):
    """The trials of all rounds."""
    search = require_search(SEARCHES, wildcards.system, wildcards.tuned)
    return trials_of(wildcards, search.before(search.rounds))


def trials_of(wildcards, numbers):
    path = "results/{system}{under}/tuning/{tuned}/trial_{trial}.json"
    return [path.format(**dict(wildcards.items()), trial=number) for number in numbers]


def suggested(system, folder):
    """An input function: the round that suggests the trial of the rule."""

    def round_of_trial(wildcards):
        place = folder.format(**dict(wildcards.items()))
        search = require_search(SEARCHES, system, Path(place).name)
        return f"{place}/round_{search.round_of(int(wildcards.trial))}.json"

    return round_of_trial


def of_search(key):
    """A parameter: a part of the search of the rule."""

    def part_of_search(wildcards):
        return getattr(require_search(SEARCHES, wildcards.system, wildcards.tuned), key)

    return part_of_search


rule keep_inner_patients:
    """The spine without test patients: whoever chooses settings is given no other."""
    input:
        spine=spine_of_system,
        code=sources("learning.splits"),
    output:
        "results/{system}{under}/tuning/spine.parquet",
    log:
        "results/logs/keep_inner_patients/{system}{under}.log",
    benchmark:
        "results/benchmarks/keep_inner_patients/{system}{under}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        multi=config["split"]["multi"],
    script:
        "../workflow/scripts/keep_inner_patients.py"


rule suggest_trials:
    """The settings of the trials of a round, from the scores of all rounds before."""
    input:
        done=trials_before,
        code=sources("learning.tuning.suggestion"),
    output:
        "results/{system}{under}/tuning/{tuned}/round_{round}.json",
    log:
        "results/logs/suggest_trials/{system}{under}_{tuned}_{round}.log",
    benchmark:
        "results/benchmarks/suggest_trials/{system}{under}_{tuned}_{round}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        trials=of_search("trials"),
        space=of_search("space"),
        own=of_search("own"),
        seed=config["seed"]["weights"],
    script:
        "../workflow/scripts/suggest_trials.py"


rule try_model:
    """One variant of the GRU networks with the settings of a trial, scored on validation patients."""
    input:
        suggested=suggested("admission", "results/admission/tuning/{model}"),
        final_ecgs="results/final_ecgs.parquet",
        gsn_etc="results/features/gsn_etc.parquet",
        vitals="results/vitals_long_cleaned.parquet",
        cohort_ecgs="results/cohort/ecgs.parquet",
        spine="results/admission/tuning/spine.parquet",
        stores=shards("results/ecg/store/{shard}.npy"),
        indices=shards("results/ecg/store/{shard}.parquet"),
        pretrained="results/pretrained_model.pth",
        network=network_files,
        code=sources("admission.tuning", "admission.inputs"),
    output:
        "results/admission/tuning/{model}/trial_{trial}.json",
    log:
        "results/logs/try_model/{model}_{trial}.log",
    benchmark:
        "results/benchmarks/try_model/{model}_{trial}.tsv"
    conda:
        "../envs/gpu.yaml"
    threads: DEVICES
    resources:
        mem_mb=memory(4000),
        runtime="1d",
        gpu=DEVICES,
        save_minutes=config["computing"]["save_minutes"],
    params:
        computing=COMPUTING,
        model=lookup("models/{model}", within=config),
        encoder=config["encoder"],
        preprocessing={
            **options("features", "acuity_median", "outliers"),
            **options("vitals", "imputer_rows", "max_rows"),
            **options("split", "stopping", "multi"),
        },
        threshold=lookup("evaluation/threshold", within=config),
        seed=config["seed"]["weights"],
    script:
        "../workflow/scripts/try_model.py"


rule try_baseline:
    """Random forest or LightGBM with the settings of a trial, scored on validation patients."""
    input:
        suggested=suggested("admission", "results/admission/tuning/{kind}_{subset}"),
        final_ecgs="results/final_ecgs.parquet",
        spine="results/admission/tuning/spine.parquet",
        code=sources("admission.tuning"),
    output:
        "results/admission/tuning/{kind}_{subset}/trial_{trial}.json",
    log:
        "results/logs/try_baseline/{kind}_{subset}_{trial}.log",
    benchmark:
        "results/benchmarks/try_baseline/{kind}_{subset}_{trial}.tsv"
    conda:
        "../envs/gpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        options=lookup("baselines/{kind}", within=config),
        acuity_median=lookup("features/acuity_median", within=config),
        split=options("split", "stopping", "multi"),
        seed=config["seed"]["weights"],
    script:
        "../workflow/scripts/try_baseline.py"


rule try_visit_network:
    """A network over the visits with the settings of a trial, trained once, scored on validation patients."""
    input:
        suggested=suggested("mortality", "results/mortality/{protocol}/tuning/{recurrent}"),
        spine="results/mortality/{protocol}/tuning/spine.parquet",
        sequences="results/mortality/{protocol}/sequences.npz",
        code=sources("mortality.tuning"),
    output:
        "results/mortality/{protocol}/tuning/{recurrent}/trial_{trial}.json",
    log:
        "results/logs/try_visit_network/{protocol}_{recurrent}_{trial}.log",
    benchmark:
        "results/benchmarks/try_visit_network/{protocol}_{recurrent}_{trial}.tsv"
    conda:
        "../envs/gpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="4h",
        gpu=1,
        save_minutes=config["computing"]["save_minutes"],
    params:
        computing=COMPUTING,
        network=visit_network,
        training=network_training,
        reading=visit_reading,
        seed=config["seed"]["weights"],
    script:
        "../workflow/scripts/try_visit_network.py"


rule try_bag_of_codes:
    """Logistic regression or LightGBM with the settings of a trial, scored on validation patients."""
    input:
        suggested=suggested("mortality", "results/mortality/{protocol}/tuning/{bag}"),
        spine="results/mortality/{protocol}/tuning/spine.parquet",
        sequences="results/mortality/{protocol}/sequences.npz",
        code=sources("mortality.tuning"),
    output:
        "results/mortality/{protocol}/tuning/{bag}/trial_{trial}.json",
    log:
        "results/logs/try_bag_of_codes/{protocol}_{bag}_{trial}.log",
    benchmark:
        "results/benchmarks/try_bag_of_codes/{protocol}_{bag}_{trial}.tsv"
    conda:
        "../envs/gpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="1h",
    params:
        options=lookup("mortality/baselines/{bag}", within=config),
        pos_weight=lookup("mortality/training/pos_weight", within=config),
        reading=visit_reading,
        seed=config["seed"]["weights"],
    script:
        "../workflow/scripts/try_bag_of_codes.py"


rule choose_trial:
    """All trials of a search, and the keys of the best as an overlay of the configuration."""
    input:
        trials=all_trials,
        code=sources("learning.tuning.choice"),
    output:
        table=report(
            "results/{system}{under}/tuning/{tuned}/trials.csv",
            caption="../workflow/report/evaluation/tuning.rst",
            category="Tuning",
            labels={"table": "trials", "model": "{tuned}"},
        ),
        best="results/{system}{under}/tuning/{tuned}/best.yaml",
        figure=report(
            "results/{system}{under}/tuning/{tuned}/tuning.png",
            caption="../workflow/report/evaluation/tuning.rst",
            category="Tuning",
            labels={"figure": "trials", "model": "{tuned}"},
        ),
    log:
        "results/logs/choose_trial/{system}{under}_{tuned}.log",
    benchmark:
        "results/benchmarks/choose_trial/{system}{under}_{tuned}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        trials=of_search("trials"),
        space=of_search("space"),
        own=of_search("own"),
        study=study(),
    script:
        "../workflow/scripts/choose_trial.py"
