"""Adapter of rule write_mortality_results."""

from mimicflow.mortality.model_results import write_mortality_results
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    write_mortality_results(
        snakemake.wildcards.visit_model,
        snakemake.input.predictions,
        snakemake.input.published,
        dict(snakemake.output.items()),
        rules=snakemake.params.rules,
        draws=snakemake.params.draws,
        threshold=snakemake.params.threshold,
        synthetic=snakemake.params.synthetic,
        seed=snakemake.params.seed,
    )
