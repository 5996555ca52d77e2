"""Adapter of rule extract_vitalsigns."""

from mimicflow.admission.vitals import build_vitals
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    build_vitals(
        tables={
            "spine": snakemake.input.spine,
            "triage": snakemake.input.triage,
            "vitalsign": snakemake.input.vitalsign,
        },
        options=snakemake.params.options,
        output=snakemake.output[0],
        shard=int(snakemake.wildcards.shard),
        shards=snakemake.params.shards,
        memory_mb=snakemake.resources.mem_mb,
    )
