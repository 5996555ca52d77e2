"""Who is watched by a bedside monitor, whose heart stops and when, and whose recordings can be read.

INPUTS   data.registry: recordings.csv, stays.csv, arrests.csv; data.waveforms: the recordings
OUTPUTS  results/arrest: recordings, cohort, exclusions, split, groups
STEPS    registry -> recordings looked at, shard by shard -> cohort -> split
"""

from mimicflow.bedside.mimic_waveforms import state_of_records


def recording_shards(path):
    """The path for every shard of recordings, other wildcards untouched."""
    return [path.replace("{shard}", str(shard)) for shard in range(config["arrest"]["groups"])]


def registry_files(wildcards):
    """The three tables of the registry of bedside recordings."""
    return registry_in(raw_folder("registry")(wildcards))


def records_there(wildcards):
    """A parameter: which records of MIMIC are there, so that the registry takes those that come later."""
    return state_of_records(raw_folder("waveforms")(wildcards))


rule build_registry:
    """The registry of MIMIC-IV: bedside recordings, ICU stays and their cardiac arrests."""
    input:
        patients=shards("results/tables/hosp/patients/{shard}.parquet"),
        admissions=shards("results/tables/hosp/admissions/{shard}.parquet"),
        procedures_icd=shards("results/tables/hosp/procedures_icd/{shard}.parquet"),
        icustays=shards("results/tables/icu/icustays/{shard}.parquet"),
        procedureevents=shards("results/tables/icu/procedureevents/{shard}.parquet"),
        chartevents=shards("results/tables/icu/chartevents/{shard}.parquet"),
        manifest="results/arrest/manifest.json",
        code=sources(
            "bedside.mimic_registry",
            *concept("cardiac_arrest"),
            *concept("icu_registry"),
            *concept("limits_of_treatment"),
        ),
    output:
        recordings="results/arrest/registry/recordings.csv",
        stays="results/arrest/registry/stays.csv",
        arrests="results/arrest/registry/arrests.csv",
        unmatched="results/arrest/registry/unmatched.csv",
    log:
        "results/logs/build_registry.log",
    benchmark:
        "results/benchmarks/build_registry.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="4h",
    params:
        waveforms=raw_folder("waveforms"),
        records=records_there,
    script:
        "../workflow/scripts/build_registry.py"


rule scan_recordings:
    """The recordings of some patients: which lead, how long, or why they cannot be used."""
    input:
        registry=declared(registry_files),
        files=records("waveforms", "records"),
        code=sources(
            "bedside.scan",
        ),
    output:
        "results/arrest/recordings/{shard}.parquet",
    log:
        "results/logs/scan_recordings/{shard}.log",
    benchmark:
        "results/benchmarks/scan_recordings/{shard}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="2h",
    params:
        registry=raw_folder("registry"),
        raw=raw_content(registry_files),
        waveforms=raw_folder("waveforms"),
        shards=lookup("arrest/groups", within=config),
        max_wrong_checksums=lookup("arrest/cohort/max_wrong_checksums", within=config),
        awaited="results/.awaited/arrest/{shard}.parquet",
        arrivals=arrivals("results/.awaited/arrest/{shard}.parquet"),
    script:
        "../workflow/scripts/scan_recordings.py"


rule build_arrest_cohort:
    """Adults of medical and surgical ICUs with a usable ECG, and everything left out with its reason."""
    input:
        registry=declared(registry_files),
        scanned=recording_shards("results/arrest/recordings/{shard}.parquet"),
        code=sources(
            "arrest.cohort",
        ),
    output:
        stays="results/arrest/stays.parquet",
        excluded="results/arrest/excluded_stays.parquet",
        attrition=report(
            "results/arrest/attrition.csv",
            caption="../workflow/report/attrition.rst",
            category="arrest",
            labels={"table": "attrition"},
        ),
        exclusions=report(
            "results/arrest/exclusions.csv",
            caption="../workflow/report/arrest/exclusions.rst",
            category="arrest",
            labels={"table": "exclusions"},
        ),
    log:
        "results/logs/build_arrest_cohort.log",
    benchmark:
        "results/benchmarks/build_arrest_cohort.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        registry=raw_folder("registry"),
        raw=raw_content(registry_files),
        cohort=lookup("arrest/cohort", within=config),
        epochs=lookup("arrest/epochs", within=config),
        study=study("arrest"),
    script:
        "../workflow/scripts/build_arrest_cohort.py"


rule split_arrest_patients:
    """Development and held-out patients, and the five folds of the former, drawn once for all models."""
    input:
        stays="results/arrest/stays.parquet",
        code=sources("arrest.folds"),
    output:
        "results/arrest/spine.parquet",
    log:
        "results/logs/split_arrest_patients.log",
    benchmark:
        "results/benchmarks/split_arrest_patients.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        split=lookup("arrest/split", within=config),
        seed=config["seed"]["split"],
    script:
        "../workflow/scripts/split_arrest_patients.py"


use rule describe_groups as describe_arrest_groups with:
    input:
        stays="results/arrest/stays.parquet",
        code=sources("concepts.groups", *concept("arrest_stay_groups")),
    output:
        "results/arrest/groups.parquet",
    log:
        "results/logs/describe_arrest_groups.log",
    benchmark:
        "results/benchmarks/describe_arrest_groups.tsv"
    params:
        concept="arrest_stay_groups",
        tables=[],
