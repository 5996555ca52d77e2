"""Adapter of rule describe_hrv_over_time."""

from mimicflow.arrest.results.over_time import Ranking, describe_hrv_over_time
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    describe_hrv_over_time(
        snakemake.input.features,
        Ranking(snakemake.input.importance, snakemake.input.selected),
        snakemake.params.options,
        snakemake.output.table,
        snakemake.output.figure,
        study=Study(**snakemake.params.study),
    )
