"""Cross-validated scores of every system: one room, whatever was predicted.

INPUTS   predictions of every model, results/{system}/groups.parquet
OUTPUTS  results/{system}/{protocol}: scores, comparisons, calibration, decisions, subgroups
STEPS    one table and one figure per question

`nested` folds stop and calibrate on patients inside each training part. `published` folds and the
single `seed` split stop on the patients that are reported, as the paper and its first release did.
"""


wildcard_constraints:
    system="|".join(EVALUATED),
    protocol="|".join(
        dict.fromkeys(["nested", "published", "seed", "single", *ALL_MORTALITY_PROTOCOLS])
    ),


def pooled_predictions(wildcards):
    """The out-of-fold predictions of every model of a system."""
    of = EVALUATED[wildcards.system]
    return collect(of["predictions"], protocol=wildcards.protocol, model=of["models"])


def evaluated(wildcards):
    """The models of a system, in the order of `pooled_predictions`, with their subsets of stays."""
    return EVALUATED[wildcards.system]["models"]


def cohort_of_system(wildcards):
    """All stays of a system, with their outcome."""
    return EVALUATED[wildcards.system]["cohort"].format(protocol=wildcards.protocol)


def predictions_before(wildcards):
    """Predictions of another protocol, where readers may compare the patients of both."""
    of = EVALUATED[wildcards.system]
    first = of.get("first_protocol", wildcards.protocol)
    if wildcards.protocol == first:
        return []
    return [of["predictions"].format(protocol=first, model=of["main_model"])]


def main_model(wildcards):
    return EVALUATED[wildcards.system]["main_model"]


def scores_to_judge_by(wildcards):
    """The scores of a system under its protocol to judge by."""
    system = wildcards.system
    protocol = EVALUATED[system]["judged_by"]
    return f"results/{system}/{protocol}/scores.csv"


def cohort_to_judge_by(wildcards):
    """All stays of a system under its protocol to judge by."""
    of = EVALUATED[wildcards.system]
    return of["cohort"].format(protocol=of["judged_by"])


def features_of_system(wildcards):
    """The features of a system that may be missing, and the vital signs beside them."""
    return {
        name: path.format(protocol=EVALUATED[wildcards.system]["judged_by"])
        for name, path in EVALUATED[wildcards.system]["features"].items()
    }


def predictors_of_system(wildcards):
    """A parameter: how many predictors the main model may choose from."""
    return EVALUATED[wildcards.system]["predictors"]()


def scenarios_of(system):
    """The scenarios of the configuration in which a system is compared; of mortality those that change it."""
    if system == "mortality":
        return [own for own in OWN_SCENARIOS if own.name in SCENARIO_PROTOCOLS]
    return [own for own in OWN_SCENARIOS if set(own.overlay) != {"mortality"}]


def run_of_scenario(system, own):
    """The main model of a system under a scenario, as the table of scenarios has it."""
    of = EVALUATED[system]
    protocol = f"scenario_{own.name}" if own.name else of["judged_by"]
    admission = prediction_of_scenario(own.name, of["main_model"])
    stopping = SCENARIOS.config(own.name)["split"]["stopping"]
    return {
        "scenario": own.name or CONFIGURATION,
        "repeat_of": (
            (own.parent or CONFIGURATION) if own.name not in ["", *config["scenarios"]] else ""
        ),
        "keys": words_of_keys(own.overlay),
        "system": system,
        "model": of["main_model"],
        "predictions": (
            of["predictions"].format(protocol=protocol, model=of["main_model"])
            if system == "mortality"
            else admission
        ),
        "optimistic": (
            protocol in OPTIMISTIC_MORTALITY if system == "mortality" else stopping == "test"
        ),
    }


def runs_of_scenarios(wildcards):
    """A parameter: the main models under all scenarios of the configuration, of each system first its own."""
    compared = {system: scenarios_of(system) for system in ("admission", "mortality")}
    return [
        run_of_scenario(system, own)
        for system, scenarios in compared.items()
        if scenarios
        for own in [Scenario(""), *scenarios]
    ]


def predictions_of_scenarios(wildcards):
    """The predictions of all these models, each once."""
    require_scenarios(OWN_SCENARIOS)
    return list(dict.fromkeys(run["predictions"] for run in runs_of_scenarios(wildcards)))


def is_optimistic(wildcards):
    """Whether the reported patients have had a part in what is reported of them."""
    return wildcards.protocol in EVALUATED[wildcards.system]["optimistic"]


rule score_models:
    """Every score of every model, with intervals by patient, over folds and pooled."""
    input:
        predictions=pooled_predictions,
        beside=predictions_before,
        code=sources("evaluation.scores"),
    output:
        scores=report(
            "results/{system}/{protocol}/scores.csv",
            caption="../workflow/report/scores.rst",
            category="{system}",
            subcategory="{protocol}",
            labels={"table": "scores"},
        ),
        folds="results/{system}/{protocol}/folds.csv",
        curves="results/{system}/{protocol}/curves.csv",
    log:
        "results/logs/score_models/{system}_{protocol}.log",
    benchmark:
        "results/benchmarks/score_models/{system}_{protocol}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="1h",
    params:
        subsets=evaluated,
        rules=lookup("evaluation/thresholds", within=config),
        optimistic=is_optimistic,
        study=study(),
    script:
        "../workflow/scripts/score_models.py"


