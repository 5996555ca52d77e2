"""What was known of each stay at its prediction time, concept by concept.

INPUTS   results/cohort/stays.parquet, results/cohort/spine.parquet, results/tables
OUTPUTS  results/features/{concept}/{shard}.parquet, results/final_ecgs.parquet, results/vitals_long_cleaned.parquet
STEPS    events with event_time and available_time -> cut at the prediction time -> one row per stay (drugs: one per
         drug) -> all concepts, drugs by the classes that training patients' records give them
"""

from mimicflow.concepts.catalogue import CONCEPTS

# Extracted by drug code; their classes depend on the split.
DRUG_CONCEPTS = [name for name, read in CONCEPTS.items() if read.rows == "drug"]


wildcard_constraints:
    concept="|".join(CONCEPTS),


def tables_of_concept(wildcards):
    """The stays that a concept is asked about, and the shards of the raw tables that it reads."""
    tables = CONCEPTS[wildcards.concept].tables
    read = [f"tables/{table}/{wildcards.shard}.parquet" for table in tables]
    return at(["cohort/stays.parquet", *read])(wildcards)


def concepts_of_scenario(name):
    """The concepts that give a row per stay, as a scenario has them."""
    asked = SCENARIOS.config(name)["features"]
    return [
        name
        for name, read in CONCEPTS.items()
        if read.rows == "stay" and (name != "home_medications" or asked[name])
    ]


def static_concepts(wildcards):
    """A parameter: the same of the rule's scenario."""
    return concepts_of_scenario(scenario_of(wildcards))


def features_of_concepts(wildcards):
    """The shards of all concepts that the rule's scenario has."""
    return {
        name: at(shards(f"features/{name}/{{shard}}.parquet"))(wildcards)
        for name in static_concepts(wildcards) + DRUG_CONCEPTS
    }


def names_of_tables(wildcards):
    """A parameter: what these tables are called in SQL; the stays are its spine."""
    return ["spine", *CONCEPTS[wildcards.concept].table_names]


def code_of_concept(wildcards):
    """The code and the SQL of a concept, so that no other is rerun by them."""
    return sources("concepts.extract", *concept(wildcards.concept))


def options_of_concept(wildcards):
    """A parameter: the keys that reference/stages.csv names for a concept, and no others."""
    whole = SCENARIOS.config(scenario_of(wildcards))
    keys = [key.split(".") for key in SCENARIOS.own_keys(f"features/{wildcards.concept}/")]
    return {key: whole[section][key] for section, key in keys}


rule extract_concept:
    """What was known of each stay at its prediction: one clinical concept of concepts/concepts.csv.

    The SQL says which events there are and from when each was known; the time is cut in one place.
    """
    input:
        tables=tables_of_concept,
        code=code_of_concept,
    output:
        "results/{scenario}features/{concept}/{shard}.parquet",
    log:
        "results/{scenario}logs/extract_concept/{concept}_{shard}.log",
    benchmark:
        "results/{scenario}benchmarks/extract_concept/{concept}_{shard}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        concept="{concept}",
        tables=names_of_tables,
        options=options_of_concept,
        shards=config["ingest"]["shards"],
    script:
        "../workflow/scripts/extract_concept.py"


rule build_gsn_etc:
    """The dictionary from drug codes (GSN) to classes (ETC), from training patients' medication reconciliation.

    Scenarios with a split of their own have one of their own; drugs are extracted by code, once for all of them.
    """
    input:
        medrecon=shards("results/tables/ed/medrecon/{shard}.parquet"),
        spine=at("cohort/spine.parquet"),
        code=sources("admission.drugs", *concept("gsn_etc")),
    output:
        "results/{scenario}features/gsn_etc.parquet",
    log:
        "results/{scenario}logs/build_gsn_etc.log",
    benchmark:
        "results/{scenario}benchmarks/build_gsn_etc.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        options=chosen(features=["drug_dictionary"]),
    script:
        "../workflow/scripts/build_gsn_etc.py"


rule assemble_static_features:
    """All concepts beside each other, drugs by their classes, one row per stay, under the published names."""
    input:
        unpack(features_of_concepts),
        stays=at("cohort/stays.parquet"),
        ecgs=at("cohort/ecgs.parquet"),
        gsn_etc=at("features/gsn_etc.parquet"),
        code=sources(
            "admission.static_features",
            *concept("drug_classes"),
            *concept("ed_medications"),
            *concept("medication_history"),
        ),
    output:
        "results/{scenario}final_ecgs.parquet",
    log:
        "results/{scenario}logs/assemble_static_features.log",
    benchmark:
        "results/{scenario}benchmarks/assemble_static_features.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        concepts=static_concepts,
        drugs=DRUG_CONCEPTS,
        options=chosen(features=["acuity_median", "fill", "etc_descriptions"]),
    script:
        "../workflow/scripts/assemble_static_features.py"


rule assemble_vitals:
    """All readings of all stays, under the published names."""
    input:
        readings=at(shards("features/vitalsigns/{shard}.parquet")),
        code=sources("admission.vitals"),
    output:
        "results/{scenario}vitals_long_cleaned.parquet",
    log:
        "results/{scenario}logs/assemble_vitals.log",
    benchmark:
        "results/{scenario}benchmarks/assemble_vitals.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    script:
        "../workflow/scripts/assemble_vitals.py"
