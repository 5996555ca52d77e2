"""Could a prediction have seen what it should not? The checks that fit models anew.

INPUTS   predictions of the run and of the scenarios of the audit, features, raw tables
OUTPUTS  results/{system}/audit/{settings,future_only,single_features,permuted_labels}.csv
STEPS    LightGBM under other settings; with the future; each feature alone; on exchanged outcomes
"""

from itertools import product
from types import SimpleNamespace

# With what differences between settings are measured: it refits in seconds.
REFITTED = {"admission": ["lightgbm_all"], "mortality": ["lightgbm"], "arrest": ARREST_MODELS}
# What learns from exchanged outcomes, by protocol: all that refits in seconds. The published ones stand
# beside the others as a warning; of mortality with the network that the notebook is about.
PERMUTED = {
    "admission": [*product(["", protocols.PUBLISHED], BASELINES)],
    "mortality": [
        *product(MORTALITY_PROTOCOLS, BAGS_OF_CODES),
        *((name, "lstm") for name in MORTALITY_PROTOCOLS if name in OPTIMISTIC_MORTALITY),
    ],
    "arrest": [*product([""], ARREST_MODELS)],
}
if config["audit"]["networks"]:
    REFITTED = {
        **REFITTED,
        "admission": [*REFITTED["admission"], *config["models"]],
        "mortality": [*REFITTED["mortality"], *VISIT_NETWORKS],
    }
    PERMUTED = {
        **PERMUTED,
        "admission": [*product(["", protocols.PUBLISHED], [*BASELINES, *config["models"]])],
        "mortality": [*product(MORTALITY_PROTOCOLS, [*BAGS_OF_CODES, *VISIT_NETWORKS])],
    }


wildcard_constraints:
    permutation="[0-9]+",


def predictions_of_run(system, model):
    """The predictions of a model as the configuration has it."""
    protocol = {"mortality": "audited"}.get(system, "")
    folder = f"results/{system}/{protocol}/" if protocol else f"results/{system}/"
    return f"{folder}{model}/predictions.parquet"


def predictions_of_setting(setting, model):
    """The same under a setting of the audit; in arrest nothing is refitted."""
    if setting.system == "admission":
        return prediction_of_scenario(setting.run, model)
    if setting.system == "mortality":
        protocol = audits.protocol_of(setting, config)
        return f"results/mortality/{protocol}/{model}/predictions.parquet"
    return predictions_of_run(setting.system, model)


def permuted_runs(system):
    """By permutation, protocol and model: the predictions of models that learned from chance."""
    return {
        (number, protocol, model): permuted_predictions(system, number, protocol, model)
        for protocol, model in PERMUTED[system]
        for number in audits.permutations(config)
    }


def permuted_predictions(system, number, protocol, model):
    """Where the predictions of a model of one permutation lie."""
    if system == "admission":
        return prediction_of_scenario(audits.permuted(number, protocol), model)
    folder = f"{protocol}/{model}" if protocol else model
    return f"results/scenarios/{audits.permuted(number)}/{system}/{folder}/predictions.parquet"


# Intervals that are judged in all systems, and hold together.
PERMUTED_TESTS = sum(
    protocol not in EVALUATED[system]["optimistic"]
    for system in PERMUTED
    for _, protocol, _ in permuted_runs(system)
)


def permutation_of(wildcards):
    """A parameter: the number of the permutation of a scenario."""
    return SCENARIOS.config(wildcards.permuted)["cohort"]["permuted_outcomes"]


def permuted_protocols(wildcards):
    """A parameter: how each protocol of mortality labels, reads its visits and embeds their codes."""
    return {
        name: {
            "labels": of_protocol(*LABEL_KEYS)(of),
            "visits": visit_options(of),
            "reading": visit_reading(of),
            **of_protocol("embedding")(of),
            "networks": {
                network: {
                    "network": visit_network(SimpleNamespace(protocol=name, recurrent=network)),
                    "training": network_training(SimpleNamespace(protocol=name, recurrent=network)),
                }
                for network in VISIT_NETWORKS
                if (name, network) in PERMUTED["mortality"]
            },
        }
        for name in MORTALITY_PROTOCOLS
        for of in [SimpleNamespace(protocol=name)]
    }


def compared_settings(check):
    """A parameter: by setting and model, the predictions of the run and under the setting."""

    def pairs(wildcards):
        system = wildcards.system
        return {
            (setting.name, model): (
                predictions_of_run(system, model),
                predictions_of_setting(setting, model),
            )
            for setting in audits.changed(system, config, check)
            for model in REFITTED[system]
        }

    return pairs


def predictions_of_settings(check):
    """An input function: all that `compared_settings` names."""

    def files(wildcards):
        return sorted(
            {path for pair in compared_settings(check)(wildcards).values() for path in pair}
        )

    return files


rule audit_settings:
    """Scores under other clocks, lags and prediction times, less those of the run, on the same rows."""
    input:
        predictions=predictions_of_settings("settings"),
        code=sources("audit.settings"),
    output:
        report(
            "results/{system}/audit/settings.csv",
            caption="../workflow/report/audit/settings.rst",
            category="{system}",
            subcategory="audit",
            labels={"table": "audit: other settings"},
        ),
    log:
        "results/logs/audit_settings/{system}.log",
    benchmark:
        "results/benchmarks/audit_settings/{system}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="1h",
    params:
        runs=compared_settings("settings"),
        study=study(),
    script:
        "../workflow/scripts/audit_settings.py"


