"""Adapter of rule describe_arrest_cohort."""

from mimicflow.arrest.results.description import describe_arrest_cohort
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    describe_arrest_cohort(
        snakemake.input.spine,
        snakemake.input.groups,
        snakemake.input.plan,
        snakemake.input.measured,
        snakemake.output[0],
        study=Study(**snakemake.params.study),
    )
