"""Adapter of rule judge_sample_size."""

from mimicflow.evaluation.sample_size import judge_sample_size
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    judge_sample_size(
        snakemake.input.scores,
        snakemake.input.cohort,
        snakemake.output[0],
        Study(**snakemake.params.study),
        model=snakemake.params.model,
        predictors=snakemake.params.predictors,
    )
