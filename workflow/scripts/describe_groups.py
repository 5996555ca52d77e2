"""Adapter of rule describe_groups."""

from mimicflow.concepts.groups import describe_groups
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    describe_groups(
        snakemake.input.stays,
        {table: snakemake.input[table] for table in snakemake.params.tables},
        snakemake.output[0],
        memory_mb=snakemake.resources.mem_mb,
        concept=snakemake.params.concept,
    )
