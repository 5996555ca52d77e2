"""Adapter of rule extract_concept."""

from mimicflow.concepts.extract import extract_concept
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    extract_concept(
        snakemake.params.concept,
        tables=dict(zip(snakemake.params.tables, snakemake.input.tables, strict=True)),
        options=snakemake.params.options,
        output=snakemake.output[0],
        shard=int(snakemake.wildcards.shard),
        shards=snakemake.params.shards,
        memory_mb=snakemake.resources.mem_mb,
    )
