"""Adapter of rule extract_concept."""

from mimicflow.concepts.extract import extract_concept
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    tables = dict(zip(snakemake.params.tables, snakemake.input.tables, strict=True))
    extract_concept(
        snakemake.params.concept,
        # What SQL calls spine: the predictions that a concept is asked about.
        tables={"spine": snakemake.input.stays, **tables},
        options=snakemake.params.options,
        output=snakemake.output[0],
        shard=int(snakemake.wildcards.shard),
        shards=snakemake.params.shards,
        memory_mb=snakemake.resources.mem_mb,
    )
