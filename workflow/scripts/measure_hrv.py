"""Adapter of rule measure_hrv."""

from mimicflow.arrest.hrv_features import measure_hrv
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    measure_hrv(
        snakemake.input.plan,
        snakemake.input.scanned,
        snakemake.params.waveforms,
        options=snakemake.params.preprocessing,
        output=snakemake.output[0],
        shard=int(snakemake.wildcards.shard),
    )
