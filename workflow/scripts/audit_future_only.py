"""Adapter of rule audit_future_only."""

from mimicflow.audit.future_only import audit_future_only
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    audit_future_only(
        snakemake.wildcards.system,
        snakemake.params.runs,
        snakemake.output[0],
        study=Study(**snakemake.params.study),
    )
