"""Adapter of rule pretrain_encoder."""

from mimicflow.ecg.pretraining import pretrain_encoder
from mimicflow.learning.devices import Machine
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    pretrain_encoder(
        snakemake.input.targets,
        snakemake.input.labels,
        (snakemake.input.stores, snakemake.input.indices),
        snakemake.input.spine,
        width=snakemake.params.encoder["width"],
        depth=snakemake.params.encoder["depth"],
        pretraining=snakemake.params.pretraining,
        seed=snakemake.params.seed,
        output=snakemake.output.model,
        history=snakemake.output.history,
        machine=Machine.of_job(snakemake),
    )
