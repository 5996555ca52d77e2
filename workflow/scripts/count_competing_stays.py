"""Adapter of rule count_competing_stays."""

from mimicflow.arrest.ward.competing import count_competing_stays
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    count_competing_stays(
        snakemake.input.spine,
        snakemake.input.plan,
        snakemake.params.epochs,
        snakemake.output[0],
        study=Study(**snakemake.params.study),
    )
