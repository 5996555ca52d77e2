"""Adapter of rule compare_pairs."""

from mimicflow.evaluation.tables import compare_pairs
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    compare_pairs(
        dict(zip(snakemake.params.stays, snakemake.input.predictions, strict=True)),
        snakemake.params.stays,
        snakemake.input.published,
        snakemake.output[0],
        synthetic=snakemake.params.synthetic,
        key=snakemake.params.key,
    )
