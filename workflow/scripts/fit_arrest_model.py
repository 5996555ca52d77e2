"""Adapter of rule fit_arrest_model."""

from mimicflow.arrest.training import fit_arrest_model
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    fit_arrest_model(
        snakemake.input.features,
        snakemake.input.selected,
        snakemake.input.best,
        snakemake.input.weights,
        options=snakemake.params.options,
        seed=snakemake.params.seed,
        synthetic=snakemake.params.synthetic,
        kind=snakemake.wildcards.arrest_model,
        threads=snakemake.threads,
        outputs=dict(snakemake.output.items()),
    )
