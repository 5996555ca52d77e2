"""Adapter of rule audit_control."""

from mimicflow.audit.control.control import audit_control
from mimicflow.audit.files import placed
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    audit_control(
        snakemake.output[0],
        Study(**snakemake.params.study),
        system=snakemake.wildcards.system,
        files=placed(snakemake.params.files, snakemake.input.files),
        options=snakemake.params.options,
    )
