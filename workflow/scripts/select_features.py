"""Adapter of rule select_features."""

from mimicflow.arrest.selection import select_features
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    select_features(
        snakemake.input.features,
        options=snakemake.params.selection,
        seed=snakemake.params.seed,
        output=snakemake.output.selected,
        rounds=snakemake.output.rounds,
        record=snakemake.output.record,
        threads=snakemake.threads,
    )
