"""Adapter of rule train_visit_network."""

from mimicflow.learning.devices import Machine
from mimicflow.mortality.training import FitFiles, train_visit_network
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    train_visit_network(
        snakemake.wildcards.recurrent,
        network=snakemake.params.network,
        training=snakemake.params.training,
        spine=snakemake.input.spine,
        sequences=snakemake.input.sequences,
        reading=snakemake.params.reading,
        outputs=FitFiles(**dict(snakemake.output.items())),
        seeds=snakemake.params.seeds,
        seed=snakemake.params.seed,
        machine=Machine.of_job(snakemake),
    )
