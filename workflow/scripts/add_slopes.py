"""Adapter of rule add_slopes."""

from mimicflow.arrest.features import add_slopes
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    add_slopes(
        snakemake.input.plan,
        snakemake.input.measured,
        snakemake.input.vitals,
        snakemake.output[0],
        shard=int(snakemake.wildcards.shard),
    )
