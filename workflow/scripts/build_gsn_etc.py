"""Adapter of rule build_gsn_etc."""

from mimicflow.features import build_gsn_etc
from mimicflow.scripting import rule_log

with rule_log(snakemake.log[0]):
    build_gsn_etc(snakemake.input.medrecon, snakemake.output[0], snakemake.resources.mem_mb)
