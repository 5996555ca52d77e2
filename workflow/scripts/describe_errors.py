"""Adapter of rule describe_errors."""

from mimicflow.evaluation.study import Study
from mimicflow.mortality.misjudged import describe_errors
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    describe_errors(
        snakemake.wildcards.visit_model,
        snakemake.input.predictions,
        snakemake.input.groups,
        snakemake.output[0],
        threshold=snakemake.params.threshold,
        study=Study(**snakemake.params.study),
    )
