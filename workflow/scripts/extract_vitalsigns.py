"""Adapter of rule extract_vitalsigns."""

from mimicflow.scripting import rule_log
from mimicflow.vitals import build_vitals

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
