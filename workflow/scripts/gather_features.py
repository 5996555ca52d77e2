"""Adapter of rule gather_features."""

from mimicflow.arrest.features import gather_features
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    gather_features(
        snakemake.input.plan,
        snakemake.input.spine,
        snakemake.input.measured,
        snakemake.input.features,
        names=snakemake.params.names,
        output=snakemake.output[0],
    )
