"""Adapter of rule score_without_doubtful."""

from mimicflow.arrest.ward.doubtful import score_without_doubtful
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    score_without_doubtful(
        dict(zip(snakemake.params.models, snakemake.input.predictions, strict=True)),
        snakemake.input.spine,
        snakemake.input.plan,
        snakemake.params.options,
        snakemake.params.epochs,
        snakemake.output[0],
        study=Study(**snakemake.params.study),
    )
