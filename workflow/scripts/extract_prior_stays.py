"""Adapter of rule extract_prior_stays."""

from mimicflow.concepts.extract import extract
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    extract(
        "prior_stays",
        tables={
            "spine": snakemake.input.spine,
            "edstays": snakemake.input.edstays,
        },
        options=snakemake.params.options,
        output=snakemake.output[0],
        shard=int(snakemake.wildcards.shard),
        shards=snakemake.params.shards,
        memory_mb=snakemake.resources.mem_mb,
    )
