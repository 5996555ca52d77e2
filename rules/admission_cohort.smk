"""Who is in the cohort, at which moment we predict, and what happened.

INPUTS   results/tables, results/ecg/records.parquet, results/manifest.json
OUTPUTS  results/cohort: stays, their ECGs, attrition, flow, and the spine with the split; results/admission: groups, table one
STEPS    section by section as the attrition table says; then patients are drawn for training, validation and test;
         then they are described
"""


def parts_kept(wildcards):
    """The spine whose patients stay in their parts, where the scenario says so."""
    kept = SCENARIOS.config(scenario_of(wildcards))["split"]["patients"] == "kept"
    return {"kept": "results/cohort/spine.parquet"} if kept else {}


def years_of_patients(test_from):
    """The table that says in which years a patient was there, where the split is by time."""
    return (
        {}
        if test_from == "none"
        else {"patients": shards("results/tables/hosp/patients/{shard}.parquet")}
    )


def years_of_scenario(wildcards):
    """The same, as the rule's scenario has it."""
    return years_of_patients(SCENARIOS.config(scenario_of(wildcards))["split"]["test_from"])


ECG_TIMES = "ecg/machine_measurements" if PRETRAINING else "ecg/record_list"


rule build_cohort:
    """Adult stays with a cardiac complaint and an ECG; the manifest is read first so that nothing unchecked gets in."""
    input:
        edstays=at(shards("tables/ed/edstays/{shard}.parquet")),
        triage=shards("results/tables/ed/triage/{shard}.parquet"),
        patients=shards("results/tables/hosp/patients/{shard}.parquet"),
        admissions=shards("results/tables/hosp/admissions/{shard}.parquet"),
        record_list=shards("results/tables/ecg/record_list/{shard}.parquet"),
        machine_measurements=shards(f"results/tables/{ECG_TIMES}/{{shard}}.parquet"),
        records=at("ecg/records.parquet"),
        manifest="results/manifest.json",
        code=sources(
            "admission.cohort",
            *concept("cohort"),
        ),
    output:
        stays="results/{scenario}cohort/stays.parquet",
        ecgs="results/{scenario}cohort/ecgs.parquet",
        excluded="results/{scenario}cohort/excluded_stays.parquet",
        attrition=report(
            "results/{scenario}cohort/attrition.csv",
            caption="../workflow/report/attrition.rst",
            category="Cohort",
            labels={"table": "attrition"},
        ),
        competing=report(
            "results/{scenario}cohort/competing_events.csv",
            caption="../workflow/report/competing_events.rst",
            category="Cohort",
            labels={"table": "competing events"},
        ),
    log:
        "results/{scenario}logs/build_cohort.log",
    benchmark:
        "results/{scenario}benchmarks/build_cohort.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="30m",
    params:
        cohort=setting("cohort"),
        seed=config["seed"]["hospital"],
        study=study("admission"),
    script:
        "../workflow/scripts/build_cohort.py"


rule split_patients:
    """Training, validation and test patients, drawn once for all models."""
    input:
        unpack(parts_kept),
        unpack(years_of_scenario),
        stays=at("cohort/stays.parquet"),
        code=sources("learning.splits"),
    output:
        "results/{scenario}cohort/spine.parquet",
    log:
        "results/{scenario}logs/split_patients.log",
    benchmark:
        "results/{scenario}benchmarks/split_patients.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        split=chosen(
            split=["test", "validation", "stratified", "folds", "fold", "patients", "test_from"]
        ),
        seed=setting("seed/split"),
    script:
        "../workflow/scripts/split_patients.py"


rule describe_groups:
    """The groups in which performance is reported, from what was known on arrival."""
    input:
        stays="results/cohort/stays.parquet",
        admissions=shards("results/tables/hosp/admissions/{shard}.parquet"),
        code=sources("concepts.groups", *concept("stay_groups")),
    output:
        "results/admission/groups.parquet",
    log:
        "results/logs/describe_groups.log",
    benchmark:
        "results/benchmarks/describe_groups.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        concept="stay_groups",
        tables=["admissions"],
    script:
        "../workflow/scripts/describe_groups.py"


rule write_table_one:
    """The cohort by outcome."""
    input:
        spine="results/cohort/spine.parquet",
        final_ecgs="results/final_ecgs.parquet",
        vitals="results/vitals_long_cleaned.parquet",
        groups="results/admission/groups.parquet",
        code=sources("evaluation.table_one"),
    output:
        report(
            "results/admission/table_one.csv",
            caption="../workflow/report/admission/table_one.rst",
            category="Cohort",
            labels={"table": "cohort by outcome"},
        ),
    log:
        "results/logs/write_table_one.log",
    benchmark:
        "results/benchmarks/write_table_one.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        study=study("admission"),
    script:
        "../workflow/scripts/write_table_one.py"


rule draw_flow:
    """The flow of patients, from all stays to the folds."""
    input:
        attrition="results/cohort/attrition.csv",
        spine="results/cohort/spine.parquet",
        folds="results/admission/nested/all_stays_model/predictions.parquet",
        code=sources("evaluation.figures.flow"),
    output:
        table="results/cohort/flow.csv",
        svg="results/cohort/flow.svg",
        png=report(
            "results/cohort/flow.png",
            caption="../workflow/report/admission/flow.rst",
            category="Cohort",
            labels={"figure": "flow of patients"},
        ),
    log:
        "results/logs/draw_flow.log",
    benchmark:
        "results/benchmarks/draw_flow.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        study=study("admission"),
    script:
        "../workflow/scripts/draw_flow.py"


# The same before there are folds: the cohort parts into training, validation and test patients.
use rule draw_flow as draw_split_flow with:
    input:
        attrition="results/cohort/attrition.csv",
        spine="results/cohort/spine.parquet",
        code=sources("evaluation.figures.flow"),
    output:
        table="results/cohort/flow_single.csv",
        svg="results/cohort/flow_single.svg",
        png=report(
            "results/cohort/flow_single.png",
            caption="../workflow/report/admission/flow.rst",
            category="Cohort",
            labels={"figure": "flow of patients, single split"},
        ),
    log:
        "results/logs/draw_split_flow.log",
    benchmark:
        "results/benchmarks/draw_split_flow.tsv"
