"""Adapter of rule audit_splits."""

from mimicflow.audit.files import placed
from mimicflow.audit.splits import audit_splits
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    audit_splits(
        **placed(snakemake.params.files, snakemake.input.files),
        **snakemake.params.options,
        output=snakemake.output[0],
        study=Study(**snakemake.params.study),
    )
