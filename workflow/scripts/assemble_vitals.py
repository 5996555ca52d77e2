"""Adapter of rule assemble_vitals."""

from mimicflow.scripting import rule_log
from mimicflow.vitals import assemble_vitals

with rule_log(snakemake.log[0]):
    assemble_vitals(snakemake.input.readings, snakemake.output[0], snakemake.resources.mem_mb)
