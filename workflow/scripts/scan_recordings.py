"""Adapter of rule scan_recordings."""

from mimicflow.bedside.scan import scan_recordings
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    scan_recordings(
        snakemake.params.registry,
        snakemake.params.waveforms,
        snakemake.output[0],
        shard=int(snakemake.wildcards.shard),
        shards=snakemake.params.shards,
        max_wrong_checksums=snakemake.params.max_wrong_checksums,
        awaited=snakemake.params.awaited,
        arrivals=snakemake.params.arrivals,
    )