rule compare_pairs:
    """DeLong's test between all models of the same subset of stays, clustered by patient."""
    input:
        predictions=pooled_predictions,
        beside=predictions_before,
        code=sources("evaluation.scores"),
    output:
        report(
            "results/{system}/{protocol}/comparisons.csv",
            caption="../workflow/report/evaluation/comparisons.rst",
            category="{system}",
            subcategory="{protocol}",
            labels={"table": "pairwise comparisons"},
        ),
    log:
        "results/logs/compare_pairs/{system}_{protocol}.log",
    benchmark:
        "results/benchmarks/compare_pairs/{system}_{protocol}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        subsets=evaluated,
        study=study(),
    script:
        "../workflow/scripts/compare_pairs.py"


rule calibrate_models:
    """Calibration as it is and recalibrated on inner predictions: temperature, isotonic, beta."""
    input:
        predictions=pooled_predictions,
        beside=predictions_before,
        code=sources("evaluation.calibration_table"),
    output:
        calibration="results/{system}/{protocol}/calibration.csv",
        reliability="results/{system}/{protocol}/reliability.csv",
        figure=report(
            "results/{system}/{protocol}/reliability.png",
            caption="../workflow/report/evaluation/reliability.rst",
            category="{system}",
            subcategory="{protocol}",
            labels={"figure": "calibration"},
        ),
    log:
        "results/logs/calibrate_models/{system}_{protocol}.log",
    benchmark:
        "results/benchmarks/calibrate_models/{system}_{protocol}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="1h",
    params:
        subsets=evaluated,
        study=study(),
    script:
        "../workflow/scripts/calibrate_models.py"


rule weigh_decisions:
    """Net benefit of acting on a prediction, over the thresholds at which one might act."""
    input:
        predictions=pooled_predictions,
        beside=predictions_before,
        code=sources("evaluation.decisions"),
    output:
        decision="results/{system}/{protocol}/decision.csv",
        figure=report(
            "results/{system}/{protocol}/decision.png",
            caption="../workflow/report/evaluation/decision.rst",
            category="{system}",
            subcategory="{protocol}",
            labels={"figure": "decision curves"},
        ),
    log:
        "results/logs/weigh_decisions/{system}_{protocol}.log",
    benchmark:
        "results/benchmarks/weigh_decisions/{system}_{protocol}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        subsets=evaluated,
        net_benefit=lookup("evaluation/net_benefit", within=config),
        study=study(),
    script:
        "../workflow/scripts/weigh_decisions.py"


rule score_subgroups:
    """Discrimination, calibration, sensitivity and PPV by sex, age, race, arrival and insurance."""
    input:
        predictions=pooled_predictions,
        groups="results/{system}/groups.parquet",
        cohort=cohort_of_system,
        code=sources("evaluation.subgroups"),
    output:
        subgroups="results/{system}/{protocol}/subgroups.csv",
        figure=report(
            "results/{system}/{protocol}/subgroups.png",
            caption="../workflow/report/evaluation/subgroups.rst",
            category="{system}",
            subcategory="{protocol}",
            labels={"figure": "subgroups"},
        ),
    log:
        "results/logs/score_subgroups/{system}_{protocol}.log",
    benchmark:
        "results/benchmarks/score_subgroups/{system}_{protocol}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="1h",
    params:
        subsets=evaluated,
        drawn=main_model,
        rules=lookup("evaluation/thresholds", within=config),
        study=study(),
    script:
        "../workflow/scripts/score_subgroups.py"


rule judge_sample_size:
    """Patients needed by Riley's criteria, against those that there are."""
    input:
        scores=scores_to_judge_by,
        cohort=cohort_to_judge_by,
        code=sources("evaluation.sample_size"),
    output:
        report(
            "results/{system}/sample_size.csv",
            caption="../workflow/report/evaluation/sample_size.rst",
            category="{system}",
            labels={"table": "sample size"},
        ),
    log:
        "results/logs/judge_sample_size/{system}.log",
    benchmark:
        "results/benchmarks/judge_sample_size/{system}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        model=main_model,
        predictors=predictors_of_system,
        study=study(),
    script:
        "../workflow/scripts/judge_sample_size.py"


rule count_missing:
    """What was not measured, by feature and outcome, and what is done with it."""
    input:
        unpack(features_of_system),
        cohort=cohort_to_judge_by,
        code=sources("evaluation.missing"),
    output:
        report(
            "results/{system}/missing.csv",
            caption="../workflow/report/evaluation/missing.rst",
            category="{system}",
            labels={"table": "missing values"},
        ),
    log:
        "results/logs/count_missing/{system}.log",
    benchmark:
        "results/benchmarks/count_missing/{system}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        study=study(),
    script:
        "../workflow/scripts/count_missing.py"


rule compare_scenarios:
    """The main models under the scenarios of the configuration, beside those of the configuration itself."""
    input:
        predictions=predictions_of_scenarios,
        code=sources("evaluation.scenarios.comparison"),
    output:
        table=report(
            "results/scenarios/comparison.csv",
            caption="../workflow/report/evaluation/scenarios.rst",
            category="Scenarios",
            labels={"table": "scenarios"},
        ),
        figure=report(
            "results/scenarios/comparison.png",
            caption="../workflow/report/evaluation/scenarios.rst",
            category="Scenarios",
            labels={"figure": "scenarios"},
        ),
    log:
        "results/logs/compare_scenarios.log",
    benchmark:
        "results/benchmarks/compare_scenarios.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="1h",
    params:
        runs=runs_of_scenarios,
        study=study("admission", "mortality"),
    script:
        "../workflow/scripts/compare_scenarios.py"
