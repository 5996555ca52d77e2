"""Adapter of rule refit_permuted_arrests."""

from mimicflow.audit.permuted_arrests import refit_permuted_arrests
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    refit_permuted_arrests(
        snakemake.input.features,
        snakemake.input.selected,
        snakemake.input.best,
        snakemake.input.weights,
        options=snakemake.params.options,
        split=snakemake.params.split,
        output=snakemake.output[0],
        permutation=int(snakemake.wildcards.permutation),
        seeds=snakemake.params.seeds,
        synthetic=snakemake.params.synthetic,
        kind=snakemake.wildcards.arrest_model,
        threads=snakemake.threads,
    )
