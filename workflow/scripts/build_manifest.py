"""Adapter of rule build_manifest."""

from mimicflow.concepts.manifest import build_manifest
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    build_manifest(
        snakemake.input.reports,
        snakemake.output[0],
        strict=snakemake.params.strict,
        memory_mb=snakemake.resources.mem_mb,
        threads=snakemake.threads,
    )
