"""Adapter of rule count_epochs."""

from mimicflow.arrest.features import count_epochs
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    count_epochs(
        snakemake.input.plan,
        snakemake.input.measured,
        snakemake.output[0],
        Study(**snakemake.params.study),
    )
