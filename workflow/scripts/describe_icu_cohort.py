"""Adapter of rule describe_icu_cohort."""

from mimicflow.mortality.description import describe_cohort
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    describe_cohort(
        snakemake.input.spine,
        snakemake.input.visits,
        snakemake.output[0],
        synthetic=snakemake.params.synthetic,
        memory_mb=snakemake.resources.mem_mb,
    )
