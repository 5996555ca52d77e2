"""Adapter of rule describe_visits."""

from mimicflow.evaluation.study import Study
from mimicflow.mortality.description import describe_visits
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    describe_visits(
        snakemake.input.spine,
        snakemake.input.visits,
        snakemake.output.table,
        snakemake.output.summary,
        snakemake.output.figure,
        study=Study(**snakemake.params.study),
        beside=snakemake.input.beside,
        memory_mb=snakemake.resources.mem_mb,
    )
