"""Raw CSV to typed Parquet shards by patient; nothing that breaks the official schema gets further.

INPUTS   the folders under data: in the configuration
OUTPUTS  results/tables/{module}/{table}/{shard}.parquet with rejects and a report, results/manifest.json
STEPS    each table in one pass, then all reports with the referential checks between tables
"""


rule ingest_table:
    """One raw table, checked against src/mimicflow/tables, sharded by subject_id."""
    input:
        raw=raw_table,
        code=sources("ingest", "reference/labs.csv", "tables/versions.csv"),
    output:
        shards=shards("results/tables/{module}/{table}/{shard}.parquet"),
        rejects="results/tables/{module}/{table}/rejects.parquet",
        report="results/tables/{module}/{table}/report.json",
    log:
        "results/logs/ingest_table/{module}_{table}.log",
    benchmark:
        "results/benchmarks/ingest_table/{module}_{table}.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=1000,
        runtime="2h",
    params:
        ingest=lookup("ingest", within=config),
    script:
        "../workflow/scripts/ingest_table.py"


rule build_manifest:
    """What was read: rows, bytes, SHA-256, versions, and rows that refer to nothing."""
    input:
        reports=collect("results/tables/{table}/report.json", table=ADMISSION_TABLES),
        shards=collect(shards("results/tables/{table}/{shard}.parquet"), table=ADMISSION_TABLES),
        code=sources("manifest", "tables/versions.csv"),
    output:
        "results/manifest.json",
    log:
        "results/logs/build_manifest.log",
    benchmark:
        "results/benchmarks/build_manifest.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=2000,
        runtime="30m",
    script:
        "../workflow/scripts/build_manifest.py"
