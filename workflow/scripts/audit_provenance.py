"""Adapter of rule audit_provenance."""

from mimicflow.audit.files import placed
from mimicflow.audit.time.provenance import audit_provenance
from mimicflow.evaluation.study import Study
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    audit_provenance(
        snakemake.output[0],
        Study(**snakemake.params.study),
        **placed(snakemake.params.files, snakemake.input.files),
        options=snakemake.params.options,
        recordings=snakemake.params.recordings,
        ecg_clock_skew_minutes=snakemake.params.ecg_clock_skew_minutes,
        memory_mb=snakemake.resources.mem_mb,
    )
