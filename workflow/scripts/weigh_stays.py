"""Adapter of rule weigh_stays."""

from mimicflow.arrest.ward.weights import weigh_stays
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    weigh_stays(
        snakemake.input.spine,
        snakemake.input.plan,
        snakemake.input.measured,
        snakemake.input.scanned,
        snakemake.params.epochs,
        snakemake.output[0],
    )
