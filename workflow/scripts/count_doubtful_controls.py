"""Adapter of rule count_doubtful_controls."""

from mimicflow.arrest.ward.doubtful import count_doubtful_controls
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    count_doubtful_controls(
        snakemake.input.spine,
        snakemake.input.plan,
        snakemake.input.exclusions,
        snakemake.params.epochs,
        snakemake.output[0],
        study=Study(**snakemake.params.study),
    )
