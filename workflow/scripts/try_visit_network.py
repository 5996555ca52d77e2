"""Adapter of rule try_visit_network."""

from mimicflow.learning.devices import Machine
from mimicflow.mortality.tuning import try_visit_network
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    try_visit_network(
        snakemake.wildcards.recurrent,
        int(snakemake.wildcards.trial),
        suggested=snakemake.input.suggested,
        output=snakemake.output[0],
        network=snakemake.params.network,
        training=snakemake.params.training,
        seed=snakemake.params.seed,
        spine=snakemake.input.spine,
        sequences=snakemake.input.sequences,
        reading=snakemake.params.reading,
        machine=Machine.of_job(snakemake),
    )
