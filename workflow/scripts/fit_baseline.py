"""Adapter of rule fit_baseline."""

from mimicflow.admission.baselines import fit_baseline
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    fit_baseline(
        snakemake.wildcards.kind,
        snakemake.wildcards.subset,
        snakemake.input.final_ecgs,
        snakemake.input.spine,
        options=snakemake.params.options,
        outputs=dict(snakemake.output.items()),
        acuity_median=snakemake.params.acuity_median,
        **snakemake.params.split,
        seed=snakemake.params.seed,
        threads=snakemake.threads,
    )
