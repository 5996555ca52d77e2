"""Adapter of rule explain_arrest_model."""

from pathlib import Path

from mimicflow.arrest.results.explain import explain_model
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    explain_model(
        snakemake.input.features,
        Path(snakemake.input.model).parent,
        snakemake.input.published,
        dict(snakemake.output.items()),
        draws=snakemake.params.draws,
        threads=snakemake.threads,
        seed=snakemake.params.seed,
        synthetic=snakemake.params.synthetic,
    )
