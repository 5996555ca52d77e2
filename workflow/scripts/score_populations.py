"""Adapter of rule score_populations."""

from mimicflow.arrest.ward.populations import score_populations
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    score_populations(
        snakemake.input.predictions,
        snakemake.input.weights,
        snakemake.input.description,
        snakemake.params.options,
        snakemake.output[0],
        model=snakemake.wildcards.arrest_model,
        study=Study(**snakemake.params.study),
    )
