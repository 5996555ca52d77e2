"""Adapter of rule build_sequences."""

from mimicflow.mortality.sequences import build_sequences
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    build_sequences(
        snakemake.input.visits,
        snakemake.input.embedding,
        output=snakemake.output[0],
    )
