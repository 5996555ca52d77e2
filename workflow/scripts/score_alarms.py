"""Adapter of rule score_alarms."""

from mimicflow.arrest.results.alarms import score_alarms
from mimicflow.arrest.results.monitored import PlannedFiles
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    score_alarms(
        snakemake.input.predictions,
        PlannedFiles(snakemake.input.plan, snakemake.input.spine, snakemake.input.measured),
        snakemake.input.description,
        snakemake.params.options,
        snakemake.output.alarms,
        snakemake.output.figure,
        model=snakemake.wildcards.arrest_model,
        study=Study(**snakemake.params.study),
    )
