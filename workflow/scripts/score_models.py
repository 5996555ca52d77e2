"""Adapter of rule score_models."""

from mimicflow.evaluation.scores import score_models
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    score_models(
        dict(zip(snakemake.params.subsets, snakemake.input.predictions, strict=True)),
        outputs=dict(snakemake.output.items()),
        subsets=snakemake.params.subsets,
        rules=snakemake.params.rules,
        optimistic=snakemake.params.optimistic,
        study=Study(**snakemake.params.study),
        beside=snakemake.input.beside,
    )
