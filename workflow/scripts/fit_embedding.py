"""Adapter of rule fit_embedding."""

from mimicflow.mortality.embedding import fit_embedding
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    fit_embedding(
        snakemake.input.visits,
        snakemake.input.spine,
        options=snakemake.params.embedding,
        output=snakemake.output[0],
        patients=snakemake.params.protocol["embedding"],
        seed=snakemake.params.seed,
    )
