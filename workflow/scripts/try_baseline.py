"""Adapter of rule try_baseline."""

from mimicflow.admission.tuning import try_baseline
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    try_baseline(
        snakemake.wildcards.kind,
        int(snakemake.wildcards.trial),
        suggested=snakemake.input.suggested,
        output=snakemake.output[0],
        options=snakemake.params.options,
        seed=snakemake.params.seed,
        subset=snakemake.wildcards.subset,
        final_ecgs=snakemake.input.final_ecgs,
        spine=snakemake.input.spine,
        acuity_median=snakemake.params.acuity_median,
        **snakemake.params.split,
        threads=snakemake.threads,
    )
