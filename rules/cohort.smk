"""Who is in the cohort, at which moment we predict, and what happened.

INPUTS   results/tables, results/ecg/records.parquet, results/manifest.json
OUTPUTS  results/cohort: stays, their ECGs, attrition, and the spine with the split
STEPS    section by section as the attrition table tells; then patients are drawn for training, validation and test
"""


rule build_cohort:
    """Adult stays with a cardiac complaint and an ECG; the manifest is read first so that nothing unchecked gets in."""
    input:
        edstays=shards("results/tables/ed/edstays/{shard}.parquet"),
        triage=shards("results/tables/ed/triage/{shard}.parquet"),
        patients=shards("results/tables/hosp/patients/{shard}.parquet"),
        admissions=shards("results/tables/hosp/admissions/{shard}.parquet"),
        record_list=shards("results/tables/ecg/record_list/{shard}.parquet"),
        machine_measurements=shards(f"results/tables/{ECG_TIMES}/{{shard}}.parquet"),
        records=at("ecg/records.parquet"),
        manifest="results/manifest.json",
        code=sources(
            "admission.cohort",
            *concept("admission.cohort"),
            "reference/complaints.csv",
            "reference/attrition.csv",
            "reference/vital_ranges.csv",
        ),
    output:
        stays="results/{scenario}cohort/stays.parquet",
        ecgs="results/{scenario}cohort/ecgs.parquet",
        attrition=report(
            "results/{scenario}cohort/attrition.csv",
            caption="../workflow/report/attrition.rst",
            category="Cohort",
            labels={"table": "attrition"},
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
        seed=config["seed"],
    script:
        "../workflow/scripts/build_cohort.py"


rule split_patients:
    """Training, validation and test patients, drawn once for all models."""
    input:
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
        split=chosen(split=["test", "validation", "stratified", "folds", "fold"]),
        seed=config["seed"],
    script:
        "../workflow/scripts/split_patients.py"
