"""Adapter of rule build_gsn_etc."""

from mimicflow.admission.drugs import build_gsn_etc
from mimicflow.running.rule_log import rule_log

with rule_log(snakemake.log[0]):
    build_gsn_etc(
        snakemake.input.medrecon,
        snakemake.input.spine,
        options=snakemake.params.options,
        output=snakemake.output[0],
        memory_mb=snakemake.resources.mem_mb,
    )
