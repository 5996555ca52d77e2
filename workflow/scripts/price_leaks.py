"""Adapter of rule price_leaks."""

from mimicflow.mortality.leaks import price_leaks
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    runs = [tuple(run) for run in snakemake.params.runs]
    price_leaks(
        dict(zip(runs, snakemake.input.predictions, strict=True)),
        snakemake.params.priced,
        snakemake.input.published,
        snakemake.output[0],
        draws=snakemake.params.draws,
        synthetic=snakemake.params.synthetic,
        seed=snakemake.params.seed,
    )
