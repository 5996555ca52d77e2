"""Adapter of rule describe_hrv_by_epoch."""

from mimicflow.arrest.results.over_time import Ranking, describe_hrv_by_epoch
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    describe_hrv_by_epoch(
        snakemake.input.features,
        Ranking(snakemake.input.importance, snakemake.input.selected),
        snakemake.params.options,
        snakemake.output.table,
        snakemake.output.figure,
        minutes=snakemake.params.minutes,
        study=Study(**snakemake.params.study),
    )
