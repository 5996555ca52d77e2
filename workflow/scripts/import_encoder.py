"""Adapter of rule import_encoder."""

from mimicflow.ecg.given.importing import import_encoder
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    import_encoder(
        snakemake.input.weights,
        snakemake.input.contract,
        ecg=snakemake.params.ecg,
        encoder=snakemake.params.encoder,
        seed=snakemake.params.seed,
        output=snakemake.output.model,
        history=snakemake.output.history,
    )
