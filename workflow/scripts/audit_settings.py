"""Adapter of rule audit_settings."""

from mimicflow.audit.settings import audit_settings
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    audit_settings(
        snakemake.wildcards.system,
        snakemake.params.runs,
        snakemake.output[0],
        study=Study(**snakemake.params.study),
    )
