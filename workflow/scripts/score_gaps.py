"""Adapter of rule score_gaps."""

from mimicflow.arrest.ward.gap import score_gaps
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    score_gaps(
        dict(zip(snakemake.params.models, snakemake.input.predictions, strict=True)),
        snakemake.params.options,
        snakemake.output[0],
        study=Study(**snakemake.params.study),
    )
