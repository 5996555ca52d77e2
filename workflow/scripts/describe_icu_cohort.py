"""Adapter of rule describe_icu_cohort."""

from mimicflow.evaluation.study import Study
from mimicflow.mortality.description import describe_icu_cohort
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    describe_icu_cohort(
        snakemake.input.spine,
        snakemake.input.visits,
        snakemake.output[0],
        study=Study(**snakemake.params.study),
        beside=snakemake.input.beside,
        memory_mb=snakemake.resources.mem_mb,
    )
