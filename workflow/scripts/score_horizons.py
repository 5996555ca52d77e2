"""Adapter of rule score_horizons."""

from mimicflow.arrest.results.horizons import score_horizons
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    score_horizons(
        snakemake.input.predictions,
        snakemake.params.options,
        snakemake.output.metrics,
        snakemake.output.roc,
        snakemake.output.prc,
        model=snakemake.wildcards.arrest_model,
        study=Study(**snakemake.params.study),
    )
