"""Adapter of rule try_bag_of_codes."""

from mimicflow.mortality.tuning import try_bag_of_codes
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    try_bag_of_codes(
        snakemake.wildcards.bag,
        int(snakemake.wildcards.trial),
        suggested=snakemake.input.suggested,
        output=snakemake.output[0],
        options=snakemake.params.options,
        pos_weight=snakemake.params.pos_weight,
        seed=snakemake.params.seed,
        spine=snakemake.input.spine,
        sequences=snakemake.input.sequences,
        reading=snakemake.params.reading,
        threads=snakemake.threads,
    )
