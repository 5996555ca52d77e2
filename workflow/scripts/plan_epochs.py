"""Adapter of rule plan_epochs."""

from mimicflow.arrest.epochs import plan_epochs
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    plan_epochs(
        snakemake.input.spine,
        snakemake.input.scanned,
        options=snakemake.params.epochs,
        seed=snakemake.params.seed,
        output=snakemake.output[0],
    )
