"""Adapter of rule compare_pairs."""

from mimicflow.evaluation.scores import compare_pairs
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    compare_pairs(
        dict(zip(snakemake.params.subsets, snakemake.input.predictions, strict=True)),
        snakemake.params.subsets,
        snakemake.output[0],
        study=Study(**snakemake.params.study),
        beside=snakemake.input.beside,
    )