rule audit_future_only:
    """Scores of a model whose features see what follows the prediction, less those of the run."""
    input:
        predictions=predictions_of_settings("future_only"),
        code=sources("audit.future_only"),
    output:
        report(
            "results/{system}/audit/future_only.csv",
            caption="../workflow/report/audit/future_only.rst",
            category="{system}",
            subcategory="audit",
            labels={"table": "audit: with the future"},
        ),
    log:
        "results/logs/audit_future_only/{system}.log",
    benchmark:
        "results/benchmarks/audit_future_only/{system}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="1h",
    params:
        runs=compared_settings("future_only"),
        study=study(),
    script:
        "../workflow/scripts/audit_future_only.py"


rule audit_single_features:
    """The AUROC of every feature alone on test patients, and of its being missing."""
    input:
        unpack(lambda wildcards: SINGLE_FEATURES[wildcards.system]),
        models=lambda wildcards: [
            predictions_of_run(wildcards.system, model) for model in REFITTED[wildcards.system]
        ],
        code=sources("audit.single_features"),
    output:
        report(
            "results/{system}/audit/single_features.csv",
            caption="../workflow/report/audit/single_features.rst",
            category="{system}",
            subcategory="audit",
            labels={"table": "audit: single features"},
        ),
    log:
        "results/logs/audit_single_features/{system}.log",
    benchmark:
        "results/benchmarks/audit_single_features/{system}.tsv"
    conda:
        "../envs/gpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="2h",
    params:
        files=lambda wildcards: list(SINGLE_FEATURES[wildcards.system]),
        models=lambda wildcards: REFITTED[wildcards.system],
        limits=options("audit", "single_auroc", "missing_auroc"),
        study=study(),
    script:
        "../workflow/scripts/audit_single_features.py"


rule permute_outcomes:
    """Dispositions of the emergency department exchanged between stays, in the table itself."""
    input:
        edstays=shards("results/tables/ed/edstays/{shard}.parquet"),
        code=sources("audit.permuted_outcomes", "concepts/macros.sql"),
    output:
        shards("results/scenarios/{permuted}/tables/ed/edstays/{shard}.parquet"),
    log:
        "results/scenarios/{permuted}/logs/permute_outcomes.log",
    benchmark:
        "results/scenarios/{permuted}/benchmarks/permute_outcomes.tsv"
    wildcard_constraints:
        permuted="audit_permuted_[0-9]+",
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        permutation=permutation_of,
        seed=config["seed"]["split"],
    script:
        "../workflow/scripts/permute_outcomes.py"


rule refit_permuted_deaths:
    """Futures of patients exchanged in the tables themselves; cohort, visits and models made anew."""
    input:
        **shards_of(CONCEPTS["visit_codes"].tables),
        patients=shards("results/tables/hosp/patients/{shard}.parquet"),
        icustays=shards("results/tables/icu/icustays/{shard}.parquet"),
        stays="results/mortality/stays.parquet",
        code=sources("audit.permuted_deaths", *concept("first_icu_stay"), *concept("visit_codes")),
    output:
        [
            f"results/scenarios/audit_permuted_{{permutation}}/mortality/{protocol}/{model}/predictions.parquet"
            for protocol, model in PERMUTED["mortality"]
        ],
    log:
        "results/scenarios/audit_permuted_{permutation}/logs/refit_permuted_deaths.log",
    benchmark:
        "results/scenarios/audit_permuted_{permutation}/benchmarks/refit_permuted_deaths.tsv"
    conda:
        "../envs/gpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="6h",
    params:
        tables=["patients", "icustays", *CONCEPTS["visit_codes"].table_names],
        options={
            **options("mortality", "min_age", "horizon", "embedding", "baselines"),
            **options("mortality", "max_visits"),
            "split": MORTALITY_SPLIT,
            "pos_weight": config["mortality"]["training"]["pos_weight"],
        },
        protocols=permuted_protocols,
        computing=COMPUTING,
        runs=PERMUTED["mortality"],
        seed=config["seed"]["weights"],
    script:
        "../workflow/scripts/refit_permuted_deaths.py"


rule refit_permuted_arrests:
    """Arrests exchanged between stays; split, rounds, model and calibration made anew."""
    input:
        features="results/arrest/{arrest_model}/features.parquet",
        selected="results/arrest/{arrest_model}/selected_features.csv",
        best="results/arrest/{arrest_model}/best_params.json",
        weights="results/arrest/weights.parquet",
        code=sources("audit.permuted_arrests"),
    output:
        "results/scenarios/audit_permuted_{permutation}/arrest/{arrest_model}/predictions.parquet",
    log:
        "results/scenarios/audit_permuted_{permutation}/logs/refit_permuted_arrests/{arrest_model}.log",
    benchmark:
        "results/scenarios/audit_permuted_{permutation}/benchmarks/refit_permuted_arrests/{arrest_model}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="4h",
    params:
        options=arrest_fit,
        split=lookup("arrest/split", within=config),
        seeds=options("seed", "split", "weights"),
        synthetic=is_synthetic("arrest"),
    script:
        "../workflow/scripts/refit_permuted_arrests.py"


rule audit_permuted_labels:
    """AUROC of every model on outcomes that were exchanged: intervals of all hold 0.5 together."""
    input:
        predictions=lambda wildcards: list(permuted_runs(wildcards.system).values()),
        code=sources("audit.permuted_labels"),
    output:
        report(
            "results/{system}/audit/permuted_labels.csv",
            caption="../workflow/report/audit/permuted_labels.rst",
            category="{system}",
            subcategory="audit",
            labels={"table": "audit: permuted outcomes"},
        ),
    log:
        "results/logs/audit_permuted_labels/{system}.log",
    benchmark:
        "results/benchmarks/audit_permuted_labels/{system}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        runs=lambda wildcards: permuted_runs(wildcards.system),
        warned=lambda wildcards: sorted(EVALUATED[wildcards.system]["optimistic"]),
        tests=PERMUTED_TESTS,
        study=study(),
    script:
        "../workflow/scripts/audit_permuted_labels.py"
