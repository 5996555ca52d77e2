"""Adapter of rule extract_hospital_visits."""

from mimicflow.concepts.extract import extract_hospital_visits
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    extract_hospital_visits(
        tables=dict(zip(snakemake.params.tables, snakemake.input.tables, strict=True)),
        options=snakemake.params.options,
        output=snakemake.output[0],
        memory_mb=snakemake.resources.mem_mb,
    )
