"""Adapter of rule price_defects."""

from mimicflow.admission.price import price_of_defects
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    price_of_defects(
        snakemake.params.predictions,
        snakemake.input.published,
        snakemake.output[0],
        draws=snakemake.params.draws,
        seed=snakemake.params.seed,
        synthetic=snakemake.params.synthetic,
    )
