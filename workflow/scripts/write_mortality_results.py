"""Adapter of rule write_mortality_results."""

from mimicflow.evaluation.study import Study
from mimicflow.mortality.model_results import write_mortality_results
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    write_mortality_results(
        snakemake.wildcards.visit_model,
        snakemake.input.predictions,
        dict(snakemake.output.items()),
        rules=snakemake.params.rules,
        threshold=snakemake.params.threshold,
        study=Study(**snakemake.params.study),
        beside=snakemake.input.beside,
    )
