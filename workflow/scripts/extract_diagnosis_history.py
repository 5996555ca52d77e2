"""Adapter of rule extract_diagnosis_history."""

from mimicflow.concepts.extract import extract
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    extract(
        "diagnosis_history",
        tables={
            "spine": snakemake.input.spine,
            "diagnoses_icd": snakemake.input.diagnoses_icd,
            "admissions": snakemake.input.admissions,
        },
        options=snakemake.params.options,
        output=snakemake.output[0],
        shard=int(snakemake.wildcards.shard),
        shards=snakemake.params.shards,
        memory_mb=snakemake.resources.mem_mb,
    )
