"""Adapter of rule compare_models."""

from mimicflow.evaluation.comparison import compare_models
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    compare_models(
        dict(zip(snakemake.params.subsets, snakemake.input.predictions, strict=True)),
        snakemake.params.subsets,
        snakemake.output.table,
        snakemake.output.figure,
        threshold=snakemake.params.threshold,
        study=Study(**snakemake.params.study),
    )
