"""Adapter of rule count_competing_icu_stays."""

from mimicflow.evaluation.study import Study
from mimicflow.mortality.cohort import count_competing_icu_stays
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    count_competing_icu_stays(
        snakemake.input.stays, snakemake.output[0], Study(**snakemake.params.study)
    )
