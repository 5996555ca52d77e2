"""Adapter of rule initialise_encoder."""

from mimicflow.ecg.pretraining import initialise_encoder
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    initialise_encoder(
        (snakemake.input.stores, snakemake.input.indices),
        width=snakemake.params.encoder["width"],
        depth=snakemake.params.encoder["depth"],
        seed=snakemake.params.seed,
        output=snakemake.output.model,
        history=snakemake.output.history,
    )
