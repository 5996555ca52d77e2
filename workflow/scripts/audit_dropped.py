"""Adapter of rule audit_dropped."""

from mimicflow.audit.dropped import audit_dropped
from mimicflow.audit.files import placed
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    audit_dropped(
        snakemake.output[0],
        Study(**snakemake.params.study),
        **placed(snakemake.params.files, snakemake.input.files),
        options=snakemake.params.options,
    )
