"""Adapter of rule audit_duplicates."""

from mimicflow.audit.duplicates import audit_duplicates
from mimicflow.audit.files import placed
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    audit_duplicates(
        snakemake.output[0],
        Study(**snakemake.params.study),
        **placed(snakemake.params.files, snakemake.input.files),
        same_ecg=snakemake.params.same_ecg,
    )
