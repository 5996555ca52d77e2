"""Adapter of rule compare_arrest_models."""

from mimicflow.arrest.results.comparison import compare_arrest_models
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    compare_arrest_models(
        dict(zip(snakemake.params.models, snakemake.input.predictions, strict=True)),
        dict(zip(snakemake.params.models, snakemake.input.metrics, strict=True)),
        snakemake.params.pairs,
        snakemake.params.options,
        snakemake.output.table,
        snakemake.output.figure,
        study=Study(**snakemake.params.study),
    )
