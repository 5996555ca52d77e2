"""Adapter of rule measure_vitals."""

from mimicflow.arrest.vital_features import measure_vitals
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    measure_vitals(
        snakemake.input.plan,
        snakemake.input.scanned,
        snakemake.params.waveforms,
        snakemake.output[0],
        shard=int(snakemake.wildcards.shard),
        max_wrong_checksums=snakemake.params.max_wrong_checksums,
    )
