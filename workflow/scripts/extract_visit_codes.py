"""Adapter of rule extract_visit_codes."""

from mimicflow.concepts.extract import extract
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    extract(
        "visit_codes",
        tables={
            "spine": snakemake.input.spine,
            "admissions": snakemake.input.admissions,
            "diagnoses_icd": snakemake.input.diagnoses_icd,
            "procedures_icd": snakemake.input.procedures_icd,
            "prescriptions": snakemake.input.prescriptions,
        },
        options={**snakemake.params.sequence, **snakemake.params.protocol},
        output=snakemake.output[0],
        shard=int(snakemake.wildcards.shard),
        shards=snakemake.params.shards,
        memory_mb=snakemake.resources.mem_mb,
    )
