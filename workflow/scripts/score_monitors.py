"""Adapter of rule score_monitors."""

from mimicflow.arrest.results.monitors import score_monitors
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    score_monitors(
        dict(zip(snakemake.params.models, snakemake.input.predictions, strict=True)),
        snakemake.input.groups,
        snakemake.params.options,
        snakemake.output[0],
        study=Study(**snakemake.params.study),
    )
