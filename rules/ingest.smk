"""Raw CSV to typed Parquet shards by patient; nothing that breaks the official schema gets further.

INPUTS   the folders under data: in the configuration
OUTPUTS  results/tables/{module}/{table}/{shard}.parquet with rejects and a report, results/manifest.json, results/mortality/manifest.json
STEPS    each table in one pass, then all reports with the referential checks between tables
"""

from mimicflow.raw.files import find_raw_file

# By the folder of its manifest below results/.
TABLES_READ = {
    f"{'' if system == 'admission' else f'{system}/'}": tables_of(system, config)
    for system in SECTIONS
}


wildcard_constraints:
    read="(mortality/|arrest/)?",


def table_files(wildcards):
    """The file of a table, compressed or not; the synthetic hospital's when it is still to be made."""
    folder = raw_folder()(wildcards)
    table = TABLES[f"{wildcards.module}/{wildcards.table}"]
    made = official_path(folder, table)
    return [made if made in MADE else str(find_raw_file(folder, table))]


def tables_read(paths):
    """An input function: these paths for every table that the manifest of the rule covers."""

    def paths_of_tables(wildcards):
        return collect(paths, table=TABLES_READ[wildcards["read"]])

    return paths_of_tables


rule ingest_table:
    """One raw table, checked against its schema in src/mimicflow/raw/tables, sharded by subject_id."""
    input:
        raw=declared(table_files),
        marks=marks(),
        code=sources("raw.ingest"),
    output:
        shards=shards("results/tables/{module}/{table}/{shard}.parquet"),
        rejects="results/tables/{module}/{table}/rejects.parquet",
        report="results/tables/{module}/{table}/report.json",
    log:
        "results/logs/ingest_table/{module}_{table}.log",
    benchmark:
        "results/benchmarks/ingest_table/{module}_{table}.tsv"
    wildcard_constraints:
        table="(?!d_)[a-z_]+",
    conda:
        "../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=memory(1000),
        runtime="2h",
    params:
        folder=raw_folder(),
        raw=raw_content(table_files),
        ingest=lookup("ingest", within=config),
    script:
        "../workflow/scripts/ingest_table.py"


# A table that explains codes belongs to no patient, so that it is one file.
use rule ingest_table as ingest_dictionary with:
    output:
        shards=["results/tables/{module}/{table}/0.parquet"],
        rejects="results/tables/{module}/{table}/rejects.parquet",
        report="results/tables/{module}/{table}/report.json",
    wildcard_constraints:
        table="d_[a-z_]+",


rule build_manifest:
    """What was read: rows, bytes, SHA-256, versions, and rows that refer to nothing."""
    input:
        reports=tables_read("results/tables/{table}/report.json"),
        shards=tables_read(shards("results/tables/{table}/{shard}.parquet")),
        code=sources(
            "concepts.manifest",
            "concepts/macros.sql",
            "concepts/lab_items.sql",
        ),
    output:
        "results/{read}manifest.json",
    log:
        "results/logs/{read}build_manifest.log",
    benchmark:
        "results/benchmarks/{read}build_manifest.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        strict=lookup("ingest/strict", within=config),
    script:
        "../workflow/scripts/build_manifest.py"
