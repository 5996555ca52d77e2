"""Adapter of rule audit_permuted_labels."""

from mimicflow.audit.permuted_labels import audit_permuted_labels
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    audit_permuted_labels(
        snakemake.params.runs,
        snakemake.params.warned,
        snakemake.params.tests,
        snakemake.output[0],
        study=Study(**snakemake.params.study),
    )
