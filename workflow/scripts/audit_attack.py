"""Adapter of rule audit_attack."""

from mimicflow.audit.files import placed
from mimicflow.audit.time.attack import audit_attack
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    audit_attack(
        snakemake.output[0],
        Study(**snakemake.params.study),
        **placed(snakemake.params.files, snakemake.input.files),
        system=snakemake.wildcards.system,
        stays=snakemake.params.stays,
        options=snakemake.params.options,
        cohort_options=snakemake.params.cohort_options,
        recordings=snakemake.params.recordings,
        memory_mb=snakemake.resources.mem_mb,
    )
