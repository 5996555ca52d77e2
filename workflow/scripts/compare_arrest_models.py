"""Adapter of rule compare_arrest_models."""

from mimicflow.arrest.results.comparison import compare_models
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    compare_models(
        dict(zip(snakemake.params.models, snakemake.input.predictions, strict=True)),
        dict(zip(snakemake.params.models, snakemake.input.metrics, strict=True)),
        snakemake.params.options,
        snakemake.input.published,
        snakemake.output.table,
        snakemake.output.figure,
        draws=snakemake.params.draws,
        seed=snakemake.params.seed,
        synthetic=snakemake.params.synthetic,
    )
