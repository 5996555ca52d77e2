"""Adapter of rule score_models."""

from mimicflow.evaluation.scores import score_models
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    score_models(
        dict(zip(snakemake.params.subsets, snakemake.input.predictions, strict=True)),
        snakemake.input.published,
        outputs=dict(snakemake.output.items()),
        subsets=snakemake.params.subsets,
        rules=snakemake.params.rules,
        draws=snakemake.params.draws,
        seed=snakemake.params.seed,
        optimistic=snakemake.params.optimistic,
        synthetic=snakemake.params.synthetic,
        key=snakemake.params.key,
    )
