"""Adapter of rule assemble_static_features."""

from mimicflow.admission.static_features import assemble_static_features
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    assemble_static_features(
        {name: snakemake.input[name] for name in snakemake.params.concepts},
        snakemake.input.stays,
        snakemake.input.ecgs,
        snakemake.params.options,
        snakemake.output[0],
        drugs={name: snakemake.input[name] for name in snakemake.params.drugs},
        dictionary=snakemake.input.gsn_etc,
        memory_mb=snakemake.resources.mem_mb,
    )
