"""Adapter of rule match_alarms."""

from mimicflow.arrest.results.matched_alarms import match_alarms
from mimicflow.arrest.results.monitored import PlannedFiles
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    match_alarms(
        dict(zip(snakemake.params.models, snakemake.input.predictions, strict=True)),
        PlannedFiles(snakemake.input.plan, snakemake.input.spine, snakemake.input.measured),
        snakemake.input.description,
        snakemake.params.options,
        snakemake.output.table,
        snakemake.output.figure,
        study=Study(**snakemake.params.study),
        reference=snakemake.params.reference,
    )
