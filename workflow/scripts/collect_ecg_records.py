"""Adapter of rule collect_ecg_records."""

from mimicflow.ecg.store import collect_ecg_records
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    collect_ecg_records(
        snakemake.input.indices,
        snakemake.input.excluded,
        snakemake.output.records,
        snakemake.output.excluded,
        max_damaged_share=snakemake.params.max_damaged_share,
    )
