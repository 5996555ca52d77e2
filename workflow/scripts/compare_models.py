"""Adapter of rule compare_models."""

from mimicflow.evaluation.comparison import compare
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    compare(
        dict(zip(snakemake.params.subsets, snakemake.input.predictions, strict=True)),
        snakemake.params.subsets,
        snakemake.input.published,
        snakemake.output.table,
        snakemake.output.figure,
        draws=snakemake.params.evaluation["bootstrap_draws"],
        seed=snakemake.params.seed,
        threshold=snakemake.params.evaluation["threshold"],
        synthetic=snakemake.params.synthetic,
    )
