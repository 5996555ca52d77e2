"""Adapter of rule fit_bag_of_codes."""

from mimicflow.mortality.baselines import fit_bag_of_codes
from mimicflow.mortality.training import FitFiles
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    fit_bag_of_codes(
        snakemake.wildcards.bag,
        options=snakemake.params.options,
        pos_weight=snakemake.params.pos_weight,
        spine=snakemake.input.spine,
        sequences=snakemake.input.sequences,
        reading=snakemake.params.reading,
        outputs=FitFiles(**dict(snakemake.output.items())),
        seeds=snakemake.params.seeds,
        seed=snakemake.params.seed,
        threads=snakemake.threads,
    )
