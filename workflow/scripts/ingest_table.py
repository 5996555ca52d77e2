"""Adapter of rule ingest_table."""

from pathlib import Path

from mimicflow.raw.ingest import ingest_table
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    report = Path(snakemake.output.report)
    ingest_table(
        snakemake.params.folder,
        f"{snakemake.wildcards.module}/{snakemake.wildcards.table}",
        report.parent,
        shards=snakemake.params.ingest["shards"],
        max_reject_share=snakemake.params.ingest["max_reject_share"],
        strict=snakemake.params.ingest["strict"],
        memory_mb=snakemake.resources.mem_mb,
        threads=snakemake.threads,
    )
